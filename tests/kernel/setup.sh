# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# era setup, as an administrator uses it: the life of a target whose origin is a volume that grows,
# shrinks, is mounted and discarded. Each check is one in the guest: a command that isn't as wanted
# ends it, and the host only wants its end.
#
# Disks: /dev/ubda for the metadata, /dev/ubdb for the origin.

PATH=$tools:$PATH
export PATH DM_DISABLE_UDEV=1 TMPDIR=/run
tab=/run/eratab
sectors_of_disk=$(cat /sys/block/ubdb/size)

# volume NAME DISK SECTORS
volume() {
	dmsetup create "vg-$1" --table "0 $3 linear $2 0"
}

# resized NAME DISK SECTORS
resized() {
	dmsetup suspend "vg-$1"
	dmsetup load "vg-$1" --table "0 $3 linear $2 0"
	dmsetup resume "vg-$1"
}

setup() {
	era_setup --eratab "$tab" "$@"
}

# answers REQUEST...: a document in the console.
answers() {
	setup --json "$@" 2>/dev/null | sed 's/^/answer: /'
}

# direct_write DEVICE BLOCK: of 64k.
direct_write() {
	dd if=/dev/zero of="$1" bs=65536 count=1 seek="$2" oflag=direct conv=notrunc \
		2>/run/dd || die "$(cat /run/dd)"
}

# lists ERA RANGES: these were written since then, each as a block of 64k and a number of them.
lists() {
	found=$(era_invalidate --written-since "$1" --format ranges /dev/mapper/vg-meta |
		awk '{ printf "%s%d+%d", (NR > 1 ? " " : ""), $1 / 65536, $2 / 65536 }')
	[ "$found" = "$2" ] || die "listed since $1: $found, wanted $2"
}

era_of() {
	dmsetup status "$1" | awk '{ print $6 }'
}

make_volumes() {
	dmsetup remove --noudevsync origin
	volume data /dev/ubdb 16384
	volume meta /dev/ubda 8192
}

# make_whole: of the whole disk, and nothing is kept of /var/lib.
make_whole() {
	mount -t tmpfs none /var/lib
	dmsetup remove --noudevsync origin
	volume data /dev/ubdb 32768
	volume meta /dev/ubda 8192
}

# activated [NAME]: and sets $first to the era that is current then.
activated() {
	ends 0 setup activate "${1:-data}"
	first=$(era_of "${1:-data}")
}

# The origin has another size than when it was tracked last.
check_sizes() {
	resized data /dev/ubdb 16392
	ends 0 setup --dry-run activate data
	has "would: /dev/mapper/vg-data: has grown from 128 to 129 blocks"
	resized data /dev/ubdb 32768
	activated
	has "has grown from 128 to 256 blocks; the new ones count as written"
	has "129 of 256 blocks count as written"
	ends 0 setup resize data
	has "has the size of its origin"
	direct_write /dev/mapper/data 200
	ends 0 setup deactivate data
	lists "$first" 200+1
	lists $((first - 1)) 127+129
	resized data /dev/ubdb 8192
	ends 3 setup activate data
	has "has 64 blocks, and had 256"
	ends 0 setup resize data
	has "was made smaller, from 256 to 64 blocks"
	activated
	ends 0 setup deactivate data
	lists "$first" ""
	# What was gone and is there again is not what it was.
	resized data /dev/ubdb 16384
	activated
	ends 0 setup deactivate data
	lists $((first - 1)) 63+65
	# Of the last block there was only a part, and now it is another one.
	resized data /dev/ubdb 16392
	activated
	ends 0 setup deactivate data
	resized data /dev/ubdb 16400
	activated
	has "1 of 129 blocks count as written"
	ends 0 setup deactivate data
	lists $((first - 1)) 128+1
	# Grown by others, and the kernel has resized the metadata.
	activated
	dmsetup suspend data
	resized data /dev/ubdb 32768
	dmsetup load data --table "$(dmsetup table data | sed 's/^0 16400/0 32768/')"
	dmsetup resume data
	ends 0 setup --dry-run resize data
	has "has grown from 129 to 256 blocks"
	ends 0 setup deactivate data
	has "has grown from 129 to 256 blocks while the target was active"
	activated
	has "has grown from 129 to 256 blocks; the new ones count as written"
	ends 0 setup deactivate data
	lists $((first - 1)) 128+128
	resized data /dev/ubdb 16384
	ends 0 setup resize data
	activated
	ends 0 setup deactivate data
	activated
	fails has_said "count as written"
	ends 0 setup deactivate data
}

check_marks() {
	ends 0 setup --dry-run mark data
	has "would: data: all blocks count as written"
	lists "$first" ""
	ends 0 setup mark data
	has "128 of 128 blocks count as written"
	lists $((first + 1)) 0+128
	activated
	ends 0 setup deactivate data
	lists "$first" ""
	lists $((first - 1)) 0+128
}

# Created, activated, written to, and stopped.
boot_1() {
	make_volumes
	ends 0 setup --dry-run create --origin vg-data --metadata vg-meta data
	has "would: /run/eratab: data vg-data vg-meta 64k -"
	[ ! -e "$tab" ] || die "a dry run has made a table"
	ends 1 era_check /dev/mapper/vg-meta
	ends 0 setup create --origin vg-data --metadata vg-meta data
	ends 0 era_check /dev/mapper/vg-meta
	ends 3 setup create --origin vg-data --metadata vg-meta data
	has "is in line 1 of $tab already"
	ends 0 setup list
	has "data: not active, vg-data, metadata on vg-meta, blocks of 64 KiB"
	ends 0 setup --dry-run activate data
	has "would: data: 0 16384 era "
	[ ! -e /dev/mapper/data ] || die "a dry run has activated"
	ends 0 setup activate data
	[ -b /dev/mapper/data ] || die "no device"
	ends 0 setup activate data
	has "is active already"
	first=$(era_of data)
	direct_write /dev/mapper/data 5
	ends 0 setup status data
	has "data: active"
	has "era $first,"
	has "discards off"
	ends 0 setup deactivate data
	[ ! -e /dev/mapper/data ] || die "still there"
	ends 0 setup deactivate data
	has "is not active"
	lists "$first" 5+1
	check_sizes
	check_marks
	ends 0 setup status
}

# line LINE: is the only one of the table.
line() {
	echo "$1" >$tab
}

# Is the state in the last MiB?
on_device() {
	dd if="/dev/mapper/vg-meta" bs=1M skip=3 count=1 2>/dev/null |
		grep -q "era-tools state"
}

# tracked BLOCK...: these are written while the target is active.
tracked() {
	activated
	for block; do
		direct_write /dev/mapper/data "$block"
	done
	ends 0 setup deactivate data
}

all_blocks=256

# marks_all: the next start does, and the one after it no more.
marks_all() {
	ends 0 setup --dry-run activate data
	has "would: data: $1"
	activated
	has "$1"
	has "$all_blocks of $all_blocks blocks count as written in era $((first - 1))"
	ends 0 setup deactivate data
	lists $((first - 1)) "0+$all_blocks"
	marks_none
}

marks_none() {
	activated
	fails has_said "count as written"
	ends 0 setup deactivate data
	lists "$first" ""
}

# marks_again RANGES: the next start does, since the last stop was not seen.
marks_again() {
	activated
	has "was stopped without era setup"
	ends 0 setup deactivate data
	lists $((first - 1)) "$1"
	marks_none
}

has_said() {
	grep -qF -e "$1" /run/out
}

fails() {
	! "$@" || die "did not fail: $*"
}

make_ext4() {
	/sbin/mke2fs -q -F -t ext4 -J size=1 "$1" 2>/run/error || die "$(cat /run/error)"
}

# mounted DEVICE OPTIONS [COMMAND...]: meanwhile.
mounted() {
	mount -t ext4 -o "$2" "$1" /srv || die "no mount of $1"
	device=$1
	shift 2
	"$@"
	umount /srv
}

changed="of the origin has changed without the target, or it is another device"

# What happens to the origin while its target is stopped: /dev/ubdb has an ext4 from its start on,
# and then one from $offset on, as a partition or volume has it.
check_changes() {
	dmsetup create part --table "0 $((32768 - offset)) linear $1 $offset"
	make_ext4 /dev/mapper/part
	mounted /dev/mapper/part rw touch /srv/a
	dmsetup remove part
	ends 0 setup deactivate data
	marks_none
	# Read-only and clean: nothing is written.
	dmsetup create part --table "0 $((32768 - offset)) linear /dev/mapper/vg-data $offset"
	mounted /dev/mapper/part ro true
	dmsetup remove part
	marks_none
	dmsetup create part --table "0 $((32768 - offset)) linear /dev/mapper/vg-data $offset"
	mounted /dev/mapper/part rw true
	dmsetup remove part
	marks_all "block"
}

# The state, where there is room for it.
boot_4() {
	mount -t tmpfs none /srv
	make_whole
	ends 0 setup create --origin vg-data --metadata vg-meta data
	on_device || die "no state on the device"
	ends 0 era_check /dev/mapper/vg-meta
	! [ -x /usr/sbin/era_check ] || ends 0 /usr/sbin/era_check /dev/mapper/vg-meta
	marks_none
	tracked 7 200
	marks_none
	# One that was written last, and one of the first ones.
	direct_write_random /dev/mapper/vg-data 200
	marks_all "block 200 $changed"
	direct_write_random /dev/mapper/vg-data 0
	marks_all "block 0 $changed"
	for offset in 0 2048 4400; do
		activated
		check_changes /dev/mapper/data
	done
	# Stopped by others, so that nobody has seen what was written last.
	activated
	direct_write_random /dev/mapper/data 0
	dmsetup remove data
	marks_again "0+1"
	# Another origin, which is as large.
	dmsetup suspend vg-data
	dmsetup load vg-data --table "0 32768 linear /dev/ubda 8192"
	dmsetup resume vg-data
	direct_write_random /dev/mapper/vg-data 3
	marks_all "block"
	ends 0 setup mark data
	marks_none
	# A state that is damaged is none.
	dd if=/dev/zero of=/dev/mapper/vg-meta bs=1M seek=3 count=1 conv=notrunc 2>/dev/null
	marks_all "nothing is known of the origin as it was before"
	ends 0 era_check /dev/mapper/vg-meta
}

direct_write_random() {
	dd if=/dev/urandom of="$1" bs=65536 count=1 seek="$2" iflag=fullblock oflag=direct \
		conv=notrunc 2>/run/dd || die "$(cat /run/dd)"
}

# Metadata of others, which leave no room for the state.
make_crowded() {
	mount -t tmpfs none /var/lib
	dmsetup remove --noudevsync origin
	volume data /dev/ubdb 32768
	volume meta /dev/ubda "$(era_metadata_size --block-size 64k --device-size 32768s)"
	ends 0 era_format -q --block-size 64k --origin /dev/mapper/vg-data /dev/mapper/vg-meta
	line "data vg-data vg-meta 64k"
	marks_all "nothing is known of the origin as it was before"
}

boot_5() {
	make_crowded
	[ -s /var/lib/era-tools/data.state ] || die "no file"
	tracked 7
	direct_write_random /dev/mapper/vg-data 7
	marks_all "block 7 $changed"
	dd if=/dev/mapper/vg-meta of=/run/older bs=1M count=1 2>/dev/null
	tracked 8
	dd if=/run/older of=/dev/mapper/vg-meta bs=1M conv=notrunc 2>/dev/null
	ends 3 setup activate data
	has "eras that were recorded would come again"
	printf x | dd of=/var/lib/era-tools/data.state bs=1 seek=70 conv=notrunc 2>/dev/null
	marks_all "nothing is known of the origin as it was before"
}

# What would lose blocks, or data, is refused, and everything is as it was.
boot_2() {
	make_volumes
	insert brd rd_nr=1 rd_size=16
	ends 0 setup create --origin vg-data --metadata vg-meta data
	cp $tab /run/good
	/sbin/mke2fs -q -t ext4 -J size=1 /dev/mapper/vg-data
	mount -t tmpfs none /srv
	mkdir /srv/a
	mount -t ext4 /dev/mapper/vg-data /srv/a
	ends 3 setup activate data
	has "vg-data: is mounted, or used by another device"
	umount /srv/a
	dmsetup create user --table "0 8 linear /dev/mapper/vg-data 0"
	ends 3 setup activate data
	has "vg-data: is mounted, or used by another device"
	dmsetup remove user
	dmsetup create user --table "0 8 linear /dev/mapper/vg-meta 0"
	ends 3 setup activate data
	has "vg-meta: is in use"
	dmsetup remove user
	dmsetup create data --table "0 8 linear /dev/mapper/vg-meta 0"
	ends 3 setup activate data
	has "data: is no era device: found linear"
	ends 3 setup deactivate data
	dmsetup remove data
	line "data vg-data vg-meta 128k"
	ends 3 setup activate data
	has "these metadata are for blocks of 64 KiB"
	line "data vg-data vg-missing 64k"
	ends 3 setup activate data
	has "vg-missing: cannot open: No such file"
	line "data vg-data UUID=0011-2233 64k"
	ends 1 setup activate data
	has "eratab: line 1: 'UUID=0011-2233' is also what the tracked device is called by"
	cp /run/good $tab
	ends 3 setup activate other
	has "other: is not in $tab"
	refuse_creation
	printf x | dd of=/dev/mapper/vg-meta bs=1 seek=100 conv=notrunc 2>/dev/null
	ends 1 setup activate data
	[ ! -e /dev/mapper/data ] || die "active with damaged metadata"
	cmp $tab /run/good || die "the table has changed"
}

refuse_creation() {
	rm $tab
	ends 3 setup create --origin vg-data --metadata vg-meta data
	has "holds dm-era metadata"
	ends 3 setup create --origin vg-meta --metadata vg-data data
	has "holds an ext4 filesystem"
	ends 3 setup create --origin vg-data --metadata /dev/mapper/../ram0 data
	has "/../ram0: is no device"
	ends 3 setup create --origin /dev/ubdb --metadata vg-meta data
	has "/dev/ubdb: may be another device at the next boot"
	mkdir -p /dev/vg
	ln -s /dev/mapper/vg-data /dev/vg/data
	ends 3 setup create --force --origin vg-meta --metadata /dev/mapper/vg-meta data
	has "vg-meta: is the origin, too"
	ln -s /dev/ram0 /dev/vg/tiny
	ends 3 setup create --origin vg-data --metadata /dev/vg/tiny data
	has "has 4 metadata blocks, wanted "
	[ ! -e $tab ] || die "a table was made"
	cp /run/good $tab
}

# queue NAME FILE: what the kernel says of a device's queue.
queue() {
	cat "$(queue_file "$@")"
}

# discards NAME: the most that it takes at once.
discards() {
	queue "$1" discard_max_bytes
}

# Discards are off, however the device came to be there.
boot_3() {
	make_volumes
	insert loop
	truncate -s 8M /run/disk
	losetup /dev/loop0 /run/disk
	volume trimmed /dev/loop0 16384
	[ "$(discards vg-trimmed)" != 0 ] || die "the origin takes no discards"
	ends 0 setup create --origin vg-trimmed --metadata vg-meta data
	activated
	[ "$(discards data)" = 0 ] || die "discards are on"
	! blkdiscard /dev/mapper/data || die "was discarded"
	ends 0 setup status data
	has "discards off"
	dmsetup suspend data
	dmsetup load data --table "$(dmsetup table data)"
	dmsetup resume data
	[ "$(discards data)" != 0 ] || die "a table does not switch them on"
	ends 0 setup status data
	has "discards on"
	ends 0 setup activate data
	[ "$(discards data)" = 0 ] || die "discards are on again"
	# Here era revert knows that nothing was discarded.
	ends 0 era_backup --timeout 60 --converge data /run/T
	ends 0 era_revert data /run/T
	ends 0 setup deactivate data
	sed -i 's/ -$/ discards=pass/' $tab
	activated
	blkdiscard /dev/mapper/data || die "was not discarded"
	ends 0 setup status data
	has "discards passed"
	ends 4 era_revert data /run/T
	has "discards pass, and what was discarded is not listed"
	ends 0 setup deactivate data
	sed -i 's/ discards=pass/ -/' $tab
	activated
	ends 4 era_revert data /run/T
	has "discards have passed, and what was discarded is not listed"
	ends 0 setup deactivate data

	mount -t tmpfs none /var/lib
	discarded_by_hand
	# As the rule for udev does it, before anybody has noted that they passed.
	echo 0 >"$(queue_file data discard_max_bytes)"
	ends 4 era_revert data /run/T
	has "discards have passed, and what was discarded is not listed"
	ends 0 setup activate data
	has "discards have passed, and are not listed"
	ends 4 era_revert data /run/T
	has "discards have passed, and what was discarded is not listed"
	ends 0 setup deactivate data
	discarded_by_hand
	ends 0 setup deactivate data
	activated
	ends 4 era_revert data /run/T
	has "discards have passed, and what was discarded is not listed"
	ends 0 setup deactivate data
}

# With new metadata, by a table that was loaded by hand.
discarded_by_hand() {
	ends 0 setup disable data
	dd if=/dev/zero of=/dev/mapper/vg-meta bs=1M oflag=direct 2>/run/dd || :
	ends 0 setup create --origin vg-trimmed --metadata vg-meta data
	activated
	ends 0 era_backup --timeout 60 --full --converge data /run/T
	dmsetup suspend data
	dmsetup load data --table "$(dmsetup table data)"
	dmsetup resume data
	blkdiscard -o 1M -l 64K /dev/mapper/data || die "was not discarded"
}

# Metadata that are too small for what the origin becomes move to another device. Their eras stay.
boot_7() {
	mount -t tmpfs none /var/lib
	dmsetup remove --noudevsync origin
	volume data /dev/ubdb 2048
	volume meta /dev/ubda "$(era_metadata_size --block-size 4k --device-size 1M --unit sectors)"
	dmsetup create vg-large --table "0 8192 linear /dev/ubda 8192"
	ends 0 setup create --block-size 4k --origin vg-data --metadata vg-meta data
	ends 3 setup create --origin vg-large --metadata vg-meta other
	has "vg-meta: belongs to data already"
	echo "# kept" >>$tab
	tracked 7
	written=$first
	resized data /dev/ubdb 32768
	ends 3 setup activate data
	has "has grown from 256 to 4096 blocks, for which the metadata on"
	ends 3 setup move --metadata vg-data data
	has "is both the origin and the device for the metadata"
	ends 3 setup move --metadata vg-meta data
	has "vg-meta: belongs to data already"
	make_ext4 /dev/mapper/vg-large
	ends 3 setup move --metadata vg-large data
	has "holds an ext4 filesystem"
	ends 0 setup --dry-run move --force --metadata vg-large data
	ends 0 era_check /dev/mapper/vg-meta
	ends 0 setup move --force --metadata vg-large data
	ends 1 era_check /dev/mapper/vg-meta
	[ "$(cat $tab)" = "data vg-data vg-large 4k -
# kept" ] || die "$(cat $tab)"
	dmsetup remove vg-meta
	dmsetup rename vg-large vg-meta
	dmsetup mknodes
	sed -i s/vg-large/vg-meta/ $tab
	ends 0 era_check /dev/mapper/vg-meta
	on_device || die "no state on the device"
	ends 0 setup activate data
	has "has grown from 256 to 4096 blocks"
	fails has_said "changed without the target"
	ends 3 setup move --metadata vg-other data
	has "is active; deactivate it first"
	ends 0 setup deactivate data
	[ "$(era_invalidate --written-since "$written" --format ranges /dev/mapper/vg-meta |
		head -n 1)" = "458752 65536" ] || die "what was written before is lost"
	marks_none
}

# The origin is in use when the target has stopped, so nothing can be remembered of it.
boot_8() {
	make_whole
	ends 0 setup create --origin vg-data --metadata vg-meta data
	activated
	dmsetup create user --table "0 8 linear /dev/mapper/vg-data 0"
	ends 3 setup deactivate data
	has "vg-data: is mounted, or used by another device"
	has "nothing is known of the origin now"
	dmsetup remove user
	marks_all "nothing is known of the origin as it was before"
}

make_large() {
	make_whole
}

# write_and_crash BLOCK: the power fails when its mark is on the disk.
write_and_crash() {
	activated
	direct_write_random /dev/mapper/data "$1"
	dmsetup status data
	echo "first: $first"
	fail_power
}

# The power fails while the device is written to.
boot_9() {
	make_large
	ends 0 setup create --origin vg-data --metadata vg-meta data
	tracked 7 200
	write_and_crash 3
}

# What was written then is listed, and isn't taken for a change behind the target's back.
boot_10() {
	make_large
	line "data vg-data vg-meta 64k"
	activated
	fails has_said "count as written"
	ends 0 setup deactivate data
	lists "$since" 3+1
	write_and_crash 4
}

# A block that was not written since the last stop can still be compared.
boot_11() {
	make_large
	line "data vg-data vg-meta 64k"
	direct_write_random /dev/mapper/vg-data 9
	marks_all "block 9 $changed"
}

# stopped_by_others: nothing is remembered then, but what was before.
stopped_by_others() {
	dmsetup remove data
}

# What is remembered while the target is active.
boot_14() {
	make_large
	ends 0 setup create --origin vg-data --metadata vg-meta data
	tracked 7
	activated
	direct_write_random /dev/mapper/data 8
	ends 0 setup --dry-run remember data
	stopped_by_others
	# A block that was written since can't be compared,
	direct_write_random /dev/mapper/vg-data 8
	marks_again "8+1"
	activated
	direct_write_random /dev/mapper/data 8
	ends 0 setup remember data
	has "what the origin is now is remembered"
	fails has_said "cannot"
	dmsetup status data | grep -q ' -$' || die "a snapshot is left"
	# but it is if that is remembered; what is written later is no change.
	direct_write_random /dev/mapper/data 9
	stopped_by_others
	marks_again "9+1"
	direct_write_random /dev/mapper/vg-data 8
	marks_all "block 8 $changed"
	activated
	dmsetup message data 0 take_metadata_snap
	ends 3 setup remember data
	has "data: a metadata snapshot is held"
	dmsetup status data >/run/status
	fails grep -q ' -$' /run/status
	dmsetup message data 0 drop_metadata_snap
	ends 0 setup deactivate data
	marks_none
	ends 0 setup remember data
	has "data: is not active"
}

# beside: what nobody may do, and no kernel refuses.
beside() {
	activated
	direct_write_random /dev/mapper/data 11
	volume beside /dev/mapper/vg-data 32768
	direct_write_random /dev/mapper/vg-beside "$1"
	dmsetup remove vg-beside
}

# no_lists: whoever asks is refused.
no_lists() {
	ends 4 era_invalidate --written-since 1 /dev/mapper/vg-meta
	has "data was there without its target since 2"
	ends 5 era_invalidate --or-all --written-since 1 --device-size $((32768 * 512)) \
		/dev/mapper/vg-meta
}

# What others do to the origin, and to what is remembered.
made_anew() {
	ends 0 setup disable data
	ends 0 setup create --force --origin vg-data --metadata vg-meta data
}

boot_16() {
	make_whole
	ends 0 setup create --origin vg-data --metadata vg-meta data
	tracked 7
	beside 7
	ends 0 setup deactivate data
	has "block 7 of the origin was written beside the target"
	has "$all_blocks of $all_blocks blocks count as written"
	lists "$first" "0+$all_blocks"
	marks_none
	# The same block by the target is no surprise.
	beside 11
	ends 0 setup deactivate data
	fails has_said "beside"
	marks_none

	# So does remember; and a later write of the target hides nothing.
	tracked 7
	beside 7
	ends 4 setup remember data
	has "block 7 of the origin was written beside the target"
	direct_write_random /dev/mapper/data 7
	ends 4 setup remember data
	has "nothing is known of the origin as it was before"
	dmsetup remove data
	marks_all "nothing is known of the origin as it was before"

	# A target that others have started, of which nothing is known.
	dd if=/dev/zero of=/dev/mapper/vg-meta bs=1M seek=3 count=1 oflag=direct
	dmsetup create data --table "0 32768 era /dev/mapper/vg-meta /dev/mapper/vg-data 128"
	first=$(era_of data)
	ends 0 setup deactivate data
	has "nothing is known of the origin as it was before"
	lists "$first" "0+$all_blocks"
	marks_none

	# A stop that is asked for while somebody holds it suspended.
	activated
	dmsetup suspend data
	ends 3 setup deactivate data
	has "data: is suspended: resume it"
	dmsetup resume data
	ends 0 setup deactivate data

	# Another device is above the origin, and writes to it.
	activated
	ends 0 era_backup --converge data /run/T
	dmsetup create beside --table "0 32768 linear /dev/mapper/vg-data 0"
	ends 4 era_backup --converge data /run/T
	has "its origin 254:0 is in the table of another device, too"
	ends 4 era_ctl data barrier
	dmsetup remove beside
	ends 0 era_backup --converge data /run/T
	has "a full backup: an earlier run has found metadata that are not those of the last backup, or"

	# A second target has the same metadata: neither knows what the other one marks.
	dmsetup create second --table "$(dmsetup table data)"
	ends 4 era_backup --converge data /run/T
	has "its metadata device 254:1 is in the table of another device, too"
	dmsetup message data 0 take_metadata_snap
	ends 4 era_invalidate -m --written-since "$first" /dev/mapper/vg-meta
	has "is held by 2 devices"
	# Their last commits destroy what they share, of which the target complains.
	dmesg -n 1
	dmsetup message data 0 drop_metadata_snap
	dmsetup remove second
	dmsetup remove data
	dmesg -n 4

	# After the last era Linux would go on with the first.
	made_anew
	era_dump /dev/mapper/vg-meta |
		sed 's/current_era="[0-9]*"/current_era="4294967294"/' >/run/xml
	era_restore -q --force -i /run/xml -o /dev/mapper/vg-meta
	ends 3 setup activate data
	has "data: no era is left after 4294967294; overwrite the metadata device with zeroes"
	dd if=/dev/zero of=/dev/mapper/vg-meta bs=1M count=4 oflag=direct
	made_anew

	# Without its metadata for a while.
	sed -i 's/ -$/ degraded/' $tab
	dmsetup remove vg-meta
	ends 0 setup activate data
	has "NOT TRACKED"
	volume meta /dev/ubda 8192
	direct_write_random /dev/mapper/data 200
	no_lists
	ends 0 setup deactivate data
	no_lists
	activated
	has "$all_blocks of $all_blocks blocks count as written"
	ends 0 setup deactivate data
	lists $((first - 1)) "0+$all_blocks"
}

# While it grows, in use, somebody discards all the time: not one passes. Linux 7.2 forgets the
# granularity while they are off: then the limit comes back with the table.
boot_18() {
	make_volumes
	insert loop
	truncate -s 16M /run/disk
	losetup /dev/loop0 /run/disk
	volume trimmed /dev/loop0 16384
	limit=$(discards vg-trimmed)
	ends 0 setup create --origin vg-trimmed --metadata vg-meta data
	activated
	(until [ -e /run/stop ]; do
		! blkdiscard /dev/mapper/data || echo x >>/run/passed
	done) 2>/run/discards &
	for sectors in $(seq 16512 128 17920); do
		resized trimmed /dev/loop0 "$sectors"
		ends 0 setup resize data
		cat /run/out >>/run/resizes
	done
	touch /run/stop
	wait $!
	[ ! -e /run/passed ] || die "discarded: $(wc -l </run/passed) times"
	grep -q . /run/discards || die "nothing was tried"
	ends 0 setup deactivate data
	if grep -q "takes no discards until its table is loaded anew" /run/resizes; then
		[ "$(queue vg-trimmed discard_granularity)" = 0 ] || die "the limit was not tried"
		resized trimmed /dev/loop0 17920
	fi
	[ "$(($(discards vg-trimmed) / 4096))" = $((limit / 4096)) ] ||
		die "the origin takes $(discards vg-trimmed), not $limit"
}

# An older state is put back, as from a backup of /var.
boot_17() {
	make_crowded
	tracked 9
	cp /var/lib/era-tools/data.state /run/older
	tracked 9
	direct_write_random /dev/mapper/vg-data 9
	cp /run/older /var/lib/era-tools/data.state
	marks_again "9+1"
}

# Older metadata are put back whole, with the state in their last MiB: eras that were recorded with
# the newer ones come again, and all blocks must be in a list since any of them.
boot_20() {
	make_whole
	ends 0 setup create --origin vg-data --metadata vg-meta data
	tracked 9
	dd if=/dev/mapper/vg-meta of=/run/older bs=1M iflag=direct
	for block in 9 10 11; do
		tracked $block
	done
	activated
	recorded=$first
	direct_write_random /dev/mapper/data 12
	ends 0 setup deactivate data
	dd if=/run/older of=/dev/mapper/vg-meta bs=1M oflag=direct
	activated
	has "of the origin has changed without the target"
	[ "$first" -gt "$recorded" ] || die "era $first comes again"
	ends 0 setup deactivate data
	lists "$recorded" "0+$all_blocks"

	# So does mark.
	dd if=/run/older of=/dev/mapper/vg-meta bs=1M oflag=direct
	ends 0 setup mark data
	lists "$recorded" "0+$all_blocks"
}

# untracked BLOCK: a device whose metadata are damaged is there all the same, and is written.
untracked() {
	dd if=/dev/mapper/vg-meta of=/run/superblock bs=4096 count=1 iflag=direct
	dd if=/dev/zero of=/dev/mapper/vg-meta bs=4096 count=1 oflag=direct
	ends 0 setup activate data
	has "NOT TRACKED"
	direct_write_random /dev/mapper/data "$1"
	ends 0 setup deactivate data
	dd if=/run/superblock of=/dev/mapper/vg-meta bs=4096 count=1 oflag=direct
	no_lists
}

# untracked_whole BLOCK: the same where the metadata are whole, and the line is wrong.
untracked_whole() {
	sed -i 's/ 64k / 32k /' $tab
	ends 0 setup activate data
	has "NOT TRACKED"
	direct_write_random /dev/mapper/data "$1"
	ends 0 setup deactivate data
	sed -i 's/ 32k / 64k /' $tab
	no_lists
}

# Copies that lack the last block, or have another one, are refused, too, and so after the kernel's
# target has used them.
other_lengths() {
	dd if=/run/marked of=/run/short bs=4096 count=896
	cp /run/marked /run/grown
	truncate -s 5M /run/grown
	losetup /dev/loop1 /run/grown
	truncate -s 16M /run/origin
	losetup /dev/loop2 /run/origin
	dmsetup create tracked --table "0 32768 era /dev/loop1 /dev/loop2 128"
	dd if=/dev/urandom of=/dev/mapper/tracked bs=64k count=3 seek=5 oflag=direct
	dmsetup message tracked 0 checkpoint
	dmsetup message tracked 0 take_metadata_snap
	ends 4 era_invalidate -m --written-since 1 /dev/loop1
	dmsetup message tracked 0 drop_metadata_snap
	dmsetup remove tracked
	losetup -d /dev/loop1
	losetup -d /dev/loop2
	for meta in /run/short /run/grown; do
		ends 4 era_invalidate --written-since "$recorded" $meta
		has "the device of these metadata was there without its target since 2"
	done
	ends 5 era_dump --repair -o /run/xml /run/grown
	cp /run/grown /run/restored
	ends 0 era_restore -q -i /run/xml -o /run/restored
	ends 4 era_invalidate --written-since "$recorded" /run/restored
	ends 0 era_mark --all /run/grown
	ends 0 era_invalidate --written-since "$recorded" /run/grown
}

# lists_all METADATA
lists_all() {
	[ "$(era_invalidate --written-since "$recorded" --unit blocks --format ranges "$1")" = \
		"0 $all_blocks" ] || die "$1: not all blocks are listed"
}

# A note that is not understood may be of any metadata.
bad_note() {
	cp /var/lib/era-tools/data.untracked /run/note
	for bad in '' '2026' "$(head -n 3 /run/note)"; do
		printf %s "$bad" >/var/lib/era-tools/data.untracked
		ends 4 era_invalidate --written-since "$recorded" /dev/mapper/vg-meta
		has "data.untracked is not understood"
	done
	cp /run/note /var/lib/era-tools/data.untracked
}

# What was untracked stays so under another name, and with other metadata.
boot_21() {
	make_whole
	insert loop
	ends 0 setup create --origin vg-data --metadata vg-meta data
	sed -i 's/ -$/ degraded/' $tab
	tracked 9
	recorded=$first
	untracked 30
	ends 0 setup settle
	# The note stands, and so does the mark, which a copy has, too.
	ends 0 era_mark --all /dev/mapper/vg-meta
	has "there are no lists until era setup activate has started it again"
	dd if=/dev/mapper/vg-meta of=/run/marked bs=1M iflag=direct
	ends 4 era_invalidate --written-since "$recorded" /run/marked
	bad_note
	dmsetup rename vg-meta vg-other
	ends 4 era_invalidate --written-since "$recorded" /dev/mapper/vg-other
	dmsetup rename vg-other vg-meta
	dmsetup mknodes

	# Another line for the same devices.
	sed -i 's/^data /other /' $tab
	activated other
	has "$all_blocks of $all_blocks blocks count as written"
	ends 0 setup deactivate other
	lists "$recorded" "0+$all_blocks"
	sed -i 's/^other /data /' $tab

	# Nothing is called as it was.
	activated
	tracked 9
	recorded=$first
	untracked 33
	untracked_whole 34
	dmsetup remove vg-meta
	dmsetup remove vg-data
	volume beta /dev/ubda 8192
	volume gamma /dev/ubdb 32768
	sed -i 's,^data .*-meta,other /dev/mapper/vg-gamma /dev/mapper/vg-beta,' $tab
	losetup /dev/loop1 /dev/mapper/vg-beta
	dd if=/dev/mapper/vg-beta of=/run/marked bs=1M iflag=direct
	for meta in /dev/mapper/vg-beta /dev/loop1 /run/marked; do
		ends 4 era_invalidate --written-since "$recorded" $meta
		has "the device of these metadata was there without its target since 2"
	done
	losetup -d /dev/loop1
	other_lengths
	ends 4 era_dump -o /run/xml /run/marked
	ends 5 era_repair -i /run/marked -o /run/repaired
	lists_all /run/repaired
	ends 5 era_dump --repair -o /run/xml /run/marked
	ends 0 era_restore -q -i /run/xml -o /run/unmarked
	lists_all /run/unmarked
	ln -s vg-gamma /dev/mapper/vg-data
	ends 4 era_backup --offline /run/unmarked --source /dev/mapper/vg-data /run/copy.of
	has "the device data was there without its target"
	rm /dev/mapper/vg-data
	ends 0 era_mark --all /run/marked
	ends 0 era_invalidate --written-since "$recorded" /run/marked
	activated other
	has "was there without its target since 2"
	has "$all_blocks of $all_blocks blocks count as written"
	ends 0 setup deactivate other
	dmsetup remove vg-beta
	dmsetup remove vg-gamma
	volume data /dev/ubdb 32768
	volume meta /dev/ubda 8192
	sed -i 's,^other .*-beta,data /dev/mapper/vg-data /dev/mapper/vg-meta,' $tab
	# The note is still there, and holds for the metadata by their number once more.
	activated
	ends 0 setup deactivate data
	lists "$recorded" "0+$all_blocks"

	# Metadata that somebody has for a moment are waited for.
	dmsetup create user --table "0 8 linear /dev/mapper/vg-meta 0"
	(
		sleep 1
		dmsetup remove user
	) &
	activated
	wait
	fails grep -q "NOT TRACKED" /run/out
	ends 0 setup deactivate data

	# One that is not understood stays.
	echo what >/var/lib/era-tools/data.untracked
	activated
	has "is not understood, and may be of other metadata: there are no lists until it is removed"
	ends 0 setup deactivate data
	ends 4 era_invalidate --written-since "$recorded" /dev/mapper/vg-meta
	rm /var/lib/era-tools/data.untracked
	lists "$recorded" "0+$all_blocks"

	# The metadata move: all blocks count as written there.
	tracked 9
	recorded=$first
	untracked 31
	truncate -s 4M /run/second
	losetup /dev/loop0 /run/second
	volume second /dev/loop0 8192
	ends 0 setup --metadata /dev/mapper/vg-second --dry-run move data
	has "all blocks count as written"
	no_lists
	ends 0 setup --metadata /dev/mapper/vg-second move data
	[ "$(era_invalidate --written-since "$recorded" --format ranges /dev/mapper/vg-second)" = \
		"0 16777216" ] || die "not all blocks are listed"
	fails [ -e /var/lib/era-tools/data.untracked ]
	activated
	ends 0 setup deactivate data

	# A copy by hand: the old ones are refused for good, the new ones have all blocks.
	recorded=$first
	dd if=/dev/mapper/vg-second of=/run/copy bs=1M iflag=direct
	sed -i 's/vg-second/vg-meta/' $tab
	dd if=/run/copy of=/dev/mapper/vg-meta bs=1M oflag=direct
	untracked 32
	dd if=/dev/mapper/vg-meta of=/dev/mapper/vg-second bs=1M oflag=direct
	sed -i 's/vg-meta/vg-second/' $tab
	activated
	has "$all_blocks of $all_blocks blocks count as written"
	ends 0 setup deactivate data
	activated
	fails has_said "count as written"
	ends 0 setup deactivate data
	ends 4 era_invalidate --written-since "$recorded" /dev/mapper/vg-meta
	has "with other metadata, era setup activate data has started it again"
}

# half a|b: of the disks.
half() {
	case $1 in
	a) first_sector=0 ;;
	b) first_sector=8192 ;;
	esac
	dmsetup create "vg-meta$1" --table "0 8192 linear /dev/ubda $first_sector"
}

# without_metadata NAME META
without_metadata() {
	dmsetup remove "vg-$2"
	ends 0 setup activate "$1"
	has "NOT TRACKED"
	direct_write_random "/dev/mapper/$1" 20
	ends 0 setup deactivate "$1"
}

# all_listed META
all_listed() {
	[ "$(era_invalidate --written-since $((first - 1)) --format ranges "/dev/mapper/vg-$1")" = \
		"0 4194304" ] || die "not all blocks are listed"
}

# A note is lost to no other one: of a device that had the name before, and of other metadata.
boot_22() {
	umask 077
	mount -t tmpfs none /var/lib
	dmsetup remove --noudevsync origin
	for device in a b; do
		half $device
		dmsetup create vg-data$device --table "0 8192 linear /dev/ubdb $first_sector"
		ends 0 setup create --origin vg-data$device --metadata vg-meta$device data
		sed -i 's/ -$/ degraded/' $tab
		tracked 9
		without_metadata data meta$device
		sed -i "s/^data /$device /" $tab
	done
	modes=$(cd /var/lib/era-tools && stat -c %a . data.untracked | paste -s -d ' ')
	[ "$modes" = "755 644" ] || die "the notes have the modes $modes"
	for device in a b; do
		half $device
		ends 4 era_invalidate --written-since 1 /dev/mapper/vg-meta$device
		has "the device data was there without its target since 2"
		activated $device
		has "64 of 64 blocks count as written"
		ends 0 setup deactivate $device
		all_listed meta$device
	done
	fails [ -e /var/lib/era-tools/data.untracked ]

	without_metadata a metaa
	ends 0 setup disable a
	ends 0 setup disable b
	ends 0 setup --force create --origin vg-dataa --metadata vg-metab a
	sed -i 's/ -$/ degraded/' $tab
	activated a
	ends 0 setup deactivate a
	without_metadata a metab
	for device in a b; do
		half $device
		ends 4 era_invalidate --written-since 1 /dev/mapper/vg-meta$device
		has "the device a was there without its target since 2"
	done
	activated a
	ends 0 setup deactivate a
	all_listed metab
	ends 4 era_invalidate --written-since 1 /dev/mapper/vg-metaa
	sed -i 's/metab/metaa/' $tab
	activated a
	ends 0 setup deactivate a
	all_listed metaa
	fails [ -e /var/lib/era-tools/a.untracked ]
}

# Where notes are, another filesystem is mounted later in a boot, and the next one doesn't see it.
boot_23() {
	make_whole
	ends 0 setup create --origin vg-data --metadata vg-meta data
	sed -i 's/ -$/ degraded/' $tab
	tracked 9
	without_metadata data meta
	ends 0 setup activate data
	mount -t tmpfs later /var/lib
	volume meta /dev/ubda 8192
	no_lists
	ends 0 setup settle
	fails [ -e /run/era-tools/data.untracked ]
	[ -s /var/lib/era-tools/data.untracked ] || die "the note is not where it stays"
	no_lists
	dmsetup remove data

	# In the next boot, and with nothing but /run.
	mkdir /run/later
	mount -o move /var/lib /run/later
	rm -r /run/era-tools
	activated
	has "data: was there without its target since 2"
	has "$all_blocks of $all_blocks blocks count as written"
	ends 0 setup deactivate data
	mount -o bind /run/later /var/lib
	no_lists
	ends 0 setup settle
	lists $((first - 1)) "0+$all_blocks"
	activated
	fails has_said "count as written"
	ends 0 setup deactivate data
	fails [ -e /var/lib/era-tools/data.untracked ]

	# Forgotten, and noted once more: that stays.
	ends 0 setup mark data
	[ -s /run/era-tools/data.tracked ] || die "it is not noted that all blocks are marked"
	without_metadata data meta
	fails [ -e /run/era-tools/data.tracked ]
	volume meta /dev/ubda 8192
	ends 0 setup settle
	no_lists
}

no_snapshot() {
	dmsetup status data | grep -q ' -$'
}

# Killed at any moment, remember leaves no metadata snapshot behind.
boot_19() {
	make_volumes
	ends 0 setup create --origin vg-data --metadata vg-meta data
	activated
	seed=1 taken=0
	for round in $(seq 24); do
		era_setup --eratab $tab -q remember data 2>/run/out &
		random 250
		usleep $((number * 1000))
		no_snapshot || taken=$((taken + 1))
		kill -9 $! 2>/run/kill || :
		wait $! || :
		for try in $(seq 100); do
			no_snapshot && break
			usleep 50000
		done
		no_snapshot || die "a snapshot is left, round $round"
	done
	echo "answer: $taken"
	ends 0 setup remember data
	ends 0 setup deactivate data
}

# What the requests print as JSON.
boot_6() {
	mount -t tmpfs none /var/lib
	make_volumes
	answers list
	answers --dry-run create --origin vg-data --metadata vg-meta data
	answers create --origin vg-data --metadata vg-meta data
	answers --dry-run activate data
	answers activate data
	dmsetup message data 0 take_metadata_snap
	answers list
	answers status
	dmsetup suspend data
	answers status data
	dmsetup resume data
	dmsetup message data 0 drop_metadata_snap
	answers deactivate data
	answers mark data
	answers mark other
}

# check_growth SECTORS: of a target that is active, and has been since era $first.
check_growth() {
	resized data /dev/ubdb "$1"
	ends 0 setup --dry-run resize data
	has "would: /dev/mapper/vg-data: has grown from"
	ends 0 setup resize data
	[ "$(blockdev --getsz /dev/mapper/data)" = "$1" ] || die "another size"
	ends 0 setup status data
	has "discards off"
}

# Its origin grows while it is active, and written to.
boot_12() {
	make_volumes
	ends 0 setup create --origin vg-data --metadata vg-meta data
	activated
	direct_write /dev/mapper/data 5
	check_growth 16392
	check_growth 32768
	direct_write /dev/mapper/data 200
	ends 0 setup deactivate data
	fails has_said "has grown"
	lists "$first" "5+1 127+129"
	lists $((first + 1)) "127+129"
	lists $((first + 2)) "128+128"
	lists $((first + 4)) "200+1"
	activated
	fails has_said "count as written"
	resized data /dev/ubdb 16384
	ends 3 setup resize data
	has "what lies behind its end fails now"
	resized data /dev/ubdb 32768
	ends 0 setup deactivate data
}

# stays_and_changes FUNCTION MARKS: of an origin that has a filesystem, which FUNCTION DEVICE MODE
# mounts. When it is mounted for reading, this becomes of it.
stays_and_changes() {
	ends 0 setup deactivate data
	marks_none
	"$1" /dev/mapper/vg-data ro
	"$2" "block"
	"$1" /dev/mapper/vg-data rw
	marks_all "block"
}

mounted_xfs() {
	mount -t xfs -o "$2" "$1" /srv || die "no mount of $1"
	umount /srv
}

key=/run/key

opened() {
	[ "$2" = rw ] || set -- "$1" "$2" --readonly
	cryptsetup open --key-file $key ${3:-} "$1" plain || die "LUKS: $1"
	mounted /dev/mapper/plain "$2" true
	cryptsetup close plain
}

make_luks() {
	cryptsetup luksFormat -q --type luks1 --iter-time 1 --key-file $key "$1" ||
		die "LUKS: $1"
	cryptsetup open --key-file $key "$1" plain || die "LUKS: $1"
	make_ext4 /dev/mapper/plain
	mounted /dev/mapper/plain rw touch /srv/a
	cryptsetup close plain
}

# Other things than ext4 on the origin. Words: what.
boot_15() {
	mount -t tmpfs none /srv
	dmsetup remove --noudevsync origin
	volume data /dev/ubdb 655360
	volume meta /dev/ubda 16384
	all_blocks=5120
	ends 0 setup create --origin vg-data --metadata vg-meta data
	activated
	case $what in
	xfs)
		/sbin/mkfs.xfs -q -f /dev/mapper/data || die "no XFS"
		mounted_xfs /dev/mapper/data rw
		stays_and_changes mounted_xfs marks_all ;;
	luks)
		for module in cbc ecb hmac xts algif_hash algif_skcipher dm-crypt; do
			insert $module
		done
		head -c 32 /dev/urandom >$key
		make_luks /dev/mapper/data
		stays_and_changes opened marks_none ;;
	esac
}

is_suspended() {
	[ "$(dmsetup info -c --noheadings -o suspended data)" = Suspended ]
}

# The program, and the process that suspends; what guards it stays.
kill_resize() {
	! is_suspended || hit=$((hit + 1))
	pkill -9 -x era_setup || :
	pkill -9 -x era-suspend || :
	wait
	turns=0
	while is_suspended; do
		turns=$((turns + 1))
		[ $turns -lt 100 ] || die "is left suspended"
		usleep 100000
	done
}

# Killed at any moment: the blocks are marked by then, or when the target starts again. Metadata
# that take long make the moments long. Words: kills, seed.
boot_13() {
	insert dm-delay
	dmsetup remove --noudevsync origin
	dmsetup create vg-meta --table "0 8192 delay /dev/ubda 0 0 /dev/ubda 0 10"
	nr=64 grown=0 hit=0
	volume data /dev/ubdb $((nr * 128))
	ends 0 setup create --origin vg-data --metadata vg-meta data
	for each in $(seq "$kills"); do
		activated
		resized data /dev/ubdb $(((nr + 4) * 128))
		setup resize data &
		random 900
		usleep $((number * 1000))
		kill_resize
		direct_write /dev/mapper/data 3
		[ "$(blockdev --getsz /dev/mapper/data)" = $((nr * 128)) ] || grown=$((grown + 1))
		ends 0 setup deactivate data
		before=$first
		activated
		ends 0 setup deactivate data
		lists "$before" "3+1 $((nr - 1))+5"
		nr=$((nr + 4))
	done
	echo "answer: $hit $grown"
}
