#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The distribution's thin-provisioning-tools, 0.9 or 1.1, on the same inputs: XML is exchanged in
# both directions, and where the two differ, the difference is what the peer is known to leave out.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../lib/xml

setup_file() {
	unpack_images
}

setup() {
	need_ours "${programs[@]}"
	need "$PEER_DIR/era_check" "$PEER_DIR/era_dump" "$PEER_DIR/era_restore" \
		"$PEER_DIR/era_invalidate"
	peer=$("$PEER_DIR/era_check" -V)
	[[ $peer == 0.9* || $peer == 1.1* ]] || skip_test "the peer is neither 0.9 nor 1.1: $peer"
	scratch
}

# not_with_1_1 WHY: nothing is left out that could be had.
not_with_1_1() {
	[[ $peer != 1.1* ]] || skip "1.1 $1"
}

# their_dump IMAGE: 1.1 leaves the last line without an end.
their_dump() {
	"$PEER_DIR/era_dump" "$1" | awk 1
}

# clean IMAGE: no current writeset; crashed: one; loaded: never resumed, so 0.9 fails on them.
kind_of() {
	local blocks root
	blocks=$(od -An -tu4 -j 180 -N 4 "$1")
	root=$(od -An -tu8 -j 192 -N 8 "$1")
	if [ $((blocks)) = 0 ]; then
		echo loaded
	elif [ $((root)) = 0 ]; then
		echo clean
	else
		echo crashed
	fi
}

@test "equal dumps, but for the current writeset that 0.9 leaves out and 1.1 does not" {
	local n_clean=0 n_crashed=0 n_loaded=0
	dumps() {
		local image=$1 era
		case $(kind_of "$image") in
		clean)
			n_clean=$((n_clean + 1))
			their_dump "$image" >theirs && status_is 0 era_dump "$image" | cmp - theirs
			;;
		crashed)
			n_crashed=$((n_crashed + 1))
			era=$(od -An -tu4 -j 184 -N 4 "$image")
			their_dump "$image" >theirs && status_is 0 era_dump "$image" >ours || return
			if [[ $peer == 1.1* ]]; then
				cmp ours theirs
				return
			fi
			fails cmp -s ours theirs || return
			sed "/<writeset era=\"$((era))\"/,/<\/writeset>/d" ours | cmp - theirs
			;;
		loaded) n_loaded=$((n_loaded + 1)) ;;
		esac
	}
	each_image dumps
	[ "$n_clean" -gt 8 ]
	[ "$n_crashed" -gt 8 ]
	[ "$n_loaded" = 2 ]
}

@test "our dump, restored by them, is sound and dumps the same" {
	local n=0
	theirs_of_ours() {
		[ "$(kind_of "$1")" != loaded ] || return 0
		status_is 0 era_dump "$1" >ours.xml || return
		rm -f meta
		truncate -s "$(stat -c %s "$1")" meta
		"$PEER_DIR/era_restore" -i ours.xml -o meta >/dev/null || return
		status_is 0 era_check -q meta && status_is 0 era_dump meta | cmp - ours.xml &&
			status_is 0 era_dump --logical meta | cmp - <(era_dump --logical "$1") ||
			return
		n=$((n + 1))
	}
	each_image theirs_of_ours
	[ "$n" -gt 20 ]
}

@test "their dump, restored by us, passes both checks and dumps the same in both" {
	local n=0
	ours_of_theirs() {
		# Of the others the dumps are the same, as tested above.
		[ "$(kind_of "$1")" = crashed ] && [[ $1 != *many* ]] || return 0
		their_dump "$1" >theirs.xml || return
		rm -f meta
		status_is 0 era_restore -q -i theirs.xml -o meta || return
		status_is 0 era_check -q meta && status_is 0 "$PEER_DIR/era_check" -q meta || return
		status_is 0 era_dump meta | cmp - theirs.xml && their_dump meta |
			cmp - theirs.xml || return
		n=$((n + 1))
	}
	each_image ours_of_theirs
	[ "$n" -gt 8 ]
}

@test "what we restore and repair passes their check, and they dump the same" {
	local n=0
	written() {
		[ "$(kind_of "$1")" != loaded ] || return 0
		rm -f a b
		status_is 0 era_dump "$1" >ours.xml &&
			status_is 0 era_restore -q -i ours.xml -o a &&
			status_is 0 era_repair -q -i "$1" -o b || return
		"$PEER_DIR/era_check" -q a && "$PEER_DIR/era_check" -q b &&
			their_dump a | cmp - ours.xml && their_dump b | cmp - ours.xml || return
		n=$((n + 1))
	}
	each_image written
	[ "$n" -gt 20 ]
}

@test "equal lists for every N, where 0.9 reads all there is and nothing was shrunk" {
	not_with_1_1 "lists nothing of the era array where there is no writeset"
	local n=0
	lists() {
		local era since
		[ "$(kind_of "$1")" = clean ] && [[ $1 != *shr[iu]nk* ]] && [[ $1 != *many* ]] ||
			return 0
		era=$(od -An -tu4 -j 184 -N 4 "$1")
		for ((since = 0; since <= era; since++)); do
			"$PEER_DIR/era_invalidate" --written-since "$since" "$1" |
				sed 's/ = "/="/' >theirs || return
			status_is 0 era_invalidate --written-since "$since" "$1" | cmp - theirs ||
				return
			n=$((n + 1))
		done
	}
	each_image lists
	[ "$n" -gt 30 ]
}

# 0.9 knows no runs, only bits: those are the seeds that 3 divides.
@test "random XML through both: the same metadata are read" {
	not_with_1_1 "fails to dump some of them"
	local seed n=0 bad=0
	random_both() {
		random_xml "$1" >random.xml
		[ "$(truth_field nr_blocks <(xml_to_truth <random.xml))" != 0 ] || return 0
		rm -f ours theirs
		status_is 0 era_restore -q -i random.xml -o ours || return
		truncate -s "$(stat -c %s ours)" theirs
		"$PEER_DIR/era_restore" -i random.xml -o theirs >/dev/null || return
		status_is 0 era_check -q theirs && "$PEER_DIR/era_check" -q ours || return
		era_dump ours >ours.xml || return
		era_dump theirs | cmp - ours.xml && their_dump ours | cmp - ours.xml || return
		n=$((n + 1))
	}
	for ((seed = 3; seed <= 36; seed += 3)); do
		untraced random_both "$seed" || { echo "seed $seed"; bad=$((bad + 1)); }
	done
	[ "$bad" = 0 ]
	[ "$n" -gt 8 ]
}
