#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The table of tracked devices: what is no table is refused, with each line that is wrong.
# tests/kernel/setup.bats has what becomes of one that is right.

load ../lib/common
load ../lib/cases

setup() {
	need_ours era
	scratch
}

# refused WORDS LINE...: a table of these lines, because of the last of them.
refused() {
	local words=$1
	shift
	printf '%s\n' "$@" >tab
	status_is 1 era setup --eratab tab list >out || return
	[ ! -s out ] && grep -qF "era setup: tab: line $#: $words" "$stderr" || {
		printf '%s\n' "$@"
		cat "$stderr"
		return 1
	}
}

good='data /dev/vg/data /dev/vg/data_era 64k'

@test "a table that is empty, or not there, lists nothing" {
	status_is 0 era setup --eratab missing list >out
	[ ! -s out ]
	printf '# NAME\n\n \t\n#data vg\n' >tab
	status_is 0 era setup --eratab tab list >out
	[ ! -s out ]
	status_is 3 era setup --eratab tab activate data
	grep -q "data: is not in tab; era setup list prints what is" "$stderr"
}

@test "fields" {
	refused "'data' has too few fields behind it" '# a comment' 'data'
	refused "'data' has too few fields behind it" 'data /dev/vg/data /dev/vg/data_era'
	refused "'more' is one field too many" "$good - more"
	refused "'64kB' is no block size" 'data /dev/vg/data /dev/vg/data_era 64kB'
	refused "'0' is no block size" 'data /dev/vg/data /dev/vg/data_era 0'
	refused "'1k' is no block size" 'data /dev/vg/data /dev/vg/data_era 1k'
	refused "'discard=pass' is no option" "$good discards=pass,discard=pass"
	refused "'' is no option" "$good discards=pass,"
	refused "'auto' is no option; there are discards=pass, degraded, noauto and _netdev" \
		"$good discards=pass,degraded,noauto,_netdev,auto"
	refused "'control' is no name" 'control /dev/vg/data /dev/vg/data_era 64k'
	refused "'-data' is no name" '-data /dev/vg/data /dev/vg/data_era 64k'
	refused "'a/b' is no name" 'a/b /dev/vg/data /dev/vg/data_era 64k'
	refused "'a\x1b' is no name" $'a\x1b /dev/vg/data /dev/vg/data_era 64k'
}

@test "devices that may be others at the next boot, or the tracked one itself" {
	local device
	for device in UUID=0011-2233 LABEL=data /dev/disk/by-uuid/0011-2233 \
		/dev/disk/by-label/data /dev/disk/by-id/lvm-pv-uuid-x; do
		refused "'$device' is also what the tracked device is called by" \
			"data $device /dev/vg/data_era 64k"
		refused "'$device' is also what the tracked device is called by" \
			"data /dev/vg/data $device 64k"
	done
	for device in /dev/sda /dev/sda1 /dev/dm-0 /dev/block/8:0 /dev/disk/by-diskseq/7; do
		refused "'$device' may be another device at the next boot" \
			"data $device /dev/vg/data_era 64k"
	done
	for device in /srv/disk /dev/ /dev/vg/ /dev/vg/../sda /dev/vg//data /dev/./sda disk/a \
		PARTUUID= PARTUUID=../sda; do
		refused "'$device' is no device" "data $device /dev/vg/data_era 64k"
	done
	refused "'data' is the tracked device itself" 'data data /dev/vg/data_era 64k'
}

@test "nothing is in two lines" {
	refused "'data' is the name of an earlier line, too" "$good" 'data vg-a vg-b 64k'
	refused "'/dev/vg/data' belongs to an earlier line, too" "$good" \
		'other /dev/vg/data vg-b 64k'
	refused "'/dev/vg/data' belongs to an earlier line, too" "$good" \
		'other vg-a /dev/vg/data 64k'
	refused "'/dev/vg/data_era' belongs to an earlier line, too" "$good" \
		'other vg-a /dev/vg/data_era 64k'
	refused "'vg-a' is both the origin and the device for the metadata" 'data vg-a vg-a 64k'
}

@test "each wrong line is told, and none of them is used" {
	local request
	printf '%s\n' "$good" 'a b' 'c d' >tab
	for request in 'activate a' 'deactivate c' 'resize data' 'mark data' list; do
		# shellcheck disable=SC2086
		status_is 1 era setup --eratab tab $request
		[ "$(grep -c 'has too few fields behind it' "$stderr")" = 2 ]
		grep -q 'tab: line 2: ' "$stderr"
		grep -q 'tab: line 3: ' "$stderr"
	done
}

@test "a wrong line keeps no other from being started and stopped" {
	local request
	sed '1s/^/a b\n/' <<<"$good" >tab
	for request in 'activate data' 'activate --all' 'deactivate data' 'deactivate --all'; do
		# shellcheck disable=SC2086
		status_is 3 era setup --eratab tab $request
		grep -q 'tab: line 1: ' "$stderr"
	done
}

@test "what is no file of text" {
	printf 'data\0\n' >tab
	status_is 1 era setup --eratab tab list
	grep -q "tab: is no text: it holds a zero byte" "$stderr"
	mkdir folder
	status_is 3 era setup --eratab folder list
	truncate -s 2M tab
	status_is 3 era setup --eratab tab list
	grep -q "is no file of at most" "$stderr"
}

@test "requests and their words" {
	status_is 2 era setup
	grep -q "no request given" "$stderr"
	status_is 2 era setup start data
	grep -q "request: found 'start', wanted one of create, activate" "$stderr"
	status_is 2 era setup activate
	grep -q "activate: the name of the device is missing" "$stderr"
	status_is 2 era setup activate a b
	grep -q "unexpected argument 'b'" "$stderr"
	status_is 2 era setup list data
	grep -q "list: takes no name, found 'data'" "$stderr"
	status_is 2 era setup create data --origin vg-a
	grep -q "create: --metadata is missing" "$stderr"
	status_is 2 era setup move data
	grep -q "move: --metadata is missing" "$stderr"
	status_is 2 era setup activate --all data
	grep -q "activate: --all and a name exclude each other" "$stderr"
	status_is 2 era setup mark --all
	grep -q -e "--all: does not go with mark" "$stderr"
	status_is 2 era setup activate data --enable
	grep -q -e "--enable: does not go with activate" "$stderr"
	status_is 2 era setup mark data --force
	grep -q -e "--force: does not go with mark" "$stderr"
}
