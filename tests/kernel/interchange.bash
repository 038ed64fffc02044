# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# Random histories (random.bash) in which the kernel's target and ours take turns on the same
# metadata: interchange_history SEED prints a scenario, always the same one for a seed. What ours
# does are commands for tests/target/drive.

# What one turn of ours does, from what the kernel, or another turn of ours, left.
target_work() {
	local n
	pick '' '' ' digester'
	say "open metadata $block format$picked"
	say "resume $sectors"
	between 0 25
	for ((n = rolled; n > 0; n--)); do
		pick write write write write scatter storm tail checkpoint checkpoint checkpoint \
			digest digest snapshot snapshot restart
		"target_$picked"
	done
	pick suspend crash crash
	say "$picked"
}

target_write() {
	draw_sectors
	say "write $first $count"
}

target_scatter() {
	local n
	between 2 6
	for ((n = rolled; n > 0; n--)); do
		draw_block
		say "write $((at * block)) 1"
	done
}

target_storm() {
	local threads writes
	between 2 8
	threads=$rolled
	between 1 40
	writes=$rolled
	roll 1000000
	say "storm $threads $writes $rolled"
}

target_tail() {
	between 1 $((sectors < 2 * block ? sectors : 2 * block))
	say "write $((sectors - rolled)) $rolled"
}

target_checkpoint() {
	say checkpoint
}

target_digest() {
	between 1 5
	pick digest digest "digest $rolled"
	say "$picked"
}

target_snapshot() {
	say toggle
}

target_restart() {
	say suspend
	! one_in 2 || draw_length
	say "resume $sectors"
}

# The function before_N: what boot N - 1 left is kept, then it is our turn, sometimes twice.
target_between() {
	printf '\nbefore_%d() {\n' "$1"
	if [ "$1" = 1 ]; then
		say :
	else
		say "left_by $(($1 - 1))"
	fi
	if [ "$1" != 1 ] || one_in 3; then
		target_turn
		! one_in 3 || target_turn
	fi
	printf '}\n'
	! one_in 2 || draw_length
}

target_turn() {
	! one_in 2 || draw_length
	say "target_works <<'END'"
	target_work
	printf 'END\n'
}

# The last turn is ours; settled first, since the boot before may have been cut short.
target_at_end() {
	printf '\nat_end() {\n'
	target_turn
	printf '}\n'
}

interchange_history() {
	local dice=$1 rolled picked at first count block most_blocks sectors metadata boots n
	roll 1
	pick 8 8 8 16 24 56 64 128 1024
	block=$picked
	pick 3 64 300 1018 2000 5000 20000 20000 70000 300000
	most_blocks=$picked
	draw_length
	draw_metadata
	between 1 3
	boots=$rolled

	printf '# shellcheck shell=sh\n#\n# The random history %d of both targets.\n' "$1"
	printf '\nmetadata=%d\n' "$metadata"
	for ((n = 1; n <= boots; n++)); do
		target_between "$n"
		random_boot "$n"
	done
	target_at_end
}

# What a scenario calls.

# target_works <COMMANDS: a turn of ours, and what it left is sound and true.
target_works() {
	drive >drive.out || return
	grep '^truth: ' drive.out >>log
	rm -f truth truth.*
	guest_truth "$PWD" && image_is_true metadata truth
}
