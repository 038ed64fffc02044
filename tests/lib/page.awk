# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Takes the commands out of a page in Markdown, so that a test can carry them out:
#	awk -v out=DIR -f page.awk PAGE
# writes what is fenced:
#	"```sh", where the first or second line is "# /PATH/NAME": a script or a file of settings. It becomes
#		DIR/NAME, a further one of the same name DIR/NAME.2, and so on.
#	"```", where a line begins with "# ": what was typed, each behind a "# ", and what that printed. The
#		N-th one below a heading becomes DIR/HEADING.N, in which the heading is small and has hyphens.
# and the list of all of these, DIR/list.

function slug(heading) {
	sub(/^#+ /, "", heading)
	gsub(/[^A-Za-z0-9 -]/, "", heading)
	gsub(/ /, "-", heading)
	return tolower(heading)
}

function name_of_script(n, words) {
	if (row[1] !~ /^# \// && row[2] !~ /^# \//)
		return ""
	n = split(row[1] ~ /^# \// ? row[1] : row[2], words, "/")
	return words[n] (count[words[n]]++ ? "." count[words[n]] : "")
}

function name_of_session(i) {
	for (i = 1; i <= rows; i++)
		if (row[i] ~ /^# /)
			return heading "." ++count[heading]
	return ""
}

function write(name, i) {
	if (name == "")
		return
	for (i = 1; i <= rows; i++)
		print row[i] >(out "/" name)
	close(out "/" name)
	print name >(out "/list")
}

/^```/ {
	if (fence == "") {
		fence = $0
		rows = 0
	} else {
		write(fence == "```sh" ? name_of_script() : name_of_session())
		fence = ""
	}
	next
}
fence != "" { row[++rows] = $0; next }
/^#+ / { heading = slug($0) }
