#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What fails: the layer below, the metadata device, its room.

load ../lib/common
load target

setup() {
	need_target
	scratch
	truncate -s 64M disk
}

uri() {
	echo "nbd+unix:///$1?socket=nbd"
}

@test "the layer below fails half of all changes" {
	rm disk
	play faults
}

# write_fails BLOCK: an error, which is EIO.
write_fails() {
	"$python" - "$1" <<-'EOF'
	import sys
	import nbd
	h = nbd.NBD()
	h.connect_unix("nbd")
	h.set_strict_mode(0)
	try:
	    h.pwrite(b"x" * 512, int(sys.argv[1]) * 4096)
	except nbd.Error as error:
	    sys.exit(error.errno not in ("EIO", "EPERM"))
	sys.exit("it was written")
	EOF
}

write() {
	"$python" -c '
import sys, nbd
h = nbd.NBD()
h.connect_unix("nbd")
for block in sys.argv[1:]:
    h.pwrite(b"x" * 512, int(block) * 4096)' "$@"
}

read_works() {
	"$python" -c '
import nbd
h = nbd.NBD()
h.connect_unix("nbd")
assert h.pread(512, 0)'
}

# The limit holds for the disk, too, which is why it is in memory here.
@test "metadata that cannot be written: writes fail, reads go on, and the status says why" {
	local n
	need prlimit
	truncate -s 2M meta
	trap '' XFSZ
	target_start memory 64M era-metadata=meta era-block-size=4k era-format=yes era-socket=ctl
	trap - XFSZ
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	write 1 2 3
	prlimit --pid "$target_pid" --fsize=4096:
	write 1 2 3
	write_fails 5000
	write_fails 1
	read_works
	status_is 3 era_ctl ctl status
	grep -q "Error: .*meta: cannot write block.*: File too large" "$stderr"
	status_is 3 era_ctl ctl checkpoint
	grep -q "read-only: .*meta: cannot write" "$stderr"
	grep -q "meta: cannot write block.*: File too large" log
	fails nbdinfo "$(uri since=2)"
	nbdinfo "$(uri '')" | grep "is_read_only: true"

	prlimit --pid "$target_pid" --fsize=unlimited:
	status_is 3 era_ctl ctl status
	kill "$target_pid"
	for ((n = 0; n < 500; n++)); do
		! grep -q "as after a crash" log || break
		sleep 0.02
	done
	grep -q "as after a crash" log
	# With the address sanitizer nbdkit has been seen to hang in a destructor of p11-kit's.
	[ -n "$ERA_PRELOAD" ] || wait "$target_pid"
	target_kill
	status_is 0 era_check meta
	status_is 0 era_invalidate --written-since 2 --format ranges --unit blocks meta >got
	echo "1 3" | diff - got
}

@test "metadata too small for the origin: the server does not start" {
	truncate -s 64k meta
	target_fails file disk era-metadata=meta era-block-size=4k era-format=yes
	grep -q "the metadata are full" said
}

starts() {
	target_start file disk era-metadata=meta era-block-size=4k era-format=yes era-socket=ctl &&
		nbdinfo --size "$(uri '')" 2>/dev/null
}

# The smallest metadata that the server starts with have no room to mark a block.
@test "full metadata: writes fail, reads go on, and what is there is whole" {
	local kib
	for ((kib = 64; kib < 160; kib += 4)); do
		rm -f meta
		truncate -s ${kib}k meta
		# A server that refuses may be gone before it is seen.
		! starts || break
		target_kill
	done
	[ "$kib" -gt 64 ]
	[ "$kib" -lt 160 ]
	write_fails 3
	read_works
	status_is 3 era_ctl ctl status
	grep -q "Error: .*metadata are full" "$stderr"
	write_fails 4
	status_is 3 era_ctl ctl take_metadata_snap
	target_stop
	status_is 0 era_check meta
}

@test "no room for another era: messages fail, the target goes on, nothing is lost" {
	local n
	truncate -s 160k meta
	target_start file disk era-metadata=meta era-block-size=4k era-format=yes era-socket=ctl
	[ "$(era_ctl ctl take_metadata_snap)" = 2 ]
	for ((n = 0; n < 16384; n += 509)); do
		write "$n"
		echo "$n 1" >>written
		era_ctl ctl checkpoint 2>>refused || :
	done
	grep -q "no room for another era" refused
	status_is 0 era_ctl ctl status
	target_stop
	status_is 0 era_check meta
	status_is 0 era_invalidate --written-since 2 --format ranges --unit blocks meta | diff written -
}
