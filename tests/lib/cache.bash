# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# What the tests of era_invalidate's formats for a dm-cache share: a small era device with a small
# cache over it, and metadata as cache_restore makes them.

# An era device: 20 blocks of 64 sectors, of which 4, 9, 14 and 19 were written in era 4, the last
# one.
small_era() {
	awk 'BEGIN {
		print "<superblock uuid=\"\" block_size=\"64\" nr_blocks=\"20\" current_era=\"4\">\n<era_array>"
		for (b = 0; b < 20; b++)
			printf "<era block=\"%d\" era=\"%d\"/>\n", b, b % 5
		print "</era_array>\n</superblock>"
	}' | era_restore -q -i - -o era
}

# The elements of a cache, a line each; the lines are named by tests.
small_cache() {
	cat <<-'EOF'
		<superblock uuid="" block_size="64" nr_cache_blocks="16" policy="smq" hint_width="4">
		  <mappings>
		    <mapping cache_block="0" origin_block="4" dirty="false"/>
		    <mapping cache_block="1" origin_block="9" dirty="false"/>
		    <mapping cache_block="5" origin_block="3" dirty="false"/>
		    <mapping cache_block="6" origin_block="19" dirty="false"/>
		    <mapping cache_block="9" origin_block="8" dirty="false"/>
		  </mappings>
		  <hints>
		    <hint cache_block="0" data="AQAAAA=="/>
		    <hint cache_block="1" data="AgAAAA=="/>
		    <hint cache_block="5" data="AwAAAA=="/>
		    <hint cache_block="6" data="BAAAAA=="/>
		    <hint cache_block="9" data="BQAAAA=="/>
		  </hints>
		</superblock>
	EOF
}

small() {
	small_era
	small_cache >cache.xml
}

# stale FORMAT [OPTION...]: the answer for cache.xml, or for $mappings.
stale() {
	era_invalidate --written-since "${since:-4}" --format "$1" \
		--cache-mappings "${mappings:-cache.xml}" "${@:2}" era
}

# stale_is "ARGUMENTS" [OPTION...]
stale_is() {
	status_is 0 stale dm-cache "${@:2}" >got || return
	[ "$(cat got)" = "${1:+invalidate_cblocks $1}" ] || wrong "got: $(cat got)"
}

# refused STATUS TEXT [OPTION...]: both formats, and nothing is printed.
refused() {
	local format
	for format in dm-cache cache-xml; do
		status_is "$1" stale $format "${@:3}" >got && says "$2" || return
		[ ! -s got ] || wrong "a list was printed" || return
	done
}

# from_metadata FORMAT METADATA [OPTION...]: the answer for the cache that these are of, without
# XML.
from_metadata() {
	era_invalidate --written-since "${since:-5}" --format "$1" --cache-metadata "${@:2}" era
}

# cache_metadata FILE [OPTION...]: as cache_restore makes it of the small cache.
cache_metadata() {
	need "$PEER_DIR/cache_restore"
	truncate -s "${size:-1M}" "$1"
	"$PEER_DIR/cache_restore" -q -i cache.xml -o "$@"
}

# dumps CACHE XML: it dumps these lines. Version 1.1 leaves the last one without an end.
dumps() {
	"$PEER_DIR/cache_dump" "$1" >dumped.xml
	awk 1 dumped.xml | cmp - "$2"
}

# tells PATTERN: among what it says.
tells() {
	grep -q -e "$1" "$stderr" || wrong "does not tell \"$1\":"
}
