# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Presses TAB after a line in a zsh, and waits until it shows all of some words:
#	zsh -f completed.zsh FOLDER LINE WORD...
# FOLDER is where _era lies. All that was shown goes to standard output; whoever calls sets a time limit.

zmodload zsh/zpty zsh/zselect
zpty -b shell "TERM=dumb COLUMNS=200 zsh -f -i"
shown=

# shows WORD...: reads until all were shown.
shows() {
	local word part
	for word; do
		while [[ $shown != *$word* ]]; do
			zpty -t shell || exit
			part=
			zpty -r shell part || zselect -t 2
			shown+=$part
		done
	done
}

zpty -w shell "PS1=; unsetopt beep; LISTMAX=1000; fpath=(${(q)1} \$fpath)"
zpty -w shell "autoload -Uz compinit; compinit -u -D; bindkey '^I' list-choices"
zpty -w shell "print READY=\$((1 + 1))"
shows READY=2
shown=
zpty -w -n shell "$2"$'\t'
shift 2
shows "$@"
print -r -- "$shown"
zpty -d shell
