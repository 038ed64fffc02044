#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_format and era_metadata_size on the command line. What a real kernel makes of their answers is
# in tests/kernel (backup.bats, metadata-size.bats).

load ../lib/common
load ../lib/truth
load ../lib/cases

bats_require_minimum_version 1.5.0

setup() {
	need_ours era_check era_dump era_format era_invalidate era_metadata_size
	scratch
}

# size STATUS ANSWER WORDS: era_metadata_size. A failure prints no ANSWER.
size() {
	# shellcheck disable=SC2086
	exit_status era_metadata_size $3 >got
	one_of "$1" || return
	if [ "$1" != 0 ]; then
		[ ! -s got ] && [ -s "$stderr" ] || wrong "printed something, or said nothing"
	else
		silent && grep -qxE "$2" got || wrong "$3: printed $(cat got), wanted $2"
	fi
}

# Prints the size in bytes.
bytes() {
	era_metadata_size --unit bytes "$@"
}

@test "era_metadata_size: sizes, suffixes, statuses" {
	cases 29 size <<-'EOF'
		0 | [0-9]+ | --block-size 4k --device-size 1G
		0 | [0-9]+ | --block-size=4096 --device-size=1073741824
		0 | [0-9]+ | --block-size 8s --device-size 2097152s --writesets 2 --unit sectors
		0 | [0-9]+ | --block-size 4K --device-size 1T --unit k
		0 | [0-9]+ | --block-size 4k --device-size 0
		0 | 1 | --block-size 4k --device-size 1M --unit M
		0 | 1 | --block-size 4k --device-size 1M --unit G
		0 | [0-9]+ | --block-size 4k --device-size 512
		0 | [0-9]+ | --block-size 1G --device-size 64T
		0 | [0-9]+ | --block-size 1T --device-size 2199023255040s
		2 | - | --block-size 4k
		2 | - | --device-size 1G
		2 | - | --block-size 0 --device-size 1G
		2 | - | --block-size 2k --device-size 1G
		2 | - | --block-size 4097 --device-size 1G
		2 | - | --block-size 4k --device-size 1G extra
		2 | - | --block-size 4k --device-size 513
		2 | - | --block-size 4k --device-size 1x
		2 | - | --block-size 4k --device-size 1kk
		2 | - | --block-size 4k --device-size -1
		0 | [0-9]+ | --block-size 4k --device-size 1.5G
		2 | - | --block-size 4k --device-size 99999999999999999999
		2 | - | --block-size 4k --device-size 8388608T
		2 | - | --block-size 4k --device-size 1G --unit T
		2 | - | --block-size 4k --device-size 1G --writesets x
		2 | - | --block-size 4k --device-size 1G --writesets 4294967296
		2 | - | --block-size 4k --device-size 8T
		2 | - | --block-size 4k --device-size 1G --unit
		3 | - | --block-size 4k --device-size 7T --writesets 4294967295
	EOF
}

# as_bytes SIZE BYTES
as_bytes() {
	[ "$(bytes --block-size 4k --device-size "$1")" \
		= "$(bytes --block-size 4k --device-size "$2")" ] &&
		exit_status era_invalidate --written-since 0 --device-size "$1" meta >/dev/null &&
		grep -q "found $2 bytes" "$stderr"
}

@test "sizes as people write them" {
	era_format -q --block-size 4k --device-size 8k --era 1 meta
	cases 22 as_bytes <<-'EOF'
		512 | 512
		1s | 512
		0.5k | 512
		9k | 9216
		16MiB | 16777216
		16M | 16777216
		16m | 16777216
		16384K | 16777216
		16384KiB | 16777216
		16384kiB | 16777216
		0.015625G | 16777216
		016M | 16777216
		1.5g | 1610612736
		1.50000000000000000000000000000000G | 1610612736
		1.000000476837158203125G | 1073742336
		2.5GiB | 2684354560
		1.5T | 1649267441664
		7.75TiB | 8521215115264
		0.001953125p | 2199023255552
		0.00390625P | 4398046511104
		0.0000019073486328125E | 2199023255552
		0.0000019073486328125EiB | 2199023255552
	EOF
}

# says_of SIZE TEXT: the size is refused, with these words.
says_of() {
	exit_status era_metadata_size --block-size 4k --device-size "$1" || return
	one_of 2 && says "$2"
}

@test "sizes that are refused say why" {
	cases 21 says_of <<-'EOF'
		1000 | '1000', wanted whole sectors of 512 bytes
		0.75s | '0.75s', wanted whole sectors of 512 bytes
		1.5 | '1.5', which is not a whole number of bytes
		1.3M | '1.3M', which is not a whole number of bytes
		0.0000000000000000000000000000000000000000000000000000000000000001E | not a whole number of bytes
		8E | wanted at most 9223372036854775807 bytes
		7.9999E | not a whole number of bytes
		16777216T | wanted at most
		18446744073709551616 | wanted at most
		18446744073709551615 | wanted at most
		16MB | '16MB', wanted a number of bytes, or one with a suffix: s k M G T P E
		16Mi | with a suffix
		16mib | with a suffix
		16siB | with a suffix
		16S | with a suffix
		16B | with a suffix
		16 M | with a suffix
		1.M | with a suffix
		.5M | with a suffix
		1..5M | with a suffix
		1.5.M | with a suffix
	EOF
}

@test "era_metadata_size: one size in all units, rounded up" {
	local arguments unit of n
	n=0
	for arguments in "4k 1M" "28k 255M" "64k 1T" "1M 64T"; do
		# shellcheck disable=SC2086
		set -- --block-size ${arguments% *} --device-size ${arguments#* }
		[ $(($(bytes "$@") % 4096)) = 0 ]
		for unit in sectors:512 k:1024 M:1048576 G:1073741824; do
			of=${unit#*:}
			[ "$(era_metadata_size --unit "${unit%:*}" "$@")" = \
				$((($(bytes "$@") + of - 1) / of)) ]
			n=$((n + 1))
		done
		[ "$(era_metadata_size "$@")" = "$(era_metadata_size --unit sectors "$@")" ]
	done
	[ $n = 16 ]
}

# grows WHAT: never falls from one line of sizes to the next, and is more in the end.
grows() {
	local last=0 first='' now
	while read -r now; do
		[ "$now" -ge "$last" ] || wrong "$1: $now after $last" || return
		last=$now
		first=${first:-$now}
	done
	[ "$last" -gt "${first:-$last}" ] || wrong "$1: did not grow"
}

@test "era_metadata_size: larger devices, smaller blocks and more writesets need no less" {
	local n
	for ((n = 1; n < 1 << 32; n = n * 5 / 4 + 1)); do
		bytes --block-size 4k --device-size "${n}s"
	done | grows "device"
	for ((n = 1 << 18; n > 1; n /= 2)); do
		bytes --block-size "$((n * 4))k" --device-size 1T
	done | grows "blocks"
	for ((n = 0; n < 3000; n += n / 8 + 1)); do
		bytes --block-size 4k --device-size 100M --writesets $n
	done | grows "writesets"
}

# Right below the last bitmap, and past it.
@test "era_metadata_size: no more than dm-era can use" {
	local most=$((4161600 * 4096)) low=0 high=4294967295 at
	while [ $((high - low)) -gt 1 ]; do
		at=$(((low + high) / 2))
		if bytes --block-size 4k --device-size 100G --writesets $at >got 2>said; then
			low=$at
			[ "$(cat got)" -le $most ]
		else
			high=$at
			grep -q "more than the 4161600 that dm-era can use" said
		fi
	done
	[ "$(bytes --block-size 4k --device-size 100G --writesets $low)" \
		-gt $((most / 1000 * 999)) ]
}

# formats STATUS WORDS: era_format on the file "new", which does not exist.
formats() {
	rm -f new
	# shellcheck disable=SC2086
	exit_status era_format $2 >got
	one_of "$1" && [ ! -s got ] || return
	if [ "$1" = 0 ]; then
		era_check -q new
	else
		[ -s "$stderr" ] && [ ! -e new ] || wrong "said nothing, or left something"
	fi
}

@test "era_format: sizes, suffixes, statuses" {
	truncate -s 1000001 disk
	: >empty
	cases 32 formats <<-'EOF'
		0 | --block-size 4k --device-size 1G new
		0 | -q --block-size=8s --device-size=1G new
		0 | --block-size 64k --device-size 1T --era 0 new
		0 | --block-size 4k --device-size 1000s --era 4194967295 new
		0 | --block-size 4k --device-size 512 new
		0 | --block-size 4k --origin disk --force new
		2 | --block-size 4k --device-size 0 new
		2 | --block-size 4k --origin empty new
		2 | --block-size 4k --origin disk --device-size 1G new
		2 | --block-size 4k --device-size 1000s --era 4194967296 new
		2 | --block-size 4k --device-size 1G
		2 | --block-size 4k new
		2 | --device-size 1G new
		2 | --block-size 4k --device-size 1G new other
		2 | --block-size 0 --device-size 1G new
		2 | --block-size 3k --device-size 1G new
		2 | --block-size 4k --device-size 1001 new
		2 | --block-size 4k --device-size 8T new
		2 | --block-size 4k --device-size 1Z new
		2 | --block-size k --device-size 1G new
		2 | --block-size 4k --device-size 1G --era -1 new
		2 | --block-size 4k --device-size 1G --era 4294967296 new
		2 | --block-size 4k --device-size 1G --era 1x new
		2 | --block-size 4k --device-size 1G --era new
		2 | --block-size 4k --device-size 0x10000 new
		2 | --block-size +4k --device-size 1G new
		2 | --block-size 4k --device-size 1G --writesets 2 new
		2 | --block-size 4k --device-size 99999999999999999999T new
		3 | --block-size 4k --device-size 1G missing/new
		3 | --block-size 4k --device-size 1G .
		3 | --block-size 4k --origin missing new
		3 | --block-size 4k --device-size 1G /dev/full
	EOF
}

# What was on a device that is too small is still there.
@test "era_format: too small is refused, and just enough is not" {
	local needs
	head -c 40960 /dev/urandom >small
	cp small was
	status_is 3 era_format --force --block-size 4k --device-size 1G small
	says "too small"
	cmp small was
	needs=$(sed -n 's/.*needs [0-9]* (\([0-9]*\) bytes).*/\1/p' "$stderr")
	[ "$needs" -le "$(bytes --block-size 4k --device-size 1G)" ]

	truncate -s $((needs - 4096)) small
	status_is 3 era_format --force --block-size 4k --device-size 1G small
	truncate -s "$needs" small
	status_is 0 era_format --force --block-size 4k --device-size 1G small
	status_is 0 era_check -q small
	[ "$(stat -c %s small)" = "$needs" ]
}

@test "era_format: on what era_metadata_size says, for every size" {
	fits() {
		rm -f new
		truncate -s "$(bytes --block-size "$1" --device-size "$2")" new
		exit_status era_format -q --block-size "$1" --device-size "$2" --era 3 new
		one_of 0 && era_check -q new
	}
	cases 8 fits <<-'EOF'
		4k | 4k
		4k | 512
		4k | 1M
		4k | 4072k
		4k | 4076k
		28k | 10G
		1M | 1T
		4k | 100G
	EOF
}

# What is there is overwritten, whatever it was.
@test "era_format: old metadata are forgotten" {
	unpack_images
	cp "$BATS_FILE_TMPDIR/images/022-snapshot-moved-on" new
	chmod 640 new
	era_format -q --force --block-size 4k --device-size 80000s --era 3 new
	era_check --json new | jq -e '.status == "sound" and .live.current_era == 3 and
		.live.nr_blocks == 10000 and .live.writesets == 0 and .live.clean and
		(.snapshot == null)'
	status_is 4 era_invalidate -m --written-since 0 new
	[ "$(stat -c %a new)" = 640 ]
}

# The last block is partial. Eras to the one of --era, and the one after.
@test "era_format: each era up to --era is answered with all blocks, the next with none" {
	local era n
	for era in 0 1 7 4194967295; do
		rm -f new
		era_format --block-size 28k --device-size 1000001s --era $era new
		printf '# sectors 1000001 block 56 nr_blocks 17858 era %d\n0 17857 %d\n' $era \
			$era >truth
		[ "$(truth_field nr_blocks truth)" = $(((1000001 + 55) / 56)) ]
		if [ $era -lt 10 ]; then
			image_is_true new truth
		fi
		for n in 0 $((era / 2)) "$era"; do
			era_invalidate --written-since "$n" --format ranges --unit blocks new >got
			echo "0 17858" | cmp - got
		done
		era_invalidate --written-since $((era + 1)) --format ranges new >got
		cmp got /dev/null
		[ $era -gt 10 ] || status_is 4 era_invalidate --written-since $((era + 2)) new
	done
}

@test "era_format: the dump" {
	era_format --block-size 4k --device-size 12k --era 5 new
	cat >want <<-'EOF'
		<superblock uuid="" block_size="8" nr_blocks="3" current_era="5">
		  <era_array>
		    <era block="0" era="5"/>
		    <era block="1" era="5"/>
		    <era block="2" era="5"/>
		  </era_array>
		</superblock>
	EOF
	era_dump new | diff -u want -
}

@test "era_format: the same bytes every time; the peer's era_check takes them" {
	era_format --block-size 4k --device-size 1G --era 5 new
	era_format --block-size 4k --device-size 1G --era 5 again
	cmp new again
	[ ! -x "$PEER_DIR/era_check" ] || "$PEER_DIR/era_check" new
}

# metadata_blocks DEV: how many its space map has.
metadata_blocks() {
	od -An -tu8 -v -j 44 -N 8 "$1" | tr -d ' '
}

@test "era_format: the last MiB of a larger device is left to the state" {
	local nr recommended
	recommended=$(($(era_metadata_size --block-size 64k --device-size 1G) / 8))
	for nr in "$recommended" $((recommended + 255)); do
		rm -f new
		truncate -s $((nr * 4))K new
		status_is 0 era_format -q --block-size 64k --device-size 1G new
		[ "$(metadata_blocks new)" = "$nr" ]
	done
	for nr in $((recommended + 256)) $((recommended + 1000)); do
		rm -f new
		truncate -s $((nr * 4))K new
		printf kept | dd of=new bs=1 seek=$(((nr - 256) * 4096)) conv=notrunc status=none
		status_is 0 era_format -q --block-size 64k --device-size 1G new
		[ "$(metadata_blocks new)" = $((nr - 256)) ]
		[ "$(dd if=new bs=1 skip=$(((nr - 256) * 4096)) count=4 status=none)" = kept ]
		status_is 0 era_check -q new
		[ ! -x "$PEER_DIR/era_check" ] || "$PEER_DIR/era_check" new
	done
}

@test "era_format: a file that is in use" {
	test_tool ofdlock
	era_format --block-size 4k --device-size 1G new
	cp new was
	status_is 3 ofdlock read new era_format --force --block-size 4k --device-size 1G --era 9 new
	says "in use"
	status_is 3 ofdlock write new era_format --force --block-size 4k --device-size 1G \
		--era 9 new
	cmp new was
}
