#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_repair and era_dump --repair where the superblock is destroyed: what they ask for, say and
# refuse. That no era is lost, whatever the damage, is the business of tests/unit/test_salvage.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../lib/damage
load ../lib/image

setup_file() {
	unpack_images
	export images=$BATS_FILE_TMPDIR/images
}

setup() {
	need_ours "${programs[@]}"
	scratch
	cp "$images/002-crash" damaged
	destroy damaged 0
}

# destroy IMAGE BLOCK
destroy() {
	dd of="$1" bs=4096 count=1 seek="$2" conv=notrunc iflag=fullblock status=none \
		< <(yes destroyed)
}

# salvage STATUS OPTION...: with both, and both do the same.
salvage() {
	rm -f fixed dumped
	exit_status era_dump --repair damaged -o dumped "${@:2}" >out
	one_of "$1" || wrong "era_dump ${*:2}" || return
	[ "$1" = 5 ] || [ ! -e dumped ] || wrong "era_dump: something was written" || return
	exit_status era_repair -i damaged -o fixed "${@:2}" >out
	one_of "$1" || wrong "era_repair ${*:2}" || return
	[ "$1" = 5 ] || [ ! -e fixed ] || wrong "something was written" || return
	[ "$1" != 5 ] || era_dump fixed | cmp -s dumped || wrong "era_dump: another answer"
}

# told STATUS OPTION...: by era_repair alone.
told() {
	rm -f fixed
	exit_status era_repair -i damaged -o fixed "${@:2}" >out
	one_of "$1" || wrong "era_repair ${*:2}"
}

@test "the number of blocks is deduced, the block size must be given" {
	salvage 1
	says "give --block-size"
	salvage 5 --block-size 4k
	says "deduced --nr-blocks=4096 from the era array"
	says "the new current era is 1000002: the highest found, 2, plus 1000000"
	says "kept: 4096 of 4096 blocks, 16 MiB (16777216 bytes); lost: 0 blocks, 0 bytes"
	says "9 were written in the era that was current, which is now 1000002"
	status_is 0 era_check fixed >/dev/null
}

@test "with all that is known given, the answers are those of the undamaged metadata" {
	salvage 5 --block-size 8s --nr-blocks 4096 --current-era 3
	logical_is_true fixed "$abs_top_srcdir/tests/images/002-crash/truth"
}

@test "a metadata snapshot tells the block size" {
	cp "$images/020-snapshot-held" damaged
	destroy damaged 0
	salvage 5
	says "deduced --block-size=8s from the metadata snapshot"
	salvage 1 --block-size 8k
	says "--block-size: the metadata snapshot says 8 sectors, wanted 16"
}

@test "what contradicts the metadata is refused" {
	salvage 1 --block-size 4k --nr-blocks 4095
	says "--nr-blocks: found an era array of 4096 blocks, wanted 4095"
	salvage 1 --block-size 4k --current-era 2
	says "--current-era: found 2, wanted at least 3"
	for option in --block-size=4000 --block-size=0 --nr-blocks=0 --nr-blocks=2147483648 \
		--current-era=0; do
		salvage 2 "$option"
	done
}

# What was used again of the larger state might as well be a newer one with a wrong pointer.
@test "after a shrink, what does not add up may be the newest, and nothing is proven" {
	cp "$images/016-shrunk" damaged
	destroy damaged 0
	salvage 1 --block-size 4k
	says "a space map that does not add up may be the newest: a pointer may be wrong"
	says "give --nr-blocks"
	salvage 5 --block-size 4k --nr-blocks 1120
	says "kept: 0 of 1120 blocks"
}

@test "without the superblock, a pointer that leads to an older copy is not believed" {
	test_tool blkedit
	local copy
	cp "$images/002-crash" damaged
	copy=$(u64 damaged 0 192)
	blkedit damaged current.child.0=sets.root.0 2>/dev/null ||
		blkedit damaged current.child.0=@eras/0
	destroy damaged 0
	salvage 5 --block-size 4k --nr-blocks 4096
	says "no generation is proven to be the newest: every block counts as written"
}

# wrong_length IMAGE PLACE ENTRIES: an array's block ends there, under a right checksum.
wrong_length() {
	cp "$images/$1" damaged
	blkedit damaged "$2.entries=$3"
	destroy damaged 0
}

@test "a writeset of more blocks than the era array has: the length must be given" {
	wrong_length 003-crash-twice eras/4 2
	salvage 1 --block-size 4k
	says "the era array has 4074, other blocks tell of more: give --nr-blocks"
	salvage 5 --block-size 4k --nr-blocks 4074
}

@test "eras behind the end of the era array: the length must be given" {
	rm damaged
	truncate -s 512K damaged
	era_restore -i <(era_dump --logical "$images/006-rewritten") -o damaged
	blkedit damaged eras/19.era.657=1 eras/19.entries=2
	destroy damaged 0
	salvage 1 --block-size 4k
	says "the era array has 19344, other blocks tell of more: give --nr-blocks"
}

@test "a set of bits that goes on behind its end is damaged" {
	wrong_length 028-regrown-rewritten current/0 2
	salvage 5 --block-size 4k --nr-blocks 1024
	says "no generation is proven to be the newest: every block counts as written"
}

# put_state BLOCK: of a tracked device, as far as it is looked at.
put_state() {
	printf 'era-tools state\n' |
		dd of=damaged bs=4096 seek="$1" conv=notrunc status=none
}

@test "the state of a tracked device behind the metadata is no damage" {
	local nr_blocks=$(($(stat -c %s damaged) / 4096))
	truncate -s $(((nr_blocks + 256) * 4096)) damaged
	put_state $((nr_blocks + 128))
	salvage 5 --block-size 4k
	says "kept: 4096 of 4096 blocks, 16 MiB (16777216 bytes); lost: 0 blocks, 0 bytes"
}

@test "a state where blocks were in use proves nothing" {
	truncate -s $((44 * 4096)) damaged
	truncate -s $((300 * 4096)) damaged
	put_state 172
	salvage 5 --block-size 4k --nr-blocks 4096
	says "no generation is proven to be the newest: every block counts as written"
}

@test "with several other blocks damaged nothing is proven: all blocks count as written" {
	destroy damaged 50
	destroy damaged 54
	salvage 1 --block-size 4k
	says "cannot tell how many data blocks there were: give --nr-blocks"
	salvage 5 --block-size 4k --nr-blocks 4096
	says "2 blocks besides the superblock are damaged, or zero before others that are not, the first is 50"
	says "lost: 4096 blocks, 16 MiB (16777216 bytes)"
	status_is 0 era_invalidate --written-since 1000002 --format ranges \
		--unit blocks fixed >ranges
	[ "$(<ranges)" = "0 4096" ]
}

# without_block BLOCK: of 002-crash, besides the superblock.
without_block() {
	cp "$images/002-crash" damaged
	destroy damaged 0
	destroy damaged "$1"
}

@test "of one other block, what it was decides what is lost" {
	local whole=$images/002-crash index bitmap array current
	index=$(u64 "$whole" 0 60)
	bitmap=$(u64 "$whole" "$index" 16)
	array=$(u64 "$whole" 0 208)
	current=$(u64 "$whole" 0 192)
	for block in "$index" "$(u64 "$whole" 0 68)"; do
		without_block "$block"
		salvage 5 --block-size 8s --nr-blocks 4096 --current-era 3
		says "lost: 0 blocks"
		logical_is_true fixed "$abs_top_srcdir/tests/images/002-crash/truth"
	done
	without_block "$(value64 "$whole" "$array" 1)"
	salvage 5 --block-size 8s --current-era 3
	says "kept: 3078 of 4096 blocks"
	status_is 0 era_invalidate --written-since 3 --format ranges --unit blocks fixed >ranges
	printf '%s\n' "8 2" "1018 1018" "3000 7" | cmp - ranges
	without_block "$(value64 "$whole" "$array" 4)"
	salvage 1 --block-size 8s
	salvage 5 --block-size 8s --nr-blocks 4096
	says "kept: 4072 of 4096 blocks"
	for block in "$bitmap" "$array" "$current" "$(u64 "$whole" 0 200)"; do
		without_block "$block"
		salvage 5 --block-size 8s --nr-blocks 4096
		says "block $block is damaged, and may have been in use: what it held is not known"
		says "lost: 4096 blocks"
	done
}

@test "zeroes where something was are damage" {
	zero_block damaged 54
	salvage 5 --block-size 4k --nr-blocks 4096
	says "lost: 4096 blocks"
	cp "$images/002-crash" damaged
	destroy damaged 0
	zero_block damaged 40
	zero_block damaged 41
	salvage 5 --block-size 4k --nr-blocks 4096
	says "2 blocks besides the superblock are damaged, or zero before others that are not, the first is 40"
}

@test "without any era the new one is above the clock" {
	local eras
	need jq
	rm damaged
	era_format -q --block-size 64k --device-size 64M damaged
	era_check --json damaged >json
	for eras in $(blkedit damaged eras.child.0) $(blkedit damaged eras.child.1) 0; do
		destroy damaged "$eras"
	done
	told 5 --block-size 64k --nr-blocks 1024
	says "none was found, so it is above the seconds since 1970"
	[ "$(era_check --json fixed | jq .live.current_era)" -gt "$(jq .live.current_era json)" ]
}

@test "what is no metadata is refused" {
	head -c 262144 /dev/urandom >damaged
	salvage 1 --block-size 4k --nr-blocks 10
	says "no block of dm-era's metadata is left"
	head -c 262144 /dev/zero >damaged
	salvage 1 --block-size 4k --nr-blocks 10
}

@test "JSON says what was kept and lost" {
	need jq
	told 5 --block-size 4k --json
	jq -e '.superblock_lost and .nr_blocks == 4096 and .block_size == 4096 and
		.current_era == 1000002 and .kept == {blocks: 4096, bytes: 16777216} and
		.kept_current.blocks == 9 and .lost == {blocks: 0, bytes: 0}' out
	cp "$images/002-crash" damaged
	salvage_sound
	jq -e '(.superblock_lost | not) and .kept.blocks == 4096 and .lost.blocks == 0' out
	destroy damaged "$(value64 damaged "$(u64 damaged 0 208)" 1)"
	told 5 --json
	jq -e '(.superblock_lost | not) and .kept.blocks + .lost.blocks == 4096 and .lost.blocks > 1000
		and .lost.blocks <= 1018' out
	says "which count as written"
}

salvage_sound() {
	rm -f fixed
	status_is 0 era_repair -i damaged -o fixed --json >out
}

@test "quiet, one line is said" {
	told 5 -q --block-size 4k
	[ "$(wc -l <"$stderr")" = 1 ]
	says "the superblock was destroyed: 0 of 4096 blocks have lost their era"
}

# root_case NAME WHERE FIELD ROOT: the superblock's field at that offset is ROOT, which leads WHERE,
# and its checksum right.
root_case() {
	gzip -dc "$abs_top_srcdir/tests/images/004-undigested/image.gz" >damaged
	cp damaged whole
	blkedit damaged 0 "$3" "$4" || return
	salvage 5 || wrong "$1: $2" || return
	says "damaged: block 0: superblock: root of the $1: found " && says "lost: 0 blocks" ||
		wrong "$1: $2" || return
	logical_is_true fixed "$abs_top_srcdir/tests/images/004-undigested/truth" || return
	exit_status era_invalidate --written-since 5 --repair damaged >got
	one_of 5 && era_invalidate --written-since 5 whole | cmp -s got ||
		wrong "$1: $2: era_invalidate"
}

@test "era_dump --logical and --compact print the same: all is folded" {
	era_dump --repair --block-size 4k damaged >plain 2>/dev/null || [ $? = 5 ]
	for option in --logical --compact "--logical --compact"; do
		# shellcheck disable=SC2086
		exit_status era_dump --repair --block-size 4k $option damaged >got
		one_of 5
		cmp plain got
		says "the superblock was destroyed: 0 of 4096 blocks have lost their era"
	done
	! grep -q '<writeset' plain
}

@test "era_dump takes what is known with --repair of the live metadata only" {
	for option in --nr-blocks=4096 --block-size=4k --current-era=3; do
		status_is 2 era_dump "$option" damaged
		status_is 2 era_dump --repair --metadata-snapshot "$option" damaged
	done
	status_is 1 era_dump damaged
	status_is 1 era_dump --repair --metadata-snapshot damaged
}

@test "era_invalidate says who can tell" {
	exit_status era_invalidate --repair --written-since 1 damaged >out
	one_of 1
	[ ! -s out ]
	says "only era repair and era dump --repair can tell what it held"
}

@test "a root that leads to nothing of its kind is found by the space map" {
	test_tool blkedit
	local image=$images/004-undigested array writesets current
	array=$(u64 "$image" 0 208)
	writesets=$(u64 "$image" 0 200)
	current=$(u64 "$image" 0 192)
	cases 7 root_case <<-EOF
		era array | the writeset tree | 208 | $(hex64 "$writesets")
		era array | the current writeset | 208 | $(hex64 "$current")
		era array | past the device | 208 | $(hex64 128)
		era array | 0 | 208 | $(hex64 0)
		writeset tree | the array | 200 | $(hex64 "$array")
		writeset tree | far away | 200 | ffffffffffffffff
		current writeset | the array | 192 | $(hex64 "$array")
	EOF
}

@test "beside a wrong root of the current writeset the number of its bits is not believed" {
	test_tool blkedit
	cp "$images/011-tiny" damaged
	blkedit damaged 0 188 "01000000$(hex64 4096)"
	salvage 5
	says "damaged: block 0: superblock: bits of the current writeset: found 1, taken 40"
	logical_is_true fixed "$abs_top_srcdir/tests/images/011-tiny/truth"
}

# cut_short BLOCKS: what comes out of the first blocks has lost no write of eras 18 and 19.
cut_short() {
	head -c $(($1 * 4096)) "$images/029-restored-shrunk" >damaged
	destroy damaged 0
	rm -f fixed
	exit_status era_repair -q -i damaged -o fixed --block-size 4k
	one_of 1 5 || return
	[ "$status" = 5 ] || return 0
	status_is 0 era_invalidate --written-since 18 --format ranges --unit blocks fixed >got ||
		return
	no_less want got
}

@test "of a device cut short after its origin had shrunk, the longer array is not the newest" {
	local blocks
	truth_since 18 "$abs_top_srcdir/tests/images/029-restored-shrunk/truth" >want
	for blocks in {2..30}; do
		cut_short "$blocks" || wrong "$blocks blocks" || return
	done
}

# contradicted EDIT TEXT...: era_repair says so of 004-undigested with that edit, and all counts as
# written.
contradicted() {
	local text
	cp "$images/004-undigested" damaged
	# shellcheck disable=SC2086
	blkedit damaged $1 && told 5 || return
	for text in "${@:2}" ": every block counts as written" "kept: 0 of "; do
		says "$text" || wrong "$1" || return
	done
	status_is 0 era_check -q fixed
}

@test "where superblock and trees contradict each other, every block counts as written" {
	test_tool blkedit
	contradicted sets.root.0=@index \
		"is sound, but of another kind: the superblock is an older one, or" \
		"in era 1000013"
	contradicted "sets.key.11=40 sb.allocated=+1" \
		"era 40 is found, and the superblock says 13" "in era 1000040"
	contradicted sets.entries=-1 "contradict each other, as when a pointer was lost"
}

# all_are_listed: the 4096 blocks of damaged, as written in its era 3.
all_are_listed() {
	exit_status era_invalidate --repair --written-since 3 --format ranges \
		--unit blocks damaged >ranges
	one_of 5 && [ "$(<ranges)" = "0 4096" ]
}

@test "pointers that make no sense: the newest state that is found without the superblock vouches for it" {
	test_tool blkedit
	local whole=$images/002-crash far field
	far=$(hex64 99999999)
	for field in 60 68 216; do
		cp "$whole" damaged
		blkedit damaged 0 "$field" "$far"
		told 5
		says "kept: 4096 of 4096 blocks"
		logical_is_true fixed "$abs_top_srcdir/tests/images/002-crash/truth"
		blkedit damaged 0 192 "$(hex64 0)"
		told 5
		says "nothing else proves that no pointer was lost" || says "no other one was lost"
		says "kept: 0 of 4096 blocks"
		all_are_listed
	done
}

@test "the number of bits of a current writeset whose end can't be read is not believed" {
	test_tool blkedit
	cp "$images/011-tiny" damaged
	destroy damaged "$(value64 damaged "$(u64 damaged 0 192)" 0)"
	blkedit damaged 0 188 01000000
	told 5
	exit_status era_invalidate --repair --written-since 1 --format ranges \
		--unit blocks damaged >ranges
	truth_since 1 "$abs_top_srcdir/tests/images/011-tiny/truth" >want
	no_less want ranges
}

# Of what it held no pointer can have led to what was lost.
@test "a lost writeset is missed beside a damaged block of the era array, too" {
	test_tool blkedit
	cp "$images/002-crash" damaged
	blkedit damaged 0 192 "$(hex64 0)"
	destroy damaged "$(value64 damaged "$(u64 damaged 0 208)" 2)"
	exit_status era_check damaged >out
	one_of 1
	says "lost"
	told 5
	says "contradict each other, as when a pointer was lost: every block counts as written"
	says "kept: 0 of 4096 blocks"
	all_are_listed
}

@test "eras of other metadata, left on the device, do not make a damaged leaf more than one" {
	test_tool blkedit
	cp "$images/004-undigested" damaged
	blkedit damaged sets.key.0=2000
	dd if=damaged of=leaf bs=4096 count=1 skip="$(u64 damaged 0 200)" status=none
	cp "$images/004-undigested" damaged
	truncate -s +4096 damaged
	dd if=leaf of=damaged bs=4096 seek=$(($(stat -c %s damaged) / 4096 - 1)) conv=notrunc \
		status=none
	blkedit damaged $(($(stat -c %s damaged) / 4096 - 1)) 8 \
		"$(hex64 $(($(stat -c %s damaged) / 4096 - 1)))"
	told 0
	destroy damaged "$(value64 damaged "$(u64 damaged 0 208)" 1)"
	told 5
	says "blocks 1018 to 2035 are unknown"
	! says "every block counts as written"
}

# besides_a_field IMAGE BLOCK OFFSET HEX: the newest state has that under a right checksum.
besides_a_field() {
	local truth=$abs_top_srcdir/tests/images/$1/truth
	cp "$images/$1" damaged
	blkedit damaged "${@:2}" || return
	destroy damaged 0
	told 5 --block-size "$(truth_field block "$truth")s" \
		--nr-blocks "$(truth_field nr_blocks "$truth")" || return
	says "no generation is proven to be the newest" || return
	says "kept: 0 of"
}

@test "a wrong field besides means that every block counts as written" {
	test_tool blkedit
	# Entries of the current writeset.
	besides_a_field 009-block-128 36 8 00000000
	besides_a_field 012-one-array-block 36 8 01000000
	besides_a_field 008-unaligned 55 8 00000000
	# A count that is too low.
	besides_a_field 011-tiny "bitmap.count.[22]=0"
}

@test "a block of eras without a leaf tells that a superblock has too few blocks" {
	test_tool blkedit
	rm damaged
	era_format -q --block-size 16s --device-size 1024s damaged
	blkedit damaged sb.nr-blocks=7 eras.child.0=@sets
	told 1
	says "found 7 blocks in the superblock, others tell of 64"
}
