#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_invalidate --witness and --witness-out: other metadata and older ones are refused, their own
# are not, and the file of a witness is the old one or the new. What a witness notices of random
# lives is in test_witness.c.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../target/driven

setup_file() {
	unpack_images
	export images=$BATS_FILE_TMPDIR/images
}

setup() {
	need_ours "${programs[@]}" era_format drive
	scratch
}

# A life of some eras on 4096 blocks; its metadata of before the last era in "older".
make_life() {
	drives 'open metadata 8 format' 'resume 32768' 'write 0 16384' checkpoint \
		'write 24000 800' checkpoint \
		'write 8 80' suspend
	cp metadata older
	drives 'open metadata 8' 'resume 32768' 'write 30000 160' 'write 96 8' suspend
}

ask() {
	era_invalidate --format ranges --unit blocks --written-since "$@"
}

# witness_of FILE METADATA [OPTION...]
witness_of() {
	status_is 0 ask 0 --witness-out "$1" "${@:2}" >list.of
}

# accepts WITNESS METADATA [OPTION...]: and the list is what it is without.
accepts() {
	status_is 0 ask 1 "${@:2}" >want || return
	status_is 0 ask 1 --witness "$1" "${@:2}" >got || return
	same "with and without a witness" want got
}

# refuses WITNESS METADATA WORDS [OPTION...]
refuses() {
	status_is 4 ask 1 --witness "$1" "${@:4}" "$2" >got || return
	grep -F -e "$3" "$stderr" >/dev/null || { cat "$stderr"; return 1; }
	[ ! -s got ]
}

# Images whose target was never resumed have no blocks.
own_metadata_pass() {
	local image=$1 era since_snapshot
	witness_of w "$image" || return
	[ "$(stat -c %s w)" -le 65536 ] || return
	accepts w "$image" && accepts w "$image" -r || return
	rm -f fixed copy
	status_is 0 era_repair -q -i "$image" -o fixed && accepts w fixed || return
	era_dump "$image" >dump.xml && status_is 0 era_restore -q -i dump.xml -o copy &&
		accepts w copy || return
	witness_of w.again copy && accepts w.again "$image" || return
	if [ -e "$abs_top_srcdir/tests/images/${image##*/}/truth.snap" ]; then
		case $image in
		*-resized) since_snapshot="--old-size 4096s" ;;
		*) since_snapshot= ;;
		esac
		era=$(truth_field era "$abs_top_srcdir/tests/images/${image##*/}/truth.snap")
		witness_of w.snap -m --snapshot-era "$era" "$image" &&
			accepts w.snap "$image" -m --snapshot-era "$era" || return
		# shellcheck disable=SC2086
		accepts w.snap "$image" $since_snapshot || return
		with_snapshots=$((with_snapshots + 1))
	fi
}

@test "the metadata that it was made of pass: their snapshot, repaired, dumped and restored" {
	with_snapshots=0
	each_image own_metadata_pass
	[ "$with_snapshots" -ge 3 ]
}

@test "an older copy is refused, also when it was used on, and so is a restored dump" {
	make_life
	witness_of w metadata
	era_dump older >older.xml
	refuses w older "older than the witness w"
	era_restore -q -i older.xml -o restored
	refuses w restored "older than the witness w"
	mv metadata newest
	mv older metadata
	drives 'open metadata 8' 'resume 32768' 'write 100 8' checkpoint 'write 96 8' suspend
	refuses w metadata "these are other metadata than the witness's, or older ones"
	accepts w newest
}

@test "metadata that were made anew are refused in each era that they come to" {
	local n
	make_life
	witness_of w metadata
	rm metadata
	drives 'open metadata 8 format' 'resume 32768' 'write 0 16384' suspend
	for n in 1 2 3 4 5 6 7 8; do
		status_is 4 ask 0 --witness w metadata >got
		[ ! -s got ]
		drives 'open metadata 8' 'resume 32768' 'write 24000 16' suspend
	done
	refuses w metadata "other metadata"
}

@test "another disk's, of the same geometry, and of another" {
	make_life
	witness_of w metadata
	rm metadata
	drives 'open metadata 8 format' 'resume 32768' checkpoint checkpoint checkpoint checkpoint \
		'write 0 12000' checkpoint 'write 24000 800' suspend
	refuses w metadata "other metadata"
	refuses w "$images/008-unaligned" "block size: found 24 sectors, wanted 8"
}

@test "an era that was not remembered with it" {
	make_life
	witness_of w older
	status_is 0 ask 4 --witness w metadata >got
	status_is 4 ask 5 --witness w metadata >got
	grep -F "era 5 was not remembered with the witness w, which is of era 3" "$stderr"
	[ ! -s got ]
}

@test "a snapshot that was taken before is called older" {
	drives 'open metadata 8 format' 'resume 32768' 'write 0 16384' take close
	witness_of w.snap -m metadata
	witness_of w.none metadata
	accepts w.none metadata -m
	drives 'open metadata 8' 'resume 32768' 'write 24000 800' suspend
	witness_of w metadata
	refuses w metadata "the metadata snapshot is of era 2, the live metadata are in era 3" -m
	refuses w metadata "the metadata snapshot is of era 2, older than the witness w" \
		-m --snapshot-era 2
	accepts w.snap metadata
	accepts w.snap metadata -m --snapshot-era 2
}

@test "of the same era, but with blocks of it" {
	drives 'open metadata 8 format' 'resume 32768' 'write 0 16384' take 'write 24000 800' crash
	witness_of w metadata
	refuses w metadata "the metadata snapshot is of era 2, older than the witness w, of era 2" \
		-m
}

@test "what the device has grown by is listed" {
	cp "$images/015-grown" metadata
	# The same blocks, before.
	era_dump metadata |
		sed 's/nr_blocks="6000"/nr_blocks="5000"/; s/nr_bits="6000"/nr_bits="5000"/' |
		awk -F '"' '/<(bit|era) block=/ && $2 >= 5000 { next } 1' >smaller.xml
	era_restore -q -i smaller.xml -o smaller
	witness_of w smaller
	status_is 0 ask 5 --witness w metadata >got
	grep -F "the device had 5000 blocks when the witness w was made: the 1000 behind them are listed" "$stderr"
	echo 5000 1000 | same "list" - got
	witness_of w metadata
	status_is 0 ask 1 --witness w smaller >got
	grep -F "had 6000 blocks when the witness w was made, and has 5000" "$stderr"
}

@test "a device that shrank and grew again is refused, unless --old-size covers it" {
	cp "$images/019-regrown-digested" metadata
	era_dump metadata >dump.xml
	sed 's/<era block="1023" era="[0-9]*"/<era block="1023" era="1"/' dump.xml >before.xml
	cmp -s dump.xml before.xml && return 1
	era_restore -q -i before.xml -o before
	witness_of w before
	refuses w metadata "say to which size (--old-size)"
	refuses w metadata "block 1023" --old-size 4M
	status_is 0 ask 1 --witness w --old-size 4120s metadata >got
	grep -x '500 524' got
}

@test "metadata that begin with a later era are listed whole" {
	make_life
	witness_of w metadata
	era_format --device-size 16M --block-size 4k --era 1790000000 later
	status_is 0 ask 5 --witness w later >got
	grep -F "every block is of a later era than the witness w, and is listed" "$stderr"
	echo 0 4096 | same "list" - got
}

@test "damage is no witness, and only what is known is compared" {
	local image=$images/005-digested
	witness_of w "$image"
	cp "$image" damaged
	# A block of the era array.
	array=$(od -An -tu8 -j 208 -N 8 damaged)
	leaf=$(od -An -tu8 -j $((array * 4096 + 32 + 252 * 8)) -N 8 damaged)
	dd if=/dev/urandom of=damaged bs=4096 seek=$((leaf)) count=1 conv=notrunc status=none
	status_is 1 ask 1 --witness w damaged >got
	cp w before
	status_is 5 ask 1 -r --witness w --witness-out w damaged >got
	grep -F "w: not written: damage was passed over, so there is no witness" "$stderr"
	cmp w before
	status_is 0 ask 1 "$image" >want
	[ "$(awk '{ n += $2 } END { print n }' got)" \
		-ge "$(awk '{ n += $2 } END { print n }' want)" ]
}

@test "a witness that is damaged, or none" {
	make_life
	witness_of w metadata
	head -c 500 w >short
	printf 'x' | cat w - >long
	head -c 100000 /dev/zero | cat w - >longer
	cp w flipped
	printf '\377' | dd of=flipped bs=1 seek=1000 conv=notrunc status=none
	: >empty
	cases 7 damaged_witness <<-'EOF'
	short | short: witness: bytes: found 500, wanted
	long | long: witness: bytes: found
	longer | longer: witness: bytes: found 65537, wanted
	flipped | flipped: witness: bad checksum: found 0x
	empty | empty: this is no witness
	metadata | metadata: this is no witness
	/dev/zero | /dev/zero: this is no witness
	EOF
	status_is 3 ask 1 --witness nowhere metadata >got
	grep -F "nowhere: cannot open" "$stderr"
	[ ! -s got ]
}

damaged_witness() {
	status_is 1 ask 1 --witness "$1" metadata >got || return
	grep -F -e "$2" "$stderr" >/dev/null || { cat "$stderr"; return 1; }
	[ ! -s got ]
}

@test "its file is the old one or the new, and comes after the list" {
	make_life
	witness_of w metadata
	cp w before
	status_is 4 ask 9 --witness-out w metadata >got
	cmp w before
	status_is 4 ask 1 --witness w --witness-out w older >got
	cmp w before
	status_is 3 ask 1 --witness-out nowhere/w metadata >got
	[ ! -s got ]
	mkdir full
	status_is 3 ask 1 --witness-out w -o nowhere/list older
	cmp w before
	if [ -w /dev/full ]; then
		status_is 3 ask 1 --witness-out w older >/dev/full
		cmp w before
	fi
	status_is 0 ask 1 --witness-out w -o list older
	[ -s list ]
	fails cmp -s w before
	drives 'open metadata 8' 'resume 32768' 'write 24000 800' suspend
	status_is 0 ask 1 --witness w --witness-out w metadata >got
	status_is 0 ask 1 --witness w --witness-out w metadata >got
	status_is 0 ask 1 --witness - --witness-out w.gz metadata <w >got
	status_is 0 ask 1 --witness w.gz metadata >got
	gzip -dc w.gz | cmp - w
}

@test "the same metadata make the same witness" {
	make_life
	witness_of one metadata
	witness_of other metadata
	cmp one other
}

@test "neither witness is anything else" {
	make_life
	witness_of w metadata
	cases 6 wrong_usage <<-'EOF'
	--witness-out - | --witness-out: wanted a file, not standard output
	--witness-out list -o list | --output and --witness-out are the same: list
	--witness-out metadata | input and output are the same
	--witness w -o w | input and output are the same
	--witness-out w -o w | are the same
	--format cache-xml --cache-mappings - --witness - | cannot both be standard input
	EOF
}

wrong_usage() {
	# shellcheck disable=SC2086
	status_is 2 era_invalidate --written-since 1 $1 metadata || return
	grep -F -e "$2" "$stderr" >/dev/null || { cat "$stderr"; return 1; }
}
