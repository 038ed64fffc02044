#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Input that is made to take long or much memory is refused, or done with, in seconds: processor
# time and address space are limited, so it does not matter how busy the machine is.

load ../lib/common
load ../lib/cases

# The most data blocks that are believed of a device of 64 MiB, with repair.
believed=$(((1 << 24) + 4 * 16384 * 1018))
seconds=20
kibibytes=700000

setup() {
	scratch
	held=
	need_ours era_check era_dump era_restore era_invalidate era_repair hostile
	! sanitized era_check || skip "sanitizers take time and memory of their own"
	truncate -s 4M device
}

limited() (
	ulimit -t $seconds -v $kibibytes
	exec "$@"
)

# bounded STATUSES COMMAND...: ends in time, in memory and with one of these statuses, and says no
# more than a program should.
bounded() {
	local statuses=$1
	shift
	exit_status limited "$@" >out
	# shellcheck disable=SC2086
	one_of $statuses && [ "$(stat -c %s "$stderr")" -lt 4000000 ]
}

# each_kind [-n NR_BLOCKS] STATUSES COMMAND...: 0 stands for as many as there can be.
each_kind() {
	nr_blocks=0
	[ "$1" != -n ] || { nr_blocks=$2; shift 2; }
	untraced each_kind_untraced "$@"
}

each_kind_untraced() {
	local kind bad=() tried=0
	for kind in $(hostile); do
		tried=$((tried + 1))
		hostile "$kind" image "$nr_blocks" ${held:+held}
		bounded "$@" || bad+=("$kind")
	done
	[ ${#bad[@]} = 0 ] || echo "$*: ${bad[*]}" >&2
	[ "$tried" = 11 ] && [ ${#bad[@]} = 0 ]
}

@test "era_check finds them damaged" {
	each_kind 1 era_check image
	each_kind 1 era_check --json image
}

@test "era_dump and era_invalidate refuse them" {
	each_kind 1 era_dump -o /dev/null image
	each_kind 1 era_dump --logical -o /dev/null image
	each_kind 1 era_invalidate --written-since 1 image
}

@test "with repair, more than four times what the device has room for is not believed" {
	for repair in "era_invalidate -r --written-since 1" "era_dump -r" "era_dump -r --logical" \
			"era_repair -o new -i"; do
		# shellcheck disable=SC2086
		each_kind 1 $repair image
		says "too little is left"
		# shellcheck disable=SC2086
		each_kind -n $((believed + 1)) 1 $repair image
		[ ! -e new ]
	done
}

@test "with repair, so much is" {
	each_kind -n $believed '1 5' era_dump -r -o /dev/null image
	each_kind -n $believed '1 5' era_dump -r --logical -o /dev/null image
	each_kind -n $believed '1 5' era_invalidate -r --written-since 1 --format bitmap \
		-o /dev/null image
	hostile claims image $believed
	bounded 1 era_invalidate -r --written-since 1 --format ranges --unit blocks image
	says "their number is not known"
	[ ! -s out ]
}

@test "a metadata snapshot of them" {
	held=held
	each_kind 1 era_check -m image
	each_kind 1 era_dump -m -o /dev/null image
	each_kind 1 era_invalidate -m --written-since 1 image
	each_kind 1 era_dump -m -r image
	each_kind -n $believed '1 5' era_dump -m -r -o /dev/null image
	each_kind -n $believed '1 5' era_invalidate -m -r --written-since 1 --format bitmap \
		-o /dev/null image
}

@test "era_check repairs none of their counts" {
	each_kind 1 era_check --auto-repair image
}

@test "era_repair has no room for so much" {
	each_kind -n $believed '1 3' era_repair -i image -o device
}

xml_begin='<superblock uuid="" block_size="8" nr_blocks="0" current_era="4000000">'

restores() {
	bounded "$1" era_restore --tight -i "$2" -o device
}

@test "many space maps, and no superblock" {
	hostile many-space-maps image
	dd if=/dev/urandom of=image bs=4096 count=1 conv=notrunc status=none
	bounded 5 era_repair -i image -o new --block-size 4k --nr-blocks 1000
	says "space maps are too many to look at"
	says "lost: 1000 blocks"
}

@test "many generations, and no superblock" {
	for kind in many-clones generations-of-writesets generations-of-two-writeset-trees \
			generations-of-two-arrays; do
		hostile $kind image
		bounded 1 era_repair -i image -o new --block-size 4k
		says "space maps are too many to look at"
	done
	hostile few-generations image
	bounded 5 era_repair -i image -o new --block-size 4k
	says "32 of them may be the newest"
}

@test "XML: a comment of short lines, many times" {
	{
		echo "$xml_begin"
		for _ in {1..10}; do
			echo '<!--'
			head -c 200000 /dev/zero | tr '\0' '\n'
			echo '-->'
		done
		echo '<era_array></era_array></superblock>'
	} >in.xml
	restores 0 in.xml
}

@test "XML: a long attribute" {
	{
		printf '<superblock uuid="'
		head -c 30M /dev/zero | tr '\0' 'x'
	} >in.xml
	restores 1 in.xml
}

@test "XML: entities of entities" {
	{
		echo '<!DOCTYPE superblock [<!ENTITY a "aaaaaaaaaaaaaaaa">'
		for n in {b..z}; do
			echo "<!ENTITY $n \"&$(tr 'b-z' 'a-y' <<<"$n");&$(tr 'b-z' 'a-y' <<<"$n");\">"
		done
		echo ']>'
		echo "${xml_begin/\"\"/\"&z;\"}<era_array></era_array></superblock>"
	} >in.xml
	restores 1 in.xml
}

@test "XML: compressed a thousandfold" {
	{
		echo "$xml_begin"
		head -c 300M /dev/zero | tr '\0' ' '
	} | gzip -1 >in.xml.gz
	restores 1 in.xml.gz
}

@test "XML: more writesets than fit" {
	{
		echo "$xml_begin"
		seq -f '<writeset era="%.0f" nr_bits="2147483647"></writeset>' 100
	} >in.xml
	restores 3 in.xml
	{
		echo "$xml_begin"
		seq -f '<writeset era="%.0f" nr_bits="1"></writeset>' 100000
		echo '<era_array></era_array></superblock>'
	} >in.xml
	restores 3 in.xml
}

@test "mappings of the largest cache there can be" {
	printf '%s\n' \
		'<superblock uuid="" block_size="1" nr_cache_blocks="4294967295" policy="smq" hint_width="4">' \
		'<mappings><mapping cache_block="4294967294" origin_block="9223372036854775807" dirty="false"/>' \
		'</mappings></superblock>' >mappings.xml
	gzip -dc "$abs_top_srcdir"/tests/images/001-*/image.gz >image
	kibibytes=1200000
	bounded 0 era_invalidate --written-since 1 --format dm-cache --cache-mappings mappings.xml \
		image
	[ "$(cat out)" = "invalidate_cblocks 4294967294" ]
}

@test "of more than a million different eras, the newest keep rows of their own" {
	local n=1100000
	need jq
	awk -v n=$n 'BEGIN {
		printf "<superblock uuid=\"\" block_size=\"128\" nr_blocks=\"%d\" current_era=\"%d\">", n, n
		print "<era_array>"
		for (i = 0; i < n; i++)
			printf "<era block=\"%d\" era=\"%d\"/>\n", i, i + 1
		print "</era_array></superblock>"
	}' >many.xml
	era_restore -q -i many.xml -o many
	status_is 0 era_stat --json --all many >got
	jq -e --argjson n $n '
		([.eras[].blocks] | add) == $n and
		([.eras[].last] | max) == $n and
		[.eras[:64][] | [.first, .last]] == [range($n; $n - 64; -1) | [., .]] and
		all(.eras[64:][]; .last <= $n - 64)' got
}
