# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The calls of the room dm, by tests/lib/mapper. Its answers go to the console as "answer: ...".

metadata=256K
PATH=$tools:$helpers:$PATH
export PATH

answer() {
	mapper "$@" >/run/out || echo "status $?" >>/run/out
	sed 's/^/answer: /' /run/out
}

boot_1() {
	insert dm-delay
	small="4096 era $metadata_dev $origin_dev 8" large="8192 era $metadata_dev $origin_dev 8"

	answer info data create data "$small" info data find data find /dev/mapper/data \
		find /dev/ubda find none create data "$small"
	answer load data "$large" info data clear data info data
	answer reload data "$large" info data reload data "$large" remove none
	[ "$(blockdev --getsz /dev/mapper/data)" = 8192 ]
	# What is loaded would come into use.
	answer load data "$large" hold data 1
	answer resume data info data resume data
	answer break data
	answer info data reload data "8192 nothing 1"
	answer info data
	# A device that is in use, and one that is so for a moment only.
	sleep 600 </dev/mapper/data &
	answer remove data
	kill $!
	wait || :
	sleep 1 </dev/mapper/data &
	answer remove data info data
	wait
	[ ! -e /dev/mapper/data ]

	# The time is over: the suspend waits for a write.
	answer create slow "8192 delay $origin_dev 0 0 $origin_dev 0 4000"
	answer create data "8192 era $metadata_dev /dev/mapper/slow 8"
	dd if=/dev/zero of=/dev/mapper/data bs=4096 count=1 oflag=direct 2>/dev/null &
	until grep -q 'State:.D' /proc/$!/status; do
		usleep 20000
	done
	answer --limit 500 hold data 1
	wait
	answer info data
}

# Of a device that somebody has suspended; something of its name that is no socket does not matter.
boot_2() {
	mkdir /run/data
	cd /run
	answer create data "4096 era $metadata_dev $origin_dev 8"
	dmsetup suspend data
	for request in status checkpoint barrier; do
		timeout 30 era_ctl data $request 2>&1 | sed 's/^/answer: /'
	done
	answer hold data 1
	era_ctl data resume | sed 's/^/answer: /'
	era_ctl data resume | sed 's/^/answer: /'
	answer info data
}

boot_3() {
	answer create data "4096 era $metadata_dev $origin_dev 8"
	for request in status table checkpoint take_metadata_snap status drop_metadata_snap \
		barrier resume stats; do
		timeout 30 era_ctl --json data $request 2>/dev/null | sed 's/^/answer: /'
	done
	timeout 30 era_ctl --json data snapshot -- true | sed 's/^/answer: /'
	answer remove data
}

# Metadata devices that are nearly full, each with some more blocks: all barriers that are not
# refused are made, and none leaves the device suspended, which is what a resume without a new era
# does. Words: data, in sectors, and blocks, how many metadata blocks each has.
boot_4() {
	for nr in $(echo "$blocks" | tr , ' '); do
		dd if=/dev/zero of=$metadata_dev bs=4096 count=1 oflag=direct 2>/dev/null
		dmsetup create meta --noudevsync --table "0 $((nr * 8)) linear $metadata_dev 0"
		dmsetup mknodes meta
		if ! dmsetup create data --noudevsync \
			--table "0 $data era /dev/mapper/meta $origin_dev 8" 2>/dev/null; then
			dmsetup remove --noudevsync meta
			continue
		fi
		dmsetup mknodes data
		result=
		for round in 1 2 3 4; do
			dd if=/dev/zero of=/dev/mapper/data bs=4096 count=1 seek=$((round * 200)) \
				oflag=direct 2>/dev/null || break
			if era_ctl --timeout 20 data barrier >/run/out 2>&1; then
				result="$result made"
			elif grep -q 'too few free metadata blocks' /run/out; then
				result="$result refused"
			else
				result="$result failed: $(cat /run/out)"
			fi
			case $(dmsetup info data) in
			*SUSPENDED*) result="$result suspended" ;;
			esac
		done
		echo "answer: $nr$result"
		dmsetup resume data 2>/dev/null || break
		dmsetup remove --noudevsync data
		dmsetup remove --noudevsync meta
	done
}
