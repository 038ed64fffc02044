# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# XML of metadata for tests: small samples, random ones, and what an XML dump says is true.

# The element of each kind, a line each: tests name the lines.
sample_bits() {
	cat <<-'EOF'
		<superblock uuid="" block_size="8" nr_blocks="3" current_era="5">
		  <writeset era="4" nr_bits="3">
		    <bit block="0" value="true"/>
		    <bit block="1" value="false"/>
		    <bit block="2" value="true"/>
		  </writeset>
		  <era_array>
		    <era block="0" era="1"/>
		    <era block="1" era="0"/>
		    <era block="2" era="3"/>
		  </era_array>
		</superblock>
	EOF
}

sample_marked() {
	cat <<-'EOF'
		<superblock uuid="" block_size="8" nr_blocks="3" current_era="5">
		  <writeset era="4" nr_bits="100">
		    <marked block_begin="0" len="3"/>
		    <marked block_begin="10" len="20"/>
		    <marked block_begin="64" len="36"/>
		  </writeset>
		  <era_array>
		    <era block="0" era="1"/>
		    <era block="1" era="0"/>
		    <era block="2" era="3"/>
		  </era_array>
		</superblock>
	EOF
}

# random_xml SEED: a block's era in any relation to its bits, writesets shorter and longer than
# the array, gaps between eras, bits across words; the dialect goes by the seed.
random_xml() {
	awk -v seed="$1" '
		function upto(n) { return int(rand() * (n + 1)) }
		function writeset(era, bits, marked,    i, len) {
			printf "  <writeset era=\"%.0f\" nr_bits=\"%d\">\n", era, bits
			for (i = 0; i < bits; i += len) {
				len = rand() < .3 ? 1 + upto(200) : 1 + upto(5)
				len = i + len > bits ? bits - i : len
				run(i, len, rand() < .4, marked)
				if (marked && i + len < bits)
					len++	# runs that touch would be one run in a dump
			}
			print "  </writeset>"
		}
		function run(first, len, set, marked,    i) {
			if (marked && set)
				printf "    <marked block_begin=\"%d\" len=\"%d\"/>\n", first, len
			for (i = first; !marked && i < first + len; i++)
				printf "    <bit block=\"%d\" value=\"%s\"/>\n", i, set ? "true" : "false"
		}
		BEGIN {
			srand(seed)
			n = split("0 1 7 8 9 63 64 65 127 128 129 1017 1018 1019 2036 2037", edges, " ")
			blocks = seed % 2 ? edges[1 + upto(n - 1)] : upto(2500)
			base = seed % 5 ? 0 : 4294967295 - 9
			current = base + upto(9)
			printf "<superblock uuid=\"\" block_size=\"%d\"", 8 * (1 + upto(20))
			printf " nr_blocks=\"%d\" current_era=\"%.0f\">\n", blocks, current
			split("1 64 65 32575 32576 32577", sizes, " ")
			for (era = base + upto(3); era <= current; era += 1 + upto(2)) {
				bits = blocks
				if (rand() < .3)
					bits = 1 + upto(blocks)
				else if (rand() < .3)
					bits = blocks + 1 + upto(300)
				else if (rand() < .2)
					bits = sizes[1 + upto(5)]
				writeset(era, bits ? bits : 1, seed % 3 != 0)
			}
			print "  <era_array>"
			for (i = 0; i < blocks; i++)
				printf "    <era block=\"%d\" era=\"%.0f\"/>\n", i,
					rand() < .3 ? 0 : base + upto(current - base)
			print "  </era_array>"
			print "</superblock>"
		}'
}

# xml_to_truth: a dump of either dialect as a truth file: the last era of a block is the highest of
# all writesets that mark it, and of its entry in the array.
xml_to_truth() {
	awk -F '"' '
		function flush() { if (len) printf "%d %d %s\n", first, first + len - 1, era; len = 0 }
		function mark(block, era) { if (last[block] + 0 < era) last[block] = era }
		/<superblock / { print "# block", $4, "nr_blocks", $6, "era", $8; blocks = $6 }
		/<writeset / { writeset = $2 + 0 }
		/<bit / && $4 == "true" { mark($2 + 0, writeset) }
		/<marked / { for (i = 0; i < $4; i++) mark($2 + i, writeset) }
		/<era block=/ { mark($2 + 0, $4 + 0) }
		END {
			for (i = 0; i < blocks; i++) {
				now = sprintf("%.0f", last[i])
				if (len && now != era)
					flush()
				if (!len)
					first = i
				era = now
				len++
			}
			flush()
		}'
}
