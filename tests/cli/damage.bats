#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
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
	live-since-*) era_invalidate --format ranges --unit blocks --written-since "${1##*-}" \
		"${@:3}" "$2" ;;
	snap-dump) era_dump -m --compact "${@:3}" "$2" ;;
	snap-logical) era_dump -m --logical "${@:3}" "$2" ;;
	snap-since-*) era_invalidate -m --snapshot-era 8 --format ranges --unit blocks \
		--written-since "${1##*-}" "${@:3}" "$2" ;;
	esac
}

answer() {
	local question
	for question in $questions live-logical snap-logical; do
		ask "$question" "$1" >"$2/$question" || return
	done
}

# logical_covers RIGHT GOT: as many blocks, no era is lower, the current one included.
logical_covers() {
	cmp -s "$1" "$2" || awk -F '"' '
		/^[<>] +<era block/ {
			if (/^</) right[$2] = $4
			else got[$2] = $4
			next
		}
		/^[<>] <superblock / {
			if (/^</) era = $8
			else bad += $4 != 8 || $8 + 0 < era + 0
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
		}' < <(diff --speed-large-files "$1" "$2")
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
	[ "$status" = 0 ] || [[ $(<"$stderr") != *$'\n'* ]] ||
		wrong "era_repair -q: not one line:" || return
	local unknown=$status
	exit_status era_check fixed >/dev/null
	one_of 0 || wrong "era_check after era_repair" || return
	era_dump --logical fixed >got || return
	logical_covers "$right/live-logical" got ||
		wrong "era_repair: not all of the right answer" || return
	[ "$unknown" = 5 ] || cmp -s got "$right/live-logical" ||
		wrong "era_repair: status 0 and another answer"
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

# salvaged IMAGE: nothing but its superblock is destroyed, so era_repair and era_dump --repair lose
# nothing.
salvaged() {
	local era
	era=$(u32 "$whole" 0 184)
	rm -f fixed
	exit_status era_repair -i "$1" -o fixed --current-era "$era"
	one_of 5 || wrong "era_repair" || return
	says "lost: 0 blocks" || return
	status_is 0 era_check fixed >/dev/null || return
	era_dump --logical fixed >got || return
	cmp -s got "$right/live-logical" || wrong "era_repair: another answer" || return
	exit_status era_dump --repair --current-era "$era" "$1" >got
	one_of 5 || wrong "era_dump --repair" || return
	cmp -s got "$right/live-logical" || wrong "era_dump --repair: another answer"
}

# not_salvaged IMAGE: what another version means, nobody knows.
not_salvaged() {
	rm -f fixed
	exit_status era_repair -i "$1" -o fixed
	one_of 1 && [ ! -e fixed ] || wrong "era_repair" || return
	exit_status era_dump --repair "$1" >got
	one_of 1 && [ ! -s got ] || wrong "era_dump --repair"
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
	grep -c '<writeset' "$right/snap-dump" | grep -x 7
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
		wrong "failed: $2 block $block: $(grep "^$block " "$BATS_FILE_TMPDIR/kinds")" ||
			echo "$block" >>bad
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
		if [ "$block" = 0 ] && [ "$question" = live-logical ]; then
			salvaged hurt || return
		elif [ "$block" = "$clone" ] && [[ $question == live* ]]; then
			repaired "$question" hurt || return
		else
			exit_status ask "$question" hurt --repair >got
			one_of 1 && [ ! -s got ] || wrong "$question --repair" || return
		fi
	done
	[ "$block" = 0 ] || era_repair_covers hurt || return
	echo done >done
}

@test "damage in the superblock, or the snapshot's: status 1; what is salvaged loses nothing" {
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

# reseal EDITS: BLOCK OFFSET HEX triples, each made with a right checksum; fields.table has more of
# them.
reseal() {
	cp "$whole" hurt
	eval "set -- $1"
	while [ $# -ge 3 ]; do
		blkedit hurt "$1" "$2" "$3" || return
		shift 3
	done
	[ $# = 0 ] && ! cmp -s hurt "$whole"
}

@test "resealed: a writeset's era after the current one, or equal to it in a crashed image" {
	local tree snap_tree
	tree=$(u64 "$whole" 0 200)
	snap_tree=$(u64 "$whole" "$clone" 200)
	# What such an era means can't be told, so only refusal is asked for.
	late() {
		reseal "$3"
		status_is 1 era_check hurt >out &&
			status_is 1 era_check --ignore-non-fatal-errors hurt >out || return
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

@test "resealed: the superblock's own fields are status 1, but it is salvaged" {
	always() {
		reseal "$2" || return
		exit_status timeout 20 era_check hurt >out
		one_of 1 || wrong "era_check" || return
		exit_status timeout 20 era_check --super-block-only hurt >out
		one_of 1 || wrong "era_check --super-block-only" || return
		for question in live-dump live-since-1; do
			exit_status ask "$question" hurt >got
			one_of 1 && [ ! -s got ] || wrong "$question" || return
		done
		exit_status ask live-since-1 hurt --repair >got
		one_of 1 && [ ! -s got ] || wrong "live-since-1 --repair" || return
		[[ $1 == version* ]] || salvaged hurt || return
		[[ $1 != version* ]] || not_salvaged hurt
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

@test "beside a space map of an impossible size nothing tells what the snapshot lost" {
	local size
	for size in 0 4161601; do
		gzip -dc "$abs_top_srcdir/tests/images/020-snapshot-held/image.gz" >damaged
		blkedit damaged sb.sm-blocks="$size"
		status_is 1 era_check -m damaged
		status_is 1 era_invalidate -m --written-since 1 damaged
		status_is 1 era_dump -m -o out damaged
		says "space map"
	done
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

@test "a damaged writeset whose end can't be read may have gone on to the last block" {
	local sets bits
	{
		echo '<superblock uuid="" block_size="8" nr_blocks="200" current_era="7">'
		echo '<writeset era="6" nr_bits="70"><marked block_begin="69" len="1"/></writeset><era_array>'
		printf '<era block="%d" era="1"/>\n' {0..199}
		echo '</era_array></superblock>'
	} | era_restore -q -i - -o hurt
	sets=$(u64 hurt 0 200)
	bits=$(u64 hurt "$sets" $(($(node_at hurt "$sets" 0) + 4)))
	cp hurt longer
	zero_block hurt "$(value64 hurt "$bits" 0)"
	status_is 5 ask live-since-2 hurt --repair >got
	[ "$(<got)" = "0 200" ]
	status_is 5 ask live-logical hurt --repair >got
	[ "$(grep -c 'era="6"' got)" = 200 ]

	# The one array block comes second, so there may have been more than 70 bits.
	blkedit longer "$bits" 32 "$(hex64 1)"
	status_is 5 ask live-since-2 longer --repair >got
	[ "$(<got)" = "0 200" ]
}
