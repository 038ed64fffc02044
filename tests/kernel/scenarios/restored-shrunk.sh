# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Restored metadata, which lie close together at the start of the device; then the origin shrinks,
# and the writes that follow go behind them.

metadata=256K

# XML on stdout; what is true of it in the file "start".
history() {
	awk 'BEGIN {
		blocks = 1000
		printf "<superblock uuid=\"\" block_size=\"8\" nr_blocks=\"%d\" current_era=\"17\">\n", blocks
		print "  <era_array>"
		printf "# sectors %d block 8 nr_blocks %d era 17\n", blocks * 8, blocks > "start"
		for (b = 0; b < blocks; b++) {
			printf "    <era block=\"%d\" era=\"%d\"/>\n", b, b % 18
			print b, b, b % 18 > "start"
		}
		print "  </era_array>\n</superblock>"
	}'
}

before_1() {
	history >history.xml
	era_restore -q -i history.xml -o metadata
}

boot_1() {
	era_create 1744 8
	era_write 0
	era_write 10 100
	era_checkpoint
	era_write 200 5
	crash
}
