#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era-witness: whoever asks for an era that other metadata gave out, or older ones, is refused, and
# writes go on. That its own metadata are never refused, whatever they went through, is tested by
# the random histories of tracking.bats.

load ../lib/common
load ../lib/cases
load target

setup() {
	need_target
	need_ours blkedit era_restore
	scratch
	truncate -s 16M disk
}

served=(file disk era-metadata=meta era-block-size=1M era-socket=ctl era-format=yes era-first=1)

start() {
	target_start "${served[@]}" era-witness=w "$@"
}

uri() {
	echo "nbd+unix:///$1?socket=nbd"
}

# writes BLOCK...
writes() {
	"$python" - "$@" <<-'EOF'
	import nbd, sys
	h = nbd.NBD()
	h.connect_unix("nbd")
	for block in sys.argv[1:]:
	    h.pwrite(b"x" * 512, int(block) << 20)
	EOF
}

# blocks ERA: what is listed since then, in one line.
blocks() {
	nbdinfo --map "$(uri "since=$1")" | awk '$3 == 0 { for (i = 0; i < $2; i += 1048576)
		printf "%s%d", s++ ? " " : "", ($1 + i) / 1048576 }'
}

remember() {
	status_is 0 era_ctl -o w ctl witness
}

# refused ERA WORDS: and the plain export is served.
# The log may leave out what it has said a moment ago.
refused() {
	fails nbdinfo "$(uri "since=$1")" >said 2>&1 || return
	grep -F -e "$2" log >/dev/null || { tail log; return 1; }
	nbdinfo "$(uri '')" | grep 'is_read_only: false' >/dev/null
}

# A backup of era 3, and one more era. The metadata of before era 3 are in "older".
life() {
	start
	writes 0 1 2
	era_ctl ctl checkpoint
	writes 5
	target_stop
	cp meta older
	start
	[ "$(era_ctl ctl checkpoint)" = 4 ]
	writes 6 9
	remember
	[ "$(blocks 4)" = "6 9" ]
	target_stop
}

@test "its own metadata pass, after a stop and after a crash" {
	local n
	life
	for n in 1 2 3; do
		start
		[ "$(blocks 4)" = "6 9" ]
		[ "$(blocks 2)" = "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15" ] ||
			[ "$(blocks 2)" = "5 6 9" ]
		target_kill
	done
	[ "$(era_invalidate --written-since 4 --witness w --format ranges --unit blocks meta)" \
		= $'6 1\n9 1' ]
	[ "$(grep -c 'era-witness: the exports since=N are refused' log)" = 2 ] \
		# before there was one
	target_start -r "${served[@]:0:5}" era-witness=w
	[ "$(blocks 4)" = "6 9" ]
}

@test "an older copy of the metadata is refused, also in the eras that it comes to" {
	local n
	life
	cp older meta
	start
	grep "are of era 2, older than the witness .*, of era 4" log
	refused 2 "nothing proves that these metadata have tracked it"
	for n in 4 5; do
		[ "$(era_ctl ctl checkpoint)" = $n ]
		refused 4 "older than the witness"
		refused 5 "older than the witness"
	done
	[ "$(blocks 0)" = "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15" ]
	# What can't have been remembered before is allowed.
	[ "$(era_ctl ctl checkpoint)" = 6 ]
	writes 3
	[ "$(blocks 6)" = 3 ]
	remember
	target_stop
	start
	[ "$(blocks 6)" = 3 ]
}

@test "an older copy that was used on is refused, though it has come to the same eras" {
	life
	cp older meta
	target_start "${served[@]}"
	for _ in 1 2 3; do
		writes 6
		era_ctl ctl checkpoint
	done
	target_stop
	start
	refused 4 "block 9: era: found"
	refused 5 "block 9: era: found"
	writes 12
	[ "$(era_ctl ctl checkpoint)" = 8 ]
	[ "$(blocks 7)" = 12 ]
}

@test "metadata that a start script makes anew are refused in each era that they come to" {
	local n
	life
	rm meta
	start
	grep "the metadata are new" log
	for n in 2 3 4 5; do
		[ "$(era_ctl ctl checkpoint)" = $n ]
		refused 4 "the metadata are new"
	done
	target_stop
	start
	refused 4 "the witness was refuted at an earlier start"
	[ "$(era_ctl ctl checkpoint)" = 7 ]
	writes 8
	[ "$(blocks 7)" = 8 ]
}

@test "another disk's metadata, of the same geometry and of another" {
	life
	rm meta
	target_start "${served[@]}"
	for n in 1 2 3 4; do
		writes $((n * 3))
		era_ctl ctl checkpoint
	done
	target_stop
	start
	refused 4 "these are other metadata than the witness's, or older ones"
	target_stop
	rm meta w.refuted
	target_start file disk era-metadata=meta era-block-size=64k era-format=yes era-first=9
	target_stop
	target_start file disk era-metadata=meta era-witness=w
	refused 4 "block size: found 128 sectors, wanted 2048"
}

@test "eras that were given out after the witness, before the start, are not proven" {
	life
	target_start "${served[@]}"
	era_ctl ctl checkpoint
	writes 11
	target_stop
	start
	[ "$(blocks 5)" = 11 ]
	refused 6 "era 6 was not remembered with the witness"
	writes 13
	[ "$(blocks 7)" = 13 ]
}

@test "without a witness file, or with a damaged one, eras of before are refused" {
	life
	mv w away
	start
	grep "$PWD/w: there is no witness yet" log
	refused 4 "there is no witness yet"
	refused 1 "there is no witness yet"
	[ "$(era_ctl ctl checkpoint)" = 6 ]
	writes 3
	[ "$(blocks 6)" = 3 ]
	target_stop
	head -c 100 away >w
	start
	refused 6 "witness: bytes: found 100"
	[ "$(era_ctl ctl checkpoint)" = 8 ]
	refused 8 "witness: bytes: found 100"
	[ "$(blocks 0)" = "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15" ]
	remember
	target_stop
	start
	[ "$(blocks 8)" = "" ]
}

# passively N COMMAND ARGUMENT...: beside the export since=N of a server with these arguments that
# begins no era. What it says goes to the file said.
passively() {
	rm -f passive
	LD_PRELOAD=$ERA_PRELOAD timeout -k 1 20 nbdkit -U passive --filter="$ERA_FILTER" file disk \
		era-metadata=meta "${@:3}" --run "$2 'nbd+unix:///since=$1?socket='\$unixsocket" \
		2>said 3>&-
}

@test "damaged metadata prove nothing" {
	local block
	life
	cp meta sound
	for ((block = 1; block < 60; block++)); do
		cp sound meta
		printf xyz | dd of=meta bs=1 seek=$((block * 4096 + 500)) conv=notrunc status=none
		if ! era_check -q meta 2>/dev/null; then break; fi
	done
	status_is 1 era_check -q meta
	fails passively 4 nbdinfo -r era-witness=w
	grep checksum said
	cp sound meta
	passively 4 nbdinfo -r era-witness=w
}

@test "metadata that record a failed flush are compared when a server has marked what it left" {
	life
	blkedit meta sb.flags=+514
	start
	refused 4 "flush"
	target_stop
	start
	# The eras that no flush has closed count as written in the era of that start.
	[ "$(blocks 4)" = "5 6 9" ]
	[ "$(blocks 5)" = "5 6 9" ]
}

@test "a metadata snapshot's server compares the snapshot" {
	life
	start
	writes 12
	era_ctl ctl take_metadata_snap
	writes 13
	[ "$(passively 4 'nbdinfo --map' era-snapshot=yes era-witness=w |
		awk '$3 == 0 { print $1 / 1048576 }' | tr '\n' ' ')" = "6 9 12 " ]
	# Such a server begins no era that could be asked for.
	fails passively 6 nbdinfo era-snapshot=yes era-witness=w
	grep "era 6 was not remembered with the witness" said
	fails passively 1 nbdinfo era-snapshot=yes era-witness=none
	grep "there is no witness yet" said
	passively 0 nbdinfo era-snapshot=yes era-witness=none
	passively 6 nbdinfo era-snapshot=yes
	# A witness of now has writes that the snapshot has not.
	remember
	fails passively 4 nbdinfo era-snapshot=yes era-witness=w
	grep "it was taken before, or of other metadata" said
}

@test "frozen,since=N is refused like since=N" {
	life
	cp older meta
	start era-cow=cow
	era_ctl ctl freeze
	fails nbdinfo "$(uri frozen,since=4)"
	nbdinfo "$(uri frozen)"
}

@test "a witness that was refuted once proves nothing at any later start" {
	local n
	start
	remember
	writes 3 7
	target_stop
	# Made anew, in the same era: later nothing contradicts the witness.
	rm meta
	for n in 1 2 3; do
		start
		refused 1 "the metadata are new, so they are not those of the witness"
		cmp w w.refuted
		target_stop
	done
	start
	refused 1 "the witness was refuted at an earlier start"
	# A new one is as good as any.
	remember
	target_stop
	start
	[ "$(blocks 6)" = "" ]
	target_stop
	# What was refuted can't be read, so it may have been this one.
	head -c 100 w.refuted >cut
	mv cut w.refuted
	start
	refused 5 "w.refuted: witness: bytes: found 100"
}

@test "each witness that was refuted is remembered" {
	life
	cp w first
	cp older meta
	start
	refused 4 "w"
	remember
	cp w second
	target_stop
	cp older meta
	start
	cmp second w.refuted.2
	target_stop
	for n in 1 2 3; do
		start
		target_stop
	done
	for old in first second; do
		cp "$old" w
		start
		refused 4 "the witness was refuted at an earlier start"
		target_stop
	done
	[ ! -e w.refuted.3 ]
}

@test "a server that cannot keep a refuted witness does not start" {
	life
	rm meta
	ln -s nowhere/w w.refuted
	target_fails "${served[@]}" era-witness=w
	grep "the witness is refuted, and that can't be remembered" said
	[ ! -e meta ]
	rm w.refuted
	start
	refused 4 "the metadata are new"
	cmp w w.refuted
}

@test "a server that begins no era leaves no word of a witness that it refuses" {
	life
	cp older meta
	start -r
	fails nbdinfo "$(uri since=3)"
	[ ! -e w.refuted ]
	target_stop
	start
	[ -e w.refuted ]
}

@test "an era that has not begun is not one of this server's" {
	local era
	life
	mv w away
	start
	era=$(era_ctl ctl checkpoint)
	[ "$(blocks "$era")" = "" ]
	refused $((era + 1)) "there is no witness yet"
	target_stop
	mv away w
	start
	era=$(era_ctl ctl checkpoint)
	[ "$(blocks "$era")" = "" ]
	refused $((era + 1)) "nor was it begun by this server"
}

@test "what the device has grown by is listed, also where the kernel's target calls it never written" {
	life
	era_dump --logical meta >dump.xml
	sed 's/nr_blocks="16"/nr_blocks="20"/' dump.xml |
		sed 's|</era_array>|<era block="16" era="0"/><era block="17" era="0"/><era block="18" era="0"/><era block="19" era="0"/></era_array>|' >grown.xml
	truncate -s 20M disk
	era_restore -q -i grown.xml -o meta
	[ "$(era_invalidate --written-since 4 --format ranges --unit blocks meta)" = $'6 1\n9 1' ]
	start
	[ "$(blocks 4)" = "6 9 16 17 18 19" ]
	[ "$(blocks 6)" = "" ]
}

@test "era_ctl writes a file that is whole, or leaves the old one" {
	local n
	life
	start
	remember
	cp w before
	status_is 3 era_ctl -o nowhere/w ctl witness
	grep -F "nowhere/w: cannot" "$stderr"
	status_is 3 era_ctl -o w other witness
	cmp w before
	status_is 2 era_ctl ctl witness
	status_is 2 era_ctl -o - ctl witness
	status_is 2 era_ctl -o w ctl status
	status_is 2 era_ctl -o w ctl ctl witness
	target_stop
	target_start -r "${served[@]:0:5}"
	status_is 3 era_ctl -o w ctl witness
	grep "the server is read-only" "$stderr"
	cmp w before
	# What a target says that is none is not written.
	"$python" - <<-'EOF' &
	import os, socket
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(60)
	s.bind("liar.new")
	s.listen()
	os.rename("liar.new", "liar")
	for reply in (b"6572612d7769740a00\n", b"zz\n", b"\n", b"ok\n"):
	    with s.accept()[0] as c:
	        c.recv(64)
	        c.sendall(reply)
	EOF
	for ((n = 0; n < 3000; n++)); do
		[ ! -S liar ] || break
		sleep 0.02
	done
	for _ in 1 2 3 4; do
		status_is 3 era_ctl -o w liar witness
		grep "liar: .*witness" "$stderr"
	done
	wait $!
	cmp w before
}

@test "a witness is made while writers and checkpoints go on, and is true" {
	play witness "${ERA_WITNESS_SECONDS:-2}"
}
