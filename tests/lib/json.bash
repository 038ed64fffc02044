# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# JSON documents of commands, and the schemas in doc/json.

# find_validator: for setup_file: sets $validator to a Python that has the module jsonschema, or to
# nothing; Debian's module is for Debian's Python.
find_validator() {
	export validator
	for validator in /usr/bin/python3 python3 ""; do
		"$validator" -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null &&
			return
	done
	:
}

# schema ARGUMENT...: of tests/lib/json-schema. Without a validator the test ends here.
schema() {
	[ -n "$validator" ] || skip_test "needs python3-jsonschema"
	"$validator" "$abs_top_srcdir/tests/lib/json-schema" "$@"
}

schema_of() {
	echo "$abs_top_srcdir/doc/json/era-$1.schema.json"
}

# document STATUS COMMAND ARGUMENT...: era COMMAND --json prints a document that has this status,
# and one of its messages if it has an error; it goes to out/COMMAND.N, whose name is in $printed.
document() {
	local status=$1 command=$2 n file
	shift 2
	for ((n = 1; ; n++)); do
		file=out/$command.$n
		[ -e "$file" ] || break
	done
	printed=$file
	status_is "$status" era "$command" --json "$@" >"$file" || return
	grep -q "\"exit_status\":$status,\"error\":" "$file" || wrong_document "$@" || return
	[ "$(grep -c '"error":null}$' "$file")" = 1 ] ||
		grep -qF -e "$(jq -r .error "$file")" "$stderr" || wrong_document "$@"
}

wrong_document() {
	echo "$command $*: not its status, or none of its messages:" >&2
	cat "$file" >&2
	return 1
}

# described COMMAND: its schema allows all documents there are, and they have all of its members.
described() {
	schema --covered "$(schema_of "$1")" out/"$1".*
}
