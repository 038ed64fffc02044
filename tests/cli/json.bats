#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What commands print with --json is what the schemas in doc/json say, whatever becomes of the
# command; and nothing is in a schema that no command prints. era ctl is in tests/target/json.bats,
# era apply in apply.bats.

load ../lib/common
load ../lib/cases
load ../lib/damage
load ../lib/json

setup_file() {
	find_validator
	unpack_images
	cd "$BATS_FILE_TMPDIR" || return
	cp images/001-clean-stop clean
	cp images/002-crash meta
	cp images/022-snapshot-moved-on snapped
	cp images/020-snapshot-held held
	cp meta damaged
	zero_block damaged "$(value64 damaged "$(u64 damaged 0 208)" 1)"
	cp meta beheaded
	printf x | dd of=beheaded bs=1 seek=41 conv=notrunc status=none
	truncate -s 1M zeroes
}

setup() {
	need_ours era
	need jq
	scratch
	cp "$BATS_FILE_TMPDIR"/{clean,meta,snapped,held,damaged,beheaded,zeroes} .
	mkdir out
}

# asked COMMAND <CASES: each line is a status and the arguments of a call with --json.
asked() {
	untraced asked_untraced "$@"
}

asked_untraced() {
	local command=$1 status args
	while read -r status args; do
		eval "document $status $command $args" || return
	done
}

@test "the schemas are schemas, and doc/json.md has all that is in them" {
	[ "$(find "$abs_top_srcdir/doc/json" -name '*.schema.json' | wc -l)" = 15 ]
	schema --sound "$abs_top_srcdir/doc/json.md" "$abs_top_srcdir"/doc/json/*.schema.json
}

@test "era check" {
	asked check <<-'EOF'
		0 clean
		0 meta
		0 snapped
		0 -m held
		0 - <meta
		0 --super-block-only snapped
		0 -q meta
		4 -m meta
		1 damaged
		1 --auto-repair damaged
		0 --auto-repair meta
		1 beheaded
		1 zeroes
		3 missing
		3 /dev/null
		3 - </dev/null
	EOF
	test_tool blkedit
	cp meta wrong
	blkedit wrong index.free.0=0
	document 1 check wrong
	document 0 check --ignore-non-fatal-errors wrong
	document 0 check --auto-repair wrong
	cp snapped wrong
	zero_block wrong "$(era check --json snapped | jq .snapshot.block)"
	document 1 check wrong
	# Of more than a thousand problems.
	need "$python"
	era format -q --block-size 4k --device-size 20G many
	"$python" -c 'with open("many", "r+b") as meta:
	for block in range(10, 5000, 2):
		meta.seek(4096 * block)
		meta.write(bytes(4096))'
	document 1 check many
	described check
}

@test "era check, of every image" {
	each_image document 0 check
	schema "$(schema_of check)" out/check.*
}

@test "era stat" {
	asked stat <<-'EOF'
		0 clean
		0 meta
		0 held
		0 -m snapped
		0 --all snapped
		0 - <snapped
		0 --since 3 snapped
		0 --since 2 -m held
		0 --since 2 -m --snapshot-era 8 snapped
		4 --since 2 -m snapped
		4 --since 99 meta
		4 -m meta
		5 -r damaged
		5 -r --since 2 damaged
		1 damaged
		1 zeroes
		3 missing
	EOF
	described stat
}

@test "era invalidate" {
	asked invalidate <<-'EOF'
		0 --written-since 2 meta
		0 --written-since 0 snapped
		0 --written-since 4 meta
		0 --written-since 2 - <meta
		0 --written-since 2 -m held
		0 --written-since 2 -m --snapshot-era 8 --witness-out witness snapped
		0 --written-since 2 --witness witness snapped
		4 --written-since 2 --witness witness meta
		3 --written-since 2 --witness missing meta
		3 --written-since 2 --witness-out missing/witness meta
		4 --written-since 2 -m snapped
		4 --written-since 2 -m meta
		4 --written-since 5 meta
		5 --written-since 5 --or-all meta
		5 --written-since 2 -m --or-all snapped
		5 --written-since 2 -r damaged
		5 --written-since 2 -r --witness-out none damaged
		1 --written-since 2 damaged
		1 --written-since 2 zeroes
		3 --written-since 2 missing
	EOF
	described invalidate
	# It is what --format json is.
	era invalidate --written-since 2 --format json meta | cmp - out/invalidate.1
	status_is 2 era invalidate --written-since 2 --format xml --json meta
}

@test "era invalidate: the era to remember is that of era stat, and none where there is none" {
	local args
	for args in clean meta snapped held "-m held"; do
		# shellcheck disable=SC2086
		[ "$(era invalidate --json --written-since 1 $args | jq .era_to_remember)" = \
			"$(era stat --json $args | jq .era_to_remember)" ]
	done
	[ "$(era invalidate --json --written-since 2 meta | jq .era_to_remember)" = 4 ]
	[ "$(era invalidate --json --written-since 2 -r damaged 2>err |
		jq .era_to_remember)" = null ]
	[ "$(era invalidate --json --written-since 9 --or-all meta 2>err |
		jq .era_to_remember)" = null ]
}

@test "a list that goes to a file goes nowhere else, and a refusal leaves the file" {
	status_is 0 era invalidate --json --written-since 2 -o list meta >said
	[ ! -s said ]
	schema "$(schema_of invalidate)" list
	cp list before
	status_is 4 era invalidate --json --written-since 9 -o list meta >said
	[ ! -s said ]
	cmp list before
}

@test "era repair, restore, format and metadata-size" {
	era dump -o meta.xml meta
	echo '<superblock>' >wrong.xml
	truncate -s 8k small
	asked repair <<-'EOF'
		0 -i meta -o new
		5 -i damaged -o new
		5 -q -i damaged -o new
		5 --block-size 4k -i beheaded -o new
		1 -i beheaded -o new
		1 -i zeroes -o new
		3 -i missing -o new
		3 -i meta -o small
	EOF
	asked restore <<-'EOF'
		0 -i meta.xml -o restored
		0 -i - -o restored <meta.xml
		0 -q --all-written -i meta.xml -o new.all
		1 -i wrong.xml -o restored
		1 -i meta -o restored
		3 -i missing -o restored
		3 -i meta.xml -o small
	EOF
	asked format <<-'EOF'
		0 --block-size 64k --device-size 1G formatted
		0 -q --force --block-size 64k --origin zeroes --era 5 formatted
		3 --block-size 64k --device-size 1G formatted
		3 --block-size 64k --origin missing fresh
		3 --block-size 64k --device-size 1G missing/fresh
	EOF
	# Its highest era leaves too few.
	era format -q --block-size 64k --device-size 1G --era 4194967295 late
	document 4 format --force --block-size 64k --device-size 1G late
	asked metadata-size <<-'EOF'
		0 --block-size 64k --device-size 1G
		0 --writesets 9 --block-size 4k --device-size 1T
		3 --writesets 4000000000 --block-size 4k --device-size 1T
	EOF
	for command in repair restore format metadata-size; do
		described "$command"
	done
	# As the metadata say.
	[ "$(jq -c '[.nr_blocks, .block_size, .current_era]' out/restore.1)" = "[4096,4096,3]" ]
	[ "$(jq .input out/restore.2)" = '"/dev/stdin"' ]
	[ "$(jq .current_era out/restore.3)" = \
		"$(era check --json new.all | jq .live.current_era)" ]
	[ "$(jq -c '[.nr_blocks, .device_size, .current_era]' out/format.2)" = "[16,1048576,5]" ]
	[ "$(jq .metadata.bytes out/metadata-size.1)" = \
		"$(era metadata-size --block-size 64k --device-size 1G --unit bytes)" ]
}

@test "era mark" {
	echo "0 4096" >list
	echo "0" >wrong
	asked mark <<-'EOF'
		0 --all meta
		0 -q --ranges list clean
		1 --ranges wrong meta
		1 --all damaged
		3 --all missing
	EOF
	described mark
	[ "$(jq -c '[.clean, .marked_blocks, .marked_bytes]' out/mark.2)" = "[true,1,4096]" ]
	[ "$(jq .clean out/mark.1)" = false ]
	[ "$(jq .current_era out/mark.2)" = "$(era check --json clean | jq .live.current_era)" ]
}

# Devices are in tests/kernel/setup.bats.
@test "era setup" {
	echo "data /dev/vg/data" >tab
	asked setup <<-'EOF'
		0 --eratab missing list
		0 --eratab missing --dry-run status
		1 --eratab tab list
		3 --eratab missing activate data
		3 --eratab missing create data --origin a --metadata b
	EOF
	schema "$(schema_of setup)" out/setup.*
	[ "$(jq -c .devices out/setup.1)" = "[]" ]
}

# Devices are in tests/kernel/rollback.bats.
@test "era rollback" {
	printf 'era-tools rollback 2\n' >unknown
	asked rollback <<-'EOF'
		0 --state missing --status cache
		1 --state unknown --status cache
		3 --state missing/missing --era 5 --exec true cache
		3 --state state --era 5 --exec true era-tools-no-such-cache
	EOF
	schema "$(schema_of rollback)" out/rollback.*
	[ "$(jq -r .reached out/rollback.1)" = none ]
}

@test "the lines of progress" {
	era dump -o meta.xml meta
	era restore -q -i meta.xml -o restored --progress-fd=3 3>progress
	era restore -q -i - -o restored --progress-fd=3 3>>progress < <(cat meta.xml)
	[ -s progress ]
	split -l 1 progress out/progress.
	described progress
}

@test "a wrong command line prints nothing" {
	local command
	for command in "check --json" "stat --json --map meta" "invalidate --json meta" \
		"invalidate --json --written-since 1 --device-size 4k meta" \
		"repair --json -i meta -o meta" "restore --json -i meta.xml" \
		"format --json --block-size 64k --device-size 0 new" "mark --json meta" \
		"metadata-size --json --unit k --block-size 64k --device-size 1G" \
		"ctl --json --prometheus socket stats" "dump --json meta"; do
		# shellcheck disable=SC2086
		status_is 2 era $command >said
		[ ! -s said ]
	done
}

@test "era apply" {
	head -c 200000 meta >one
	head -c 200000 snapped >two
	mkdelta - 1 - one >full
	mkdelta 1 2 one two >next
	mkdelta 2 3 two one >third
	head -c 1000 next >cut
	document 0 apply -n full T
	document 0 apply full T
	document 0 apply full T
	document 0 apply --print-state T
	document 4 apply third T
	document 1 apply cut T
	document 1 apply meta T
	document 3 apply missing T
	document 4 apply --print-state meta
	# A delta that is begun, without a base and with one; the second is finished.
	document 1 apply --no-stage - new < <(head -c 200000 full)
	document 0 apply --print-state new
	document 1 apply --no-stage - T < <(head -c 100000 next)
	document 0 apply --print-state T
	document 0 apply next T
	mkdelta - 5 - one | head -c -48 >bare
	document 0 apply --no-checksum bare unknown
	document 0 apply --print-state unknown
	described apply
}

@test "era backup" {
	era_format -q --block-size 64k --device-size 640k --era 5 tracked
	head -c 640K /dev/urandom >disk
	document 0 backup -n --offline tracked --source disk T
	document 0 backup --offline tracked --source disk T
	document 0 backup -n --offline tracked --source disk T
	document 0 backup --verify --offline tracked --source disk T
	document 4 backup --offline tracked --source disk meta
	document 3 backup --offline tracked --source missing T
	# tests/target/json.bats has a disk in use, and so all members.
	schema "$(schema_of backup)" out/backup.*
}

@test "what writes metadata does not print over them" {
	cp meta copy
	era dump -o meta.xml meta
	for command in "format --force --json --block-size 64k --device-size 1G copy" \
		"restore --json -i meta.xml -o copy" "restore --json -i copy -o new" \
		"mark --all copy" "mark --json --all copy"; do
		# shellcheck disable=SC2086
		status_is 2 era $command 1<>copy
		cmp copy meta
	done
}

@test "a document that cannot be printed is status 3, whatever the answer would be" {
	local command
	for command in "check meta" "check damaged" "stat meta" "stat damaged" \
		"invalidate --written-since 2 meta" "invalidate --written-since 9 meta" \
		"repair -i meta -o new" "metadata-size --block-size 64k --device-size 1G"; do
		# shellcheck disable=SC2086
		status_is 3 era $command --json >/dev/full
		grep -q "standard output: cannot write: No space left" "$stderr"
	done
}

@test "the schemas are installed" {
	need make
	[ -e "$abs_top_builddir/Makefile" ] || skip_test "needs a build tree"
	make -s -C "$abs_top_builddir" DESTDIR="$PWD/to" install-dist_docDATA \
		install-dist_json_docDATA >/dev/null
	[ "$(find to -name '*.schema.json' | wc -l)" = 15 ]
	[ "$(find to -name json.md | wc -l)" = 1 ]
}
