#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The room dm on devices of a real kernel: each call, what it refuses, and what it says then.

load ../lib/common
load ../lib/cases
load ../lib/json
load kernel

setup_file() {
	find_validator
}

setup() {
	need_kernel
	need_ours era_ctl mapper
	need_device_mapper
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	truncate -s 256K "$dir/metadata"
}

# answers N [WORD=VALUE...]: those of that boot; the kernel complains, too.
answers() {
	guest_boot "$dir" "$kernel_dir/mapper.sh" "$@" helpers="$abs_top_builddir/tests/lib" \
		>"$dir/said" 2>&1 || grep -q 'the target complains' "$dir/said" || {
		cat "$dir/said"
		return 1
	}
	sed -n 's/^answer: //p' "$dir/console.$1" >"$dir/answers"
}

@test "devices are created, loaded, resumed, removed" {
	answers 1
	diff "$dir/answers" - <<-'END'
		data:
		data: exists table
		data is data
		/dev/mapper/data is data
		/dev/ubda is nothing
		none is nothing
		error: data: cannot create the device: Invalid argument; the kernel's log may say more, see dmesg
		status 3
		data: exists table loaded
		data: exists table
		data: exists table
		error: none: cannot remove the device: there is no such device; dmsetup ls lists them
		status 3
		error: data: cannot suspend: a table was loaded, which the resume would bring into use; resume or clear it by dmsetup
		status 3
		data: exists table
		error: data: was resumed by somebody before its time; try again
		status 3
		data: exists table
		error: data: what was to be done while it was suspended failed: Input/output error; the kernel's log may say more, see dmesg
		status 3
		data: exists table
		error: data: cannot remove the device: it is in use; stop what uses it
		status 3
		data:
		error: data: was not suspended, worked on and resumed in 1 s; see what keeps the devices below it from working
		status 3
		data: exists table
	END
}

@test "a device that somebody has suspended says so, to all" {
	local until="wait until it is resumed, or if nobody will, resume it by era ctl"
	answers 2
	diff "$dir/answers" - <<-END
		era_ctl: data: cannot ask for the status: the device is suspended by somebody; $until data resume
		era_ctl: data: cannot send the message checkpoint: the device is suspended by somebody; $until data resume
		era_ctl: data: cannot ask for the status: the device is suspended by somebody; $until data resume
		error: data: cannot suspend: the device is suspended by somebody; $until
		status 3
		ok
		ok
		data: exists table
	END
}

@test "era ctl: JSON of the kernel's targets" {
	need jq
	answers 3
	diff <(jq -r '"\(.request) \(.exit_status)"' "$dir/answers") - <<-'END'
		status 0
		table 0
		checkpoint 0
		take_metadata_snap 0
		status 0
		drop_metadata_snap 0
		barrier 0
		resume 0
		null 3
		snapshot 0
	END
	split -l 1 "$dir/answers" "$dir/document."
	schema "$(schema_of ctl)" "$dir"/document.*
	[ "$(jq -c 'select(.request == "status") | [.snapshot == null, .metadata.blocks]' \
		"$dir/answers" | tr -d '\n')" = "[true,64][false,64]" ]
	# The barrier's era is the one that goes on.
	[ "$(jq 'select(.request == "barrier").era_to_remember > 1' "$dir/answers")" = true ]
}

# Where no era can begin, a suspended device can't be resumed.
@test "a metadata device without room for an era is refused, and not suspended" {
	truncate -s 2M "$dir/metadata"
	answers 4 data=1600000 blocks=216,240
	diff "$dir/answers" - <<-'END'
		216 refused refused refused refused
		240 made made made made
	END
}
