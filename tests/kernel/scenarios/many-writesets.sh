# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# 260 writesets, restored from XML, so that their tree has internal nodes; a real kernel resumes
# them and is stopped before it has digested many.

metadata=8M

# XML on stdout; what is true of it in the file "start".
history() {
	awk 'BEGIN {
		blocks = 2000
		printf "<superblock uuid=\"\" block_size=\"8\" nr_blocks=\"%d\" current_era=\"270\">\n", blocks
		for (b = 0; b < blocks; b++)
			last[b] = int(b / 100) % 5
		for (e = 11; e <= 270; e++) {
			first = e * 37 % (blocks - 70)
			len = 1 + e % 70
			printf "  <writeset era=\"%d\" nr_bits=\"%d\">\n", e, blocks
			printf "    <marked block_begin=\"%d\" len=\"%d\"/>\n", first, len
			print "  </writeset>"
			for (b = first; b < first + len; b++)
				newest[b] = e
		}
		print "  <era_array>"
		printf "# sectors %d block 8 nr_blocks %d era 270\n", blocks * 8, blocks > "start"
		for (b = 0; b < blocks; b++) {
			printf "    <era block=\"%d\" era=\"%d\"/>\n", b, last[b]
			print b, b, (b in newest ? newest[b] : last[b]) > "start"
		}
		print "  </era_array>\n</superblock>"
	}'
}

before_1() {
	history >history.xml
	era_restore -q -i history.xml -o metadata
}

boot_1() {
	era_hurry
	era_create 16000 8
	era_write 1000 3
	root=$(le_words 0 200 4)
	[ $(($(le_words $((root)) 4 4))) = 1 ] || die "the writeset tree has no internal node"
	crash
}
