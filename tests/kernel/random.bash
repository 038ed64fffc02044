# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# Random histories: random_history SEED prints a scenario, always the same one for a seed.
#
# What happens in a boot is drawn from lists of words, where a likely word stands more than once; a
# word is a function do_WORD here that prints lines for the guest. What can't be known here, such as
# how far the target has digested when the origin shrinks, the guest finds out (era_start in
# guest.sh), or, where the power fails in the middle of something, settle.
#
# Between two boots a scenario calls left_by, which keeps what the boot left, so that the outcome of
# each can be checked, and sometimes the metadata grow or pass through our own programs.

# all_pass SEED...: calls "passes SEED" for these, or for those of the environment. What a history
# that fails has left goes to the folder ERA_RANDOM_KEEP.
all_pass() {
	local seed failed=
	for seed in ${ERA_RANDOM_SEEDS:-"$@"}; do
		if passes "$seed"; then
			rm -rf "$BATS_TEST_TMPDIR/$seed"
			continue
		fi
		echo "the history of seed $seed failed"
		failed+=" $seed"
		[ -z "${ERA_RANDOM_KEEP:-}" ] || cp -r "$BATS_TEST_TMPDIR"/* "$ERA_RANDOM_KEEP"
	done
	[ -z "$failed" ] || echo "failed:$failed"
	[ -z "$failed" ]
}

# roll COUNT: sets $rolled to one of 0 ... COUNT - 1. A generator of our own: $RANDOM differs
# between versions of bash.
roll() {
	dice=$((dice * 6364136223846793005 + 1442695040888963407))
	rolled=$(((dice >> 33 & 0x7fffffff) % $1))
}

# between LOW HIGH
between() {
	roll $(($2 - $1 + 1))
	rolled=$((rolled + $1))
}

# one_in COUNT
one_in() {
	roll "$1"
	[ "$rolled" = 0 ]
}

# pick WORD...: sets $picked.
pick() {
	roll $#
	shift "$rolled"
	picked=$1
}

say() {
	printf '\t%s\n' "$*"
}

# Where mistakes like to be: at the ends, at the limits of words of bits, array blocks and blocks of
# bits, where the last write was; or anywhere. Sets $at to a data block.
draw_block() {
	local nr=$(((sectors + block - 1) / block)) unit
	pick 1 1 1 64 64 1018 1018 $((64 * 509)) $nr $nr "${at:-0}"
	unit=$((picked > 0 ? picked : 1))
	roll $((nr / unit + 1))
	at=$((rolled * unit))
	between -2 1
	at=$((at + rolled))
	at=$((at < 0 ? 0 : at >= nr ? nr - 1 : at))
}

# Sets $first and $count to sectors of the origin, not aligned to anything.
draw_sectors() {
	draw_block
	roll "$block"
	first=$((at * block + rolled))
	first=$((first < sectors ? first : sectors - 1))
	pick 1 2 8 "$block" $((block + 1)) $((3 * block)) 2000
	between 1 "$picked"
	count=$((rolled < 8192 ? rolled : 8192))
	count=$((count < sectors - first ? count : sectors - first))
}

# Sets $count to a number of data blocks, from $at on, that one write can cover.
draw_run() {
	local nr=$(((sectors + block - 1) / block)) most=$((8192 / block))
	pick 1 1 2 3 10 63 64 65 200 1100
	count=$((picked < most ? picked : most))
	count=$((count < nr - at ? count : nr - at))
	# The last block may be partial.
	[ $(((at + count) * block)) -le "$sectors" ] || count=$((count - 1))
}

do_write() {
	draw_block
	draw_run
	if [ "$count" -gt 0 ]; then
		say "era_write $at $count"
	else
		say "era_write_sectors $((at * block)) 1"
	fi
}

do_unaligned() {
	draw_sectors
	say "era_write_sectors $first $count"
}

do_scatter() {
	local n
	between 2 6
	for ((n = rolled; n > 0; n--)); do
		draw_block
		say "era_write_sectors $((at * block)) 1"
	done
}

do_burst() {
	local n writes=
	between 2 5
	for ((n = rolled; n > 0; n--)); do
		draw_sectors
		writes+=" \"$first $count\""
	done
	say "era_write_all$writes"
}

do_tail() {
	between 1 $((sectors < 2 * block ? sectors : 2 * block))
	rolled=$((rolled < 8192 ? rolled : 8192))
	say "era_write_sectors $((sectors - rolled)) $rolled"
}

do_read() {
	draw_sectors
	say "era_read_sectors $first $count"
}

do_checkpoint() {
	say era_checkpoint
}

# Eras that follow each other faster than they are digested, at least when the guest is in a hurry.
do_pile() {
	local n
	between 2 7
	for ((n = rolled; n > 0; n--)); do
		do_write
		say era_checkpoint
	done
}

do_status() {
	say era_status
}

do_digest() {
	say era_digest
}

do_pause() {
	between 0 60000
	say "usleep $rolled"
}

do_suspend() {
	say era_suspend
	say era_resume
}

do_snapshot() {
	say era_toggle_snapshot
}

# A new length, not only in the last block.
draw_length() {
	local nr
	between 1 "$most_blocks"
	nr=$rolled
	between 1 "$block"
	sectors=$(((nr - 1) * block + rolled))
}

# In place. Which eras are pending is known only with the tree of writesets empty; the target
# archives the current one when it is suspended.
do_resize() {
	say era_digest
	! one_in 2 || do_write
	draw_length
	# shellcheck disable=SC2016
	say "era_resize $sectors \"\$era\""
}

do_restart() {
	say era_remove
	! one_in 2 || draw_length
	say "era_start $sectors $block"
}

# How a boot ends: the target stopped, or the power fails.
end_stop() {
	say era_remove
}

end_crash() {
	! one_in 3 || do_pause
	say crash
}

end_crash_during() {
	local n work=
	between 1 15
	for ((n = rolled; n > 0; n--)); do
		draw_block
		pick "era_write_maybe $((at * block))" "era_write_maybe $((at * block))" \
			era_checkpoint era_toggle_snapshot era_status
		work+=" \"$picked\""
	done
	between 0 400000
	say "crash_during $rolled$work"
}

# A boot that formats, at most.
boot_load() {
	say "era_load $sectors $block"
	pick era_remove crash
	say "$picked"
}

# A boot that resumes, and no more.
boot_crash() {
	say "era_start $sectors $block"
	say crash
}

# A boot that may not have come to its resume, or only half through it.
boot_crash_starting() {
	say "era_look $sectors $block"
	between 0 60000
	say "crash_during $rolled \"era_create $sectors $block \$oldest\""
}

boot_work() {
	local n
	! one_in 3 || say era_hurry
	say "era_start $sectors $block"
	between 1 25
	for ((n = rolled; n > 0; n--)); do
		pick write write write write unaligned unaligned scatter burst tail read \
			checkpoint checkpoint checkpoint pile status digest pause suspend \
			snapshot snapshot resize restart
		"do_$picked"
	done
	pick stop stop crash crash crash_during
	"end_$picked"
}

random_boot() {
	printf '\nboot_%d() {\n' "$1"
	if [ "$1" = 1 ] && one_in 12; then
		boot_load
	elif one_in 6; then
		boot_crash
	elif [ "$1" != 1 ] && one_in 5; then
		boot_crash_starting
	else
		boot_work
	fi
	printf '}\n'
}

random_between() {
	printf '\nbefore_%d() {\n' "$1"
	say "left_by $(($1 - 1))"
	pick nothing nothing nothing nothing nothing grown restored repaired
	case $picked in
	grown)
		between 1 200
		metadata=$((metadata + 4096 * rolled))
		say "truncate -s '>$metadata' metadata"
		;;
	restored | repaired)
		say "${picked}_metadata $metadata"
		;;
	esac
	printf '}\n'
	! one_in 2 || draw_length
}

# Room for what a history can pile up; not a multiple of a block, sometimes.
draw_metadata() {
	local arrays=$((most_blocks / 1018 + 2)) bits=$((most_blocks / (64 * 509) + 2))
	metadata=$((4096 * (40 + 7 * arrays + 40 * bits)))
	between 0 40
	metadata=$((metadata + 4096 * rolled))
	! one_in 4 || metadata=$((metadata + 1536))
}

random_history() {
	local dice=$1 rolled picked at first count block most_blocks sectors metadata boots n
	roll 1
	pick 8 8 8 16 24 56 64 128 1024 random
	block=$picked
	if [ "$block" = random ]; then
		between 1 300
		block=$((rolled * 8))
	fi
	pick 3 64 300 1018 2000 5000 20000 20000 70000 300000
	most_blocks=$picked
	draw_length
	draw_metadata
	between 1 4
	boots=$rolled

	printf '# shellcheck shell=sh\n#\n# The random history %d.\n' "$1"
	printf '\nmetadata=%d\n' "$metadata"
	for ((n = 1; n <= boots; n++)); do
		[ "$n" = 1 ] || random_between "$n"
		random_boot "$n"
	done
}

# What a scenario calls in its before_N, in the folder of its run.

# left_by N: what boot N left and what is true of it are kept in after.N.
left_by() {
	mkdir "after.$1"
	settle "$PWD" && cp metadata truth* "after.$1"
}

# settle DIR: makes DIR/truth, and says in the log what was done of the thing that the power cut
# short: there is one at most. What the superblock can't tell is whether a write was marked; both
# answers are good, and era_dump decides which one the next boot begins with.
settle() {
	local truth=$1/truth
	rm -f "$truth"*
	settle_superblock "$1" >"$1/settled"
	cat "$1/settled" >>"$1/log"
	guest_truth "$1"
	if [ -e "$truth.maybe" ] && ! logical_is_true "$1/metadata" "$truth" 2>/dev/null; then
		sed -n 's/^truth: maybe /truth: write /p' "$1/log" | tail -n 1 >"$1/marked"
		cat "$1/marked" >>"$1/log"
		guest_truth "$1"
	fi
	rm -f "$truth.maybe"
}

# settle_superblock DIR: lines that the log lacks. A resize is committed before the era rolls over.
settle_superblock() {
	local nr era snap
	nr=$(superblock "$1" 180)
	era=$(superblock "$1" 184)
	snap=$(superblock "$1" 216)
	awk -v nr="$nr" -v era="$era" -v snap="$snap" '
		$2 == "starting" { sectors = $3; block = $4; oldest = $5; starting = 1 }
		$2 == "resume" { starting = 0 }
		$2 == "era" { now = $3 }
		$2 == "snap" { held = 1 }
		$2 == "drop" { held = 0 }
		END {
			if (starting && int((sectors + block - 1) / block) == nr) {
				print "truth: load", sectors, block
				print "truth: resume", oldest
			}
			if (now + 1 == era) print "truth: era", era
			if (snap && !held) print "truth: snap"
			if (!snap && held) print "truth: drop"
		}' "$1/log"
}

# superblock DIR OFFSET: a small integer of it.
superblock() {
	od -A n -t u4 -j "$2" -N 4 "$1/metadata" | tr -d ' '
}

# restored_metadata SIZE: instead of the kernel's metadata, those that we restore from them, on a
# device of at least SIZE. A metadata snapshot does not survive that.
restored_metadata() {
	era_dump -o dump.xml metadata && renewed_metadata "$1" era_restore -q -i dump.xml
}

repaired_metadata() {
	renewed_metadata "$1" era_repair -q -i metadata
}

# The programs choose the size, with room enough; but what the origin will grow to they can't know,
# and a space map never grows.
renewed_metadata() {
	"${@:2}" -o new || return
	if [ "$(stat -c %s new)" -lt "$1" ]; then
		rm new
		truncate -s "$1" new
		"${@:2}" -o new || return
	fi
	mv new metadata
	echo "truth: drop" >>log
}
