#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A kernel-written image that holds every structure, damaged block by block and field by field:
# era_check finds it, and no answer is ever short of a block. Damage means "refused" or exactly the
# undamaged answer; with --repair, or after era_repair, every block's era is at least the true one.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../lib/damage

setup_file() {
	export whole=$BATS_FILE_TMPDIR/whole
	gzip -dc "$abs_top_srcdir/tests/images/022-snapshot-moved-on/image.gz" >"$whole"
	export right=$BATS_FILE_TMPDIR/right
	mkdir "$right"
	answer "$whole" "$right"
	used_blocks "$whole" >"$BATS_FILE_TMPDIR/used"
	(PATH=$PATH; test_tool blkedit) || return
}

setup() {
	need_ours "${programs[@]}"
	test_tool blkedit
	scratch
	super=0
	index=$(index_of "$whole")
	bitmap=$(bitmap_of "$whole")
	clone=$(u64 "$whole" 0 216)
}

# What is asked of an image, live and of its snapshot. Each is a file of the answers' folder.
questions="live-dump live-since-1 live-since-9 snap-dump snap-since-1 snap-since-4"

# ask QUESTION IMAGE [OPTION]
ask() {
	case $1 in
	live-dump) era_dump --compact "${@:3}" "$2" ;;
	live-logical) era_dump --logical "${@:3}" "$2" ;;
	live-since-*) era_invalidate --format ranges --unit blocks --written-since "${1##*-}" "${@:3}" "$2" ;;
	snap-dump) era_dump -m --compact "${@:3}" "$2" ;;
	snap-logical) era_dump -m --logical "${@:3}" "$2" ;;
	snap-since-*) era_invalidate -m --format ranges --unit blocks --written-since "${1##*-}" "${@:3}" "$2" ;;
	esac
}

answer() {
	local question
	for question in $questions live-logical snap-logical; do
		ask "$question" "$1" >"$2/$question" || return
	done
}

# logical_covers RIGHT GOT: as many blocks, the same current era, no block's era is lower.
logical_covers() {
	cmp -s "$1" "$2" || diff --speed-large-files "$1" "$2" | awk -F '"' '
		/^[<>] +<era block/ {
			if (/^</) right[$2] = $4
			else got[$2] = $4
			next
		}
		/^[<>\\]/ { bad = 1 }
		END {
			for (block in right)
				if (!(block in got) || got[block] + 0 < right[block] + 0)
					bad = 1
			for (block in got)
				if (!(block in right))
					bad = 1
			exit bad
		}'
}

# ranges_cover RIGHT GOT
ranges_cover() {
	cmp -s "$1" "$2" || awk '
		NR == FNR { for (i = $1; i < $1 + $2; i++) right[i]; next }
		{ for (i = $1; i < $1 + $2; i++) delete right[i] }
		END { for (i in right) exit 1 }' "$1" "$2"
}

# refused_or_right QUESTION IMAGE: sets $refused.
refused_or_right() {
	exit_status ask "$1" "$2" >got
	case $status in
	0) cmp -s got "$right/$1" || wrong "$1: status 0 and another answer"; refused=no ;;
	1)
		refused=yes
		[ -s "$stderr" ] || wrong "$1: status 1 and not a word" || return
		case $1 in
		*-since-*) [ ! -s got ] || wrong "$1: refused, and prints" ;;
		*) ! grep -q '</superblock>' got || wrong "$1: refused, and complete" ;;
		esac
		;;
	*) wrong "$1: exit status $status" ;;
	esac
}

# repaired QUESTION IMAGE: with --repair; $1 may be status 1 where a superblock is damaged.
repaired() {
	exit_status ask "$1" "$2" --repair >got
	case $status in
	0) cmp -s got "$right/$1" || wrong "$1 --repair: status 0 and another answer" ;;
	5)
		[ -s "$stderr" ] || wrong "$1 --repair: status 5 and not a word" || return
		case $1 in
		*-since-*) ranges_cover "$right/$1" got ;;
		*) logical_covers "$right/$1" got ;;
		esac || wrong "$1 --repair: not all of the right answer"
		;;
	*) wrong "$1 --repair: exit status $status" ;;
	esac
}

# era_repair_covers IMAGE
era_repair_covers() {
	rm -f fixed
	exit_status era_repair -q -i "$1" -o fixed
	one_of 0 5 || wrong "era_repair" || return
	[ "$status" = 0 ] || [[ $(<"$stderr") != *$'\n'* ]] || wrong "era_repair -q: not one line:" || return
	local unknown=$status
	exit_status era_check fixed >/dev/null
	one_of 0 || wrong "era_check after era_repair" || return
	era_dump --logical fixed >got
	logical_covers "$right/live-logical" got || wrong "era_repair: not all of the right answer" || return
	[ "$unknown" = 5 ] || cmp -s got "$right/live-logical" || wrong "era_repair: status 0 and another answer"
}

# survives IMAGE: all questions in all ways; for damage anywhere but in a superblock.
survives() {
	local question refusals=0
	for question in live-dump live-since-1 snap-dump snap-since-1; do
		refused_or_right "$question" "$1" || return
		[ "$refused" = no ] || refusals=$((refusals + 1))
	done
	for question in live-logical live-since-9 snap-logical snap-since-4; do
		repaired "$question" "$1" || return
	done
	era_repair_covers "$1" || return
	refused_total=$((${refused_total:-0} + refusals))
}

# era_repair_salvages IMAGE: nothing but its superblock is destroyed, so nothing is lost.
era_repair_salvages() {
	rm -f fixed
	exit_status era_repair -i "$1" -o fixed --current-era "$(u32 "$whole" 0 184)"
	one_of 5 || wrong "era_repair" || return
	says "lost: 0 blocks" || return
	status_is 0 era_check fixed >/dev/null || return
	era_dump --logical fixed >got
	cmp -s got "$right/live-logical" || wrong "era_repair: another answer"
}

# found IMAGE: by era_check, as a problem and in JSON.
found() {
	exit_status era_check "$1" >out
	one_of 1 || wrong "era_check" || return
	said=$(<"$stderr")
	[[ $said == *"block $2:"* ]] || wrong "era_check does not name block $2:" || return
	[[ ${said##*$'\n'} == *problem* ]] || wrong "no summary:"
}

# damaged WAY BLOCK: the image "hurt".
hurt() {
	local other
	cp "$whole" hurt
	case $1 in
	flip*) flip_bit hurt "$2" $((($2 * 7919 + ${1#flip}) % 32768)) ;;
	zero) zero_block hurt "$2" ;;
	other) # the next used block of the same kind, or else the next
		other=$(awk -v b="$2" '
			{ block[NR] = $1; kind[NR] = $2; if ($1 == b) me = NR }
			END {
				for (i = 1; i < NR; i++) {
					at = (me - 1 + i) % NR + 1
					if (kind[at] == kind[me]) { print block[at]; exit }
				}
				print block[me % NR + 1]
			}' "$BATS_FILE_TMPDIR/kinds")
		copy_block hurt "$whole" "$other" "$2"
		;;
	esac
	! cmp -s hurt "$whole"
}

kinds() {
	local block
	[ -e "$BATS_FILE_TMPDIR/kinds" ] || while read -r block; do
		echo "$block $(blkedit "$whole" "$block")"
	done <"$BATS_FILE_TMPDIR/used" >"$BATS_FILE_TMPDIR/kinds"
}

@test "the image holds every structure" {
	kinds
	status_is 0 era_check "$whole"
	cut -d ' ' -f 2 "$BATS_FILE_TMPDIR/kinds" | sort | uniq -c >count
	[ "$(awk '{ print $2 }' count | tr '\n' ' ')" = "array bitmap index node superblock " ]
	[ "$(wc -l <"$BATS_FILE_TMPDIR/used")" = "$(u64 "$whole" 0 52)" ]
	[ "$(u64 "$whole" 0 192)" != 0 ]
	[ "$clone" != 0 ]
	[ "$(counts "$whole" | awk '$2 > 1' | wc -l)" -gt 0 ]
	grep -q '<writeset era="11"' "$right/live-dump"
	grep -q '<writeset era="12"' "$right/live-dump"
	grep -c '<writeset' "$right/snap-dump" | grep -qx 7
	for question in $questions live-logical snap-logical; do
		[ -s "$right/$question" ]
	done
}

# half WHICH WAY: one of two parts of the used blocks, but the superblocks.
half() {
	local block n=0
	mkdir "half$1" && cd "half$1" || return
	BATS_TEST_TMPDIR=$PWD
	while read -r block; do
		n=$((n + 1))
		[ $((n % 2)) = "$1" ] && [ "$block" != 0 ] && [ "$block" != "$clone" ] || continue
		echo "$block" >>cases
		hurt "$2" "$block" && found hurt "$block" && survives hurt && continue
		wrong "failed: $2 block $block: $(grep "^$block " "$BATS_FILE_TMPDIR/kinds")" || echo "$block" >>bad
	done <"$BATS_FILE_TMPDIR/used"
	echo "${refused_total:-0}" >refused
}

# everywhere WAY: two halves at a time.
everywhere() {
	local one want
	kinds
	untraced half 0 "$1" 3>&- &
	one=$!
	(untraced half 1 "$1")
	wait $one
	want=$(($(wc -l <"$BATS_FILE_TMPDIR/used") - 2))
	[ "$(cat half?/cases | wc -l)" = "$want" ]
	[ "$want" -gt 40 ]
	[ "$(cat half?/bad 2>/dev/null | wc -l)" = 0 ]
	# Half of all blocks and more belong to one view or the other.
	[ "$(cat half?/refused | awk '{ n += $1 } END { print n }')" -gt $((want * 2)) ]
}

@test "a bit flipped in each used block" {
	everywhere flip31
}

@test "each used block zeroed" {
	everywhere zero
}

@test "each used block replaced by another one" {
	everywhere other
}

# Each in a folder of its own at the same time: a damaged superblock is read for a second with -m.
super_case() {
	local way=$1 block=$2 question
	mkdir "$way-$block" && cd "$way-$block" || return
	BATS_TEST_TMPDIR=$PWD
	hurt "$way" "$block" && found hurt "$block" || return
	for question in live-dump live-since-1 snap-dump snap-since-1; do
		refused_or_right "$question" hurt || return
		[ "$block" = "$clone" ] && [[ $question == live* ]] || [ "$refused" = yes ] ||
			wrong "$question: not refused" || return
	done
	for question in live-logical live-since-1 snap-logical snap-since-4; do
		if [ "$block" = "$clone" ] && [[ $question == live* ]]; then
			repaired "$question" hurt || return
		else
			exit_status ask "$question" hurt --repair >got
			one_of 1 && [ ! -s got ] || wrong "$question --repair" || return
		fi
	done
	if [ "$block" = 0 ]; then
		era_repair_salvages hurt || return
	else
		era_repair_covers hurt || return
	fi
	echo done >done
}

@test "damage in the superblock, or the snapshot's: status 1, with --repair, too; era_repair loses nothing" {
	local way block
	kinds
	for way in flip0 flip100 zero other; do
		for block in 0 "$clone"; do
			super_case "$way" "$block" >"log.$way.$block" 2>&1 3>&- &
		done
	done
	wait
	cat log.* >&2
	[ "$(cat ./*/done | wc -l)" = 8 ]
}

@test "era_check -m fails when what the snapshot reaches is damaged, and only then" {
	local block n=0
	while read -r block; do
		[ "$block" != 0 ] && [ "$block" != "$clone" ] || continue
		hurt zero "$block"
		status=0
		era_dump -m hurt >got 2>/dev/null || status=$?
		status_is "$status" era_check -m hurt
		[ "$status" = 0 ] || n=$((n + 1))
	done <"$BATS_FILE_TMPDIR/used"
	[ "$n" -gt 20 ]
}

# resealed CHECK IGNORE EDITS: EDITS are BLOCK OFFSET HEX triples, each made with a right checksum.
# Then era_check ends with CHECK, with --ignore-non-fatal-errors IGNORE, and nothing is under-reported.
reseal() {
	cp "$whole" hurt
	eval "set -- $1"
	while [ $# -ge 3 ]; do
		blkedit hurt "$1" "$2" "$3" || return
		shift 3
	done
	[ $# = 0 ] && ! cmp -s hurt "$whole"
}

resealed() {
	local name=$1 check=$2 ignore=$3 edits=$4
	reseal "$edits" || wrong "no such damage" || return
	exit_status timeout 20 era_check hurt >out
	one_of "$check" || wrong "$name: era_check" || return
	[ -s "$stderr" ] || wrong "era_check says nothing" || return
	exit_status timeout 20 era_check --ignore-non-fatal-errors hurt >out
	one_of "$ignore" || wrong "$name: era_check --ignore-non-fatal-errors" || return
	survives hurt
}

@test "resealed: reference counts" {
	local free shared sole allocated nr_free
	free=$(counts "$whole" | awk '!$2 { print $1; exit }')
	shared=$(counts "$whole" | awk '$1 && $2 == 2 { print $1; exit }')
	sole=$(counts "$whole" | awk -v skip="0 $index $bitmap $clone " '$2 == 1 && !index(" " skip, " " $1 " ") { print $1; exit }')
	allocated=$(u64 "$whole" 0 52)
	nr_free=$(u32 "$whole" "$index" 24)
	cases 9 resealed <<-EOF
		a leak, all figures right | 1 | 0 | $bitmap $(count_hex "$whole" "$free" 1) 0 52 $(hex64 $((allocated + 1))) $index 24 $(hex32 $((nr_free - 1)))
		a leak of two | 1 | 0 | $bitmap $(count_hex "$whole" "$free" 2) 0 52 $(hex64 $((allocated + 1))) $index 24 $(hex32 $((nr_free - 1)))
		a count too high | 1 | 0 | $bitmap $(count_hex "$whole" "$sole" 2)
		a count too low | 1 | 1 | $bitmap $(count_hex "$whole" "$shared" 1)
		free but reachable | 1 | 1 | $bitmap $(count_hex "$whole" "$sole" 0) 0 52 $(hex64 $((allocated - 1))) $index 24 $(hex32 $((nr_free + 1)))
		shared, and free | 1 | 1 | $bitmap $(count_hex "$whole" "$shared" 0) 0 52 $(hex64 $((allocated - 1))) $index 24 $(hex32 $((nr_free + 1)))
		the snapshot's superblock is free | 1 | 1 | $bitmap $(count_hex "$whole" "$clone" 0)
		block 0 is free | 1 | 1 | $bitmap $(count_hex "$whole" 0 0)
		nr_free too high | 0 | 0 | $index 24 $(hex32 $((nr_free + 2)))
	EOF
	reseal "$index 24 $(hex32 $((nr_free + 2)))"
	status_is 0 era_check hurt >out
	says ": note: "
}

@test "resealed: nr_allocated, none_free_before and other figures of the space map" {
	local allocated free ref_root
	allocated=$(u64 "$whole" 0 52)
	free=$(counts "$whole" | awk '!$2 { print $1; exit }')
	ref_root=$(u64 "$whole" 0 68)
	said_only() {
		reseal "$3"
		exit_status timeout 20 era_check hurt >out
		# shellcheck disable=SC2086
		one_of $2 && [ -s "$stderr" ] && survives hurt
	}
	cases 10 said_only <<-EOF
		nr_allocated too high | 1 | 0 52 $(hex64 $((allocated + 1)))
		nr_allocated too low | 1 | 0 52 $(hex64 $((allocated - 1)))
		nr_allocated 0 | 1 | 0 52 $(hex64 0)
		none_free_before hides free blocks | 0 1 | $index 28 $(hex32 $((free + 20)))
		none_free_before past the end | 0 1 | $index 28 $(hex32 20000)
		the bitmap's place | 1 | $index 16 $(hex64 5000)
		the bitmap is the index | 1 | $index 16 $(hex64 "$index")
		the bitmap is block 0 | 1 | $index 16 $(hex64 0)
		ref-count node's kind | 1 | $ref_root 4 $(hex32 1)
		ref-count node's entries | 1 | $ref_root 16 $(hex32 9999)
	EOF
}

@test "resealed: writesets" {
	local tree current root live_array bits_leaf bits_block snap_tree
	tree=$(u64 "$whole" 0 200)
	root=$(u64 "$whole" 0 192)
	[ "$(u32 "$whole" "$root" 4)" = 2 ]
	bits_block=$(value64 "$whole" "$root" 0)
	snap_tree=$(u64 "$whole" "$clone" 200)
	[ "$(u32 "$whole" "$snap_tree" 16)" = 7 ]
	cases 18 resealed <<-EOF
		bits past nr_bits | 1 | 1 | $bits_block $((24 + 8 * 312 + 7)) 80
		a bit just past nr_bits | 1 | 1 | $bits_block $((24 + 8 * 312 + 4)) 01
		a bitset's words: one less | 1 | 1 | $bits_block 8 $(hex32 312)
		a bitset's words: one more | 1 | 1 | $bits_block 8 $(hex32 314)
		a bitset's words: none | 1 | 1 | $bits_block 8 $(hex32 0)
		a bitset's words: past the block | 1 | 1 | $bits_block 8 $(hex32 510)
		a bitset's max_entries | 1 | 1 | $bits_block 4 $(hex32 508)
		a bitset's value_size | 1 | 1 | $bits_block 12 $(hex32 4)
		current nr_bits too many | 1 | 1 | 0 188 $(hex32 30000)
		current nr_bits 2^32 - 1 | 1 | 1 | 0 188 $(hex32 4294967295)
		archived nr_bits too many | 1 | 1 | $tree $((32 + 201 * 8)) $(hex32 30000)
		archived root past the device | 1 | 1 | $tree $((32 + 201 * 8 + 4)) $(hex64 100000)
		archived root is block 0 | 1 | 1 | $tree $((32 + 201 * 8 + 4)) $(hex64 0)
		archived root is the tree | 1 | 1 | $tree $((32 + 201 * 8 + 4)) $(hex64 "$tree")
		two writesets with one root | 1 | 1 | $tree $((32 + 201 * 8 + 4)) $(hex64 "$root")
		root of 2^63 | 1 | 1 | $tree $((32 + 201 * 8 + 4)) 0000000000000080
		snapshot: keys out of order | 1 | 1 | $snap_tree 32 $(hex64 2) $snap_tree 40 $(hex64 1)
		snapshot: a key twice | 1 | 1 | $snap_tree 40 $(hex64 1)
	EOF
}

@test "resealed: a writeset's era after the current one, or equal to it in a crashed image" {
	local tree snap_tree
	tree=$(u64 "$whole" 0 200)
	snap_tree=$(u64 "$whole" "$clone" 200)
	# What such an era means can't be told, so only refusal is asked for.
	late() {
		reseal "$3"
		status_is 1 era_check hurt >out && status_is 1 era_check --ignore-non-fatal-errors hurt >out || return
		status_is 1 ask "$2-dump" hurt >got && ! grep -q '</superblock>' got &&
			status_is 1 ask "$2-since-1" hurt >got && [ ! -s got ] || return
		exit_status ask "$2-since-1" hurt --repair >got
		one_of 5 && ranges_cover "$right/$2-since-1" got
	}
	cases 4 late <<-EOF
		after | live | $tree 32 $(hex64 13)
		equal | live | $tree 32 $(hex64 12)
		past u32 | live | $tree 32 $(hex64 4294967307)
		after the clone's | snap | $snap_tree $((32 + 8 * 6)) $(hex64 9)
	EOF
}

@test "resealed: the era array" {
	local root first second last snap_root
	root=$(u64 "$whole" 0 208)
	[ "$(u32 "$whole" "$root" 4)" = 2 ]
	[ "$(u32 "$whole" "$root" 16)" = 20 ]
	first=$(value64 "$whole" "$root" 0)
	second=$(value64 "$whole" "$root" 1)
	last=$(value64 "$whole" "$root" 19)
	[ "$(u32 "$whole" "$last" 8)" = $((20000 - 19 * 1018)) ]
	cases 19 resealed <<-EOF
		an era after the current | 1 | 1 | $first 24 $(hex32 13)
		an era of 2^32 - 1 | 1 | 1 | $last 24 $(hex32 4294967295)
		a block reached twice | 1 | 1 | $root $((32 + 252 * 8 + 8)) $(hex64 "$first")
		a block past the device | 1 | 1 | $root $((32 + 252 * 8)) $(hex64 256)
		a block far past the device | 1 | 1 | $root $((32 + 252 * 8)) ffffffffffffffff
		a block whose offset wraps | 1 | 1 | $root $((32 + 252 * 8)) $(hex64 $((first + (1 << 52))))
		a node for a block | 1 | 1 | $root $((32 + 252 * 8)) $(hex64 "$root")
		the superblock for a block | 1 | 1 | $root $((32 + 252 * 8)) $(hex64 0)
		keys out of order | 1 | 1 | $root 32 $(hex64 1) $root 40 $(hex64 0)
		a key missing | 1 | 1 | $root $((32 + 8 * 19)) $(hex64 20)
		a key twice | 1 | 1 | $root 40 $(hex64 0)
		one entry less in the node | 1 | 1 | $root 16 $(hex32 19)
		no entries | 1 | 1 | $root 16 $(hex32 0)
		too many entries | 1 | 1 | $root 16 $(hex32 253)
		the node's max_entries | 1 | 1 | $root 20 $(hex32 251)
		the node's value_size | 1 | 1 | $root 24 $(hex32 12)
		the node says it is internal | 1 | 1 | $root 4 $(hex32 1)
		the last block one short | 1 | 1 | $last 8 $(hex32 $((20000 - 19 * 1018 - 1)))
		a block in the middle one short | 1 | 1 | $second 8 $(hex32 1017)
	EOF
}

@test "resealed: the superblock's own fields are status 1 everywhere but in era_repair" {
	always() {
		reseal "$2" || return
		exit_status timeout 20 era_check hurt >out
		one_of 1 || wrong "era_check" || return
		exit_status timeout 20 era_check --super-block-only hurt >out
		one_of 1 || wrong "era_check --super-block-only" || return
		for question in live-dump live-since-1; do
			for option in "" --repair; do
				# shellcheck disable=SC2086
				exit_status ask "$question" hurt $option >got
				one_of 1 && [ ! -s got ] || wrong "$question $option" || return
			done
		done
		case $1 in
		version*)
			rm -f fixed
			exit_status era_repair -i hurt -o fixed
			one_of 1 && [ ! -e fixed ] || wrong "era_repair"
			;;
		*) era_repair_salvages hurt ;;
		esac
	}
	cases 9 always <<-EOF
		its own number | 0 8 $(hex64 1)
		magic | 0 32 $(hex64 2126579578)
		version 0 | 0 40 $(hex32 0)
		version 2 | 0 40 $(hex32 2)
		block size 0 | 0 172 $(hex32 0)
		block size 7 | 0 172 $(hex32 7)
		block size 2^32 - 1 | 0 172 $(hex32 4294967295)
		metadata block size 16 | 0 176 $(hex32 16)
		nr_blocks 2^31 | 0 180 $(hex32 2147483648)
	EOF
}

@test "resealed: the superblock's roots and sizes are found, and answers are never short" {
	local era_root
	era_root=$(u64 "$whole" 0 208)
	# Roots out of range may be refused even with --repair: the superblock alone tells.
	hurt_super() {
		local question
		reseal "$2" || return
		exit_status timeout 20 era_check hurt >out
		one_of 1 || wrong "era_check" || return
		exit_status timeout 20 era_check --ignore-non-fatal-errors hurt >out
		one_of 1 || wrong "era_check --ignore-non-fatal-errors" || return
		for question in live-dump live-since-1 live-since-9; do
			refused_or_right "$question" hurt || return
		done
		exit_status ask live-logical hurt --repair >got
		one_of 1 5 0 || return
		[ "$status" = 1 ] || {
			sed -i 's/nr_blocks="20001"/nr_blocks="20000"/;/block="20000"/d' got
			logical_covers "$right/live-logical" got || wrong "live-logical --repair"
		} || return
		exit_status era_repair -q -i hurt -o fixed
		one_of 1 5 0 || return
		rm -f fixed
	}
	cases 16 hurt_super <<-EOF
		nr_blocks one more | 0 180 $(hex32 20001)
		era array past the device | 0 208 $(hex64 256)
		era array far past | 0 208 ffffffffffffffff
		era array is block 0 | 0 208 $(hex64 0)
		era array is the writeset tree | 0 208 $(hex64 "$(u64 "$whole" 0 200)")
		era array is an array block | 0 208 $(hex64 "$(value64 "$whole" "$era_root" 0)")
		writeset tree past the device | 0 200 $(hex64 256)
		writeset tree is block 0 | 0 200 $(hex64 0)
		writeset tree is the era array | 0 200 $(hex64 "$era_root")
		current writeset past the device | 0 192 $(hex64 256)
		current writeset is the era array | 0 192 $(hex64 "$era_root")
		snapshot past the device | 0 216 $(hex64 256)
		snapshot is a node | 0 216 $(hex64 "$era_root")
		snapshot is block 0, of the live metadata | 0 216 $(hex64 "$index")
		space map larger than the device | 0 44 $(hex64 257)
		index past the device | 0 60 $(hex64 256)
	EOF
}

@test "lost roots that only the space map shows are found" {
	lost() {
		reseal "$2" || return
		exit_status timeout 20 era_check hurt >out
		one_of 1
	}
	cases 3 lost <<-EOF
		the current writeset | 0 192 $(hex64 0)
		the metadata snapshot | 0 216 $(hex64 0)
		the live writeset tree is the snapshot's | 0 200 $(hex64 "$(u64 "$whole" "$clone" 200)")
	EOF
}

@test "cycles and shared nodes: found at once" {
	local deep root child n=0
	deep=$BATS_TEST_TMPDIR/deep
	for image in 027-many-writesets:200 013-levels:208; do
		gzip -dc "$abs_top_srcdir/tests/images/${image%:*}/image.gz" >"$deep"
		root=$(u64 "$deep" 0 "${image#*:}")
		[ "$(u32 "$deep" "$root" 4)" = 1 ]
		child=$(value64 "$deep" "$root" 1)
		cp "$deep" deep.right
		for to in "$root" "$child" 0; do
			cp deep.right deep
			blkedit deep "$root" $((32 + 252 * 8)) "$(hex64 "$to")"
			status_is 1 timeout 5 era_check deep >out
			status_is 1 timeout 5 era_dump deep >out
			status_is 1 timeout 5 era_invalidate --written-since 1 deep >out
			[ ! -s out ]
			status_is 5 timeout 5 era_dump --logical --repair deep >out
			era_dump --logical deep.right >out.right
			logical_covers out.right out
			n=$((n + 1))
		done
		# The child's keys below what the parent says.
		cp deep.right deep
		blkedit deep "$child" 32 "$(hex64 0)"
		status_is 1 timeout 5 era_check deep >out
		status_is 1 timeout 5 era_dump deep >out
		n=$((n + 1))
	done
	[ "$n" = 8 ]
}

@test "problems are one line each, in JSON as well" {
	need jq
	hurt zero "$(value64 "$whole" "$(u64 "$whole" 0 208)" 3)"
	exit_status era_check --json hurt >out
	one_of 1
	jq -e '(.problems | length) > 0 and ([.problems[] | has("code") and has("severity") and has("found")
		and has("wanted")] | all)' out >/dev/null
	status_is 1 era_check hurt
	[ "$(grep -c ' problems\?' "$stderr")" = 1 ]
	grep -q 'era array, block 4 of 20' "$stderr"
}

@test "a truncated device" {
	for blocks in 1 2 100 255; do
		head -c $((blocks * 4096)) "$whole" >hurt
		status_is 1 era_check hurt >out
		for question in live-dump live-since-1; do
			refused_or_right "$question" hurt
		done
		exit_status ask live-logical hurt --repair >got
		one_of 1 5 0
		[ "$status" = 1 ] || logical_covers "$right/live-logical" got
	done
}
