# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# A Debian with systemd as init boots in user-mode Linux, with what we install in it.

boot_root=${ERA_BOOT_ROOT:-$abs_top_builddir/tests/boot-root}
boot_megabytes=512
uml_modules=${ERA_UML_MODULES:-/usr/lib/uml/modules}

# need_boot: the root is made once, in the build tree.
need_boot() {
	local status=0 said
	need_kernel
	need fdisk mke2fs
	[ -x /bin/busybox ] || skip_test "needs busybox"
	said=$("$abs_top_srcdir/scripts/boot-root" "$boot_root") || status=$?
	[ "$status" != 77 ] || skip_test "${said##*$'\n'}"
	[ "$status" = 0 ] || { echo "$said"; return 1; }
}

# Of the modules only those that device mapper needs.
install_modules() {
	local version dir
	for version in "$uml_modules"/*; do
		version=${version##*/}
		for dir in drivers/md drivers/block lib; do
			mkdir -p "$1/lib/modules/$version/kernel/$dir"
			cp -r "$uml_modules/$version/kernel/$dir/." \
				"$1/lib/modules/$version/kernel/$dir"
		done
		cp "$uml_modules/$version"/modules.* "$1/lib/modules/$version"
		chroot "$1" /sbin/depmod "$version"
	done
}

# A disk of user-mode Linux has no name that stays.
install_names() {
	cat >"$1/etc/udev/rules.d/10-test.rules" <<-'END'
		KERNEL=="ubd?", SYMLINK+="disk/by-id/test-$kernel"
	END
}

# What runs when the system is up: the host shows its folder.
install_scenario() {
	mkdir -p "$1/host" "$1/etc/systemd/system/multi-user.target.wants"
	cat >"$1/etc/systemd/system/scenario.service" <<-'END'
		[Unit]
		After=multi-user.target
		[Service]
		ExecStart=/bin/sh /etc/scenario
		StandardOutput=tty
		StandardError=inherit
		TTYPath=/dev/console
	END
	cat >"$1/etc/scenario" <<-'END'
		folder=$(sed 's/.*\<era_folder=\([^ ]*\).*/\1/' /proc/cmdline)
		boot=$(sed 's/.*\<era_boot=\([^ ]*\).*/\1/' /proc/cmdline)
		mount -t hostfs -o "$folder" none /host
		. /host/scenario.sh
	END
	ln -s ../scenario.service "$1/etc/systemd/system/multi-user.target.wants"
}

# make_root FILE [COMMAND]: the image of a root with our programs; the command is run with its tree.
# The files of the root that was made once stay as they are: here there are links to them.
make_root() {
	local tree=$PWD/tree
	cp -al "$boot_root/root" "$tree"
	(unset MAKEFLAGS MFLAGS MAKELEVEL
	make -s -C "$abs_top_builddir" install DESTDIR="$tree") >install.log 2>&1 ||
		{ cat install.log; return 1; }
	install_modules "$tree"
	install_names "$tree"
	install_scenario "$tree"
	cp /bin/busybox "$tree/bin"
	# Where nothing looks below /usr/local.
	find "$tree/usr/local" -name era.shutdown -exec cp {} "$tree/lib/systemd/system-shutdown" \;
	cp -r "$tree"/usr/local/share/initramfs-tools "$tree/usr/share"
	cp -r "$tree"/usr/local/lib/dracut "$tree/usr/lib"
	rm -f "$tree"/etc/{fstab,hostname,machine-id}
	echo era >"$tree/etc/hostname"
	echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
	echo '/dev/ubda / ext4 defaults 0 0' >"$tree/etc/fstab"
	[ -z "${2:-}" ] || "$2" "$tree" || return
	truncate -s 600M "$1"
	mke2fs -q -F -t ext4 -d "$tree" "$1"
	rm -rf "$tree"
}

# How the root is found.
boot_words=(root=/dev/ubda rw)

# boot_system N DISK...: the disks are ubdb and so on. The console goes to the file console.N.
boot_system() {
	local boot=$1 memory disk letter=b disks=() status=0
	shift
	memory=$(guest_megabytes=$boot_megabytes guest_memory_dir) ||
		{ echo "no folder has room for the guest's memory"; return 1; }
	for disk; do
		disks+=("ubd$(($(printf %d "'$letter") - 97))=$disk")
		letter=$(tr b-g c-h <<<"$letter")
	done
	TMPDIR=$memory timeout -k 5 "$guest_seconds" \
		env LD_PRELOAD="${guest_preload:-$abs_top_builddir/tests/lib/xstate.so}" \
		"${ERA_UML:-linux.uml}" mem=${boot_megabytes}M ubd0=root \
		"${boot_words[@]}" \
		uml_dir="$PWD/" con=null con0=null,fd:1 quiet systemd.show_status=1 \
		systemd.log_color=0 "${disks[@]}" era_folder="$PWD" era_boot="$boot" \
		</dev/null >"console.$boot" 2>&1 || status=$?
	# Before a line of ours may stand what wipes out a status line of systemd's.
	sed -i 's/\r$//; s/^[[:space:]]*\(guest\|era\): /\1: /' "console.$boot"
	grep -q '^guest: done' "console.$boot" && return
	echo "boot $boot did not reach its end (status $status):"
	tail -n 80 "console.$boot"
	return 1
}
