#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The first process of the guest. The kernel turns the words of its command line that it does not
# know into our environment:
#	scenario	a file that defines boot_1, boot_2, ...
#	boot		which of them to run
#	era		the era the metadata were left in; 0 for a blank device
#	tools		folders of the era programs, with colons between
#	uml_modules	where the kernel's modules are, in a folder of its version
# Linux sees the host's files read-only, so nothing that happens here can harm the host.
#
# "guest: done" is printed when the function came to its end, and only then; any command that fails
# ends the guest without it.

# Until /proc is ours, a bare name would be run as /proc/self/exe: the guest's kernel, on the host.
/bin/busybox mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs run /run
PATH=/sbin:/usr/sbin:/bin:/usr/bin
trap 'poweroff -nf' EXIT
set -e

modules=$uml_modules/$(uname -r)
for module in dm-mod dm-bufio persistent-data/dm-persistent-data dm-era dm-zero; do
	insmod "$modules/kernel/drivers/md/$module.ko"
done
dmsetup create origin --noudevsync --table "0 $((1 << 40)) zero"
echo "guest: Linux $(uname -r)"

export modules
# In a shell of its own: a daemon that is left behind becomes a child of the first process, and
# wait would then wait for it, too.
/bin/busybox sh -ec '. "$0/guest.sh"; . "$scenario"; "boot_$boot"' "${0%/*}"
echo "guest: done"
