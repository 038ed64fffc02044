#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_invalidate's formats for a dm-cache over the tracked device: dm-cache and cache-xml, against a
# model of its own. A cache block is stale when any part of its origin block lies in a changed era
# block, or past the last one; where that can't be known for all of them there is no list. The
# mappings come from cache_dump's XML, from the cache's metadata, or from both, which must be the
# same. ERA_CACHE_SEEDS is how many caches are drawn at random (16).

load ../lib/common
load ../lib/cases
load ../lib/cache
load ../lib/truth

setup() {
	need_ours era_invalidate era_restore
	scratch
}

# random_stack SEED: era.xml and cache.xml, and for the model "changed" (a line for each era block
# written in era 5 or later), "mapped" (cache block, origin block) and "sizes".
random_stack() {
	awk -v seed="$1" '
		function upto(n) { return int(rand() * (n + 1)) }
		function one_of(list, n) { n = split(list, words, " "); return words[1 + upto(n - 1)] }
		function swap(i, j, t) { t = order[i]; order[i] = order[j]; order[j] = t }
		BEGIN {
			srand(seed)
			era = one_of("8 16 24 56 64 88 120 128 256 1000 2048")
			cache = seed % 4 ? one_of("64 64 128 192 960 1024 2048") : era
			nr = upto(3) ? 1 + upto(600) : one_of("1 2 63 64 65 1018")
			blocks = 1 + upto(300)
			print era, cache, nr > "sizes"

			printf "<superblock uuid=\"\" block_size=\"%d\" nr_blocks=\"%d\" current_era=\"9\">\n",
				era, nr > "era.xml"
			print "<era_array>" > "era.xml"
			rare = one_of(".02 .1 .5")
			for (b = 0; b < nr; b++) {
				last = rand() < rare ? 5 + upto(4) : upto(4)
				printf "<era block=\"%d\" era=\"%d\"/>\n", b, last > "era.xml"
				if (last >= 5)
					print b > "changed"
			}
			print "</era_array>\n</superblock>" > "era.xml"

			ends = int(nr * era / cache) + 2
			for (i = 0; i < blocks; i++)
				order[i] = i
			for (i = 0; i < blocks; i++)
				swap(i, upto(blocks - 1))
			printf "<superblock uuid=\"\" block_size=\"%d\" nr_cache_blocks=\"%d\"", cache,
				blocks > "cache.xml"
			print " policy=\"smq\" hint_width=\"4\">\n  <mappings>" > "cache.xml"
			for (i = 0; i < blocks; i++) {
				if (rand() < .2)
					continue
				origin = upto(ends)
				printf "    <mapping cache_block=\"%d\" origin_block=\"%d\" dirty=\"false\"/>\n",
					order[i], origin > "cache.xml"
				print order[i], origin > "mapped"
			}
			print "  </mappings>\n</superblock>" > "cache.xml"
		}' </dev/null
	touch changed mapped
}

# model: the cache blocks to drop, and in "keep" those that stay, in the order of their mappings.
model() {
	awk '
		FILENAME == "sizes" { era = $1; cache = $2; nr = $3; next }
		FILENAME == "changed" { is_changed[$1]; next }
		{
			first = int($2 * cache / era)
			last = int((($2 + 1) * cache - 1) / era)
			drop = first >= nr
			for (b = first; b <= last; b++)
				drop = drop || b in is_changed
			print $1, $2 > (drop ? "/dev/stdout" : "keep")
		}' sizes changed mapped | sort -n
}

# as_arguments: sorted numbers, merged, half open.
as_arguments() {
	awk '
		function flush() { if (n) print end - first == 1 ? first : first "-" end }
		n && $1 == end { end++; next }
		{ flush(); n++; first = $1; end = $1 + 1 }
		END { flush() }'
}

# random_metadata_agree SEED: metadata made of cache.xml, where the kernel has blocks of that size.
# Version 1.1 of cache_restore wants mappings in order.
random_metadata_agree() {
	local version
	[ $(($(cut -d ' ' -f 2 sizes) % 64)) = 0 ] && [ -x "$PEER_DIR/cache_restore" ] || return 0
	{
		head -n 2 cache.xml
		grep '<mapping ' cache.xml | sort -t '"' -k 2,2n
		tail -n 2 cache.xml
	} >sorted.xml
	mv sorted.xml cache.xml
	for version in 1 2; do
		rm -f meta
		cache_metadata meta --metadata-version $version || return
		status_is 0 from_metadata dm-cache meta >got || return
		same "messages from metadata of version $version, seed $1" messages got || return
		status_is 0 from_metadata cache-xml meta >got.xml || return
		same "mappings from metadata of version $version, seed $1" <(grep '<mapping ' \
			kept.xml | sort) \
			<(grep '<mapping ' got.xml | sort) || return
		asked=$((asked + 1))
	done
}

# random_agrees SEED
random_agrees() {
	rm -f era era.xml cache.xml changed mapped sizes keep
	random_stack "$1"
	touch keep
	era_restore -q -i era.xml -o era || return
	model | as_arguments >want
	since=5 status_is 0 stale dm-cache >messages || return
	fails grep -qv '^invalidate_cblocks [0-9]' messages || return
	tr ' ' '\n' <messages | grep -v invalidate_cblocks >got || :
	same "cache blocks to drop, seed $1 ($(cat sizes))" want got || return

	since=5 status_is 0 stale cache-xml >kept.xml || return
	sed -n 's/.*<mapping cache_block="\([0-9]*\)" origin_block="\([0-9]*\)" dirty="false".*/\1 \2/p' \
		kept.xml >got
	same "mappings that stay, seed $1" keep got || return
	random_metadata_agree "$1" || return
	relations+=" $(awk '{ print ($1 < $2 ? "smaller" : $1 > $2 ? "larger" : "equal") }' sizes)"
	listed=$((listed + $(wc -l <want)))
}

@test "any sizes of blocks: rounded outwards, sorted, merged, half open, as the model says" {
	local seed bad=0 listed=0 asked=0 relations= seeds=${ERA_CACHE_SEEDS:-16}
	for ((seed = 1; seed <= seeds; seed++)); do
		untraced random_agrees "$seed" || bad=$((bad + 1))
	done
	[ "$bad" = 0 ]
	[ "$listed" -gt $((seeds * 10)) ]
	[ ! -x "$PEER_DIR/cache_restore" ] || [ "$asked" -gt $((seeds * 3 / 4)) ]
	for relation in smaller equal larger; do
		[[ $relations == *$relation* ]]
	done
}

@test "the small cache, by hand" {
	small
	stale_is "0-2 6"
	since=5 stale_is ""
	since=0 stale_is "0-2 5-7 9"
	since=3 stale_is "0-2 5-7 9"
}

@test "lines are at most 1024 bytes, each a message of its own" {
	small_era
	awk 'BEGIN {
		print "<superblock uuid=\"\" block_size=\"64\" nr_cache_blocks=\"4000000\" policy=\"smq\" hint_width=\"4\">"
		print "<mappings>"
		for (b = 0; b < 4000000; b += 1000)
			printf "<mapping cache_block=\"%d\" origin_block=\"4\" dirty=\"false\"/>\n", b
		print "</mappings></superblock>"
	}' >cache.xml
	status_is 0 stale dm-cache >got
	[ "$(awk '{ print length($0) + 1 }' got | sort -n | tail -n 1)" -le 1024 ]
	[ "$(awk 'length($0) > 900' got | wc -l)" = $(($(wc -l <got) - 1)) ]
	[ "$(grep -c '^invalidate_cblocks' got)" = "$(wc -l <got)" ]
	tr ' ' '\n' <got | grep -v invalidate | cmp - <(seq 0 1000 3999999)
}

@test "a dirty block anywhere: no answer, the first are named" {
	small
	sed -i '/cache_block="9" origin/s/false/true/' cache.xml
	refused 4 "cache block 9 (origin block 8) is dirty"
	says "1 dirty cache block"
	says "cleaner"
	stale_is "0-2 6 9" --allow-dirty
	status_is 0 stale cache-xml --allow-dirty >got
	cmp got <(small_cache | grep -v -e '"0"' -e '"1"' -e '"6"' -e '"9"')

	sed -i 's/false/true/' cache.xml
	refused 4 "5 dirty cache blocks"
	[ "$(grep -c 'is dirty$' "$stderr")" = 5 ]
	since=5 stale_is "0-2 5-7 9" --allow-dirty

	# Past the first few only their number is told.
	random_stack 3
	sed -i 's/false/true/' cache.xml
	refused 4 "$(wc -l <mapped) dirty cache blocks"
	[ "$(wc -l <"$stderr")" -lt 40 ]
}

@test "mappings from a file, standard input, compressed" {
	small
	gzip -k cache.xml
	for file in cache.xml cache.xml.gz; do
		mappings=$file stale_is "0-2 6"
		mappings=- stale_is "0-2 6" <$file
		cat $file | mappings=- stale_is "0-2 6"
	done
	head -c 200 cache.xml.gz >cut.gz
	mappings=cut.gz refused 1 "cut"
	mappings=missing.xml refused 3 "No such file"
	mappings=/ refused 3 ""
}

@test "2: mappings and formats go together" {
	small
	command_line() {
		# shellcheck disable=SC2086
		status_is 2 era_invalidate --written-since 4 $1 era >got && says "$2" &&
			[ ! -s got ]
	}
	cases 7 command_line <<-'EOF'
		--format dm-cache | --cache-metadata
		--format cache-xml | --cache-metadata
		--format dm-cache --allow-dirty | --cache-mappings
		--format json --cache-mappings cache.xml | cache-xml
		--cache-mappings cache.xml | cache-xml
		--allow-dirty | cache-xml
		--format dm-cache --cache-mappings cache.xml --unit sectors | --unit
	EOF
}

@test "1: XML that no cache_dump prints" {
	small
	bad_xml() {
		small_cache | sed "$2" >cache.xml
		small_cache | fails cmp -s - cache.xml && refused 1 "$1"
	}
	cases 25 bad_xml <<-'EOF'
		no <mappings> | /mappings>/d; /<mapping /d; /<hint/d; /<.hint/d
		no <mappings> | 2,$d; 1s/>$/\/>/
		<hints> | /mappings>/d; /<mapping /d
		<mappings> twice | s/<hints>/<mappings>/; s/<\/hints>/<\/mappings>/; /<hint /d
		found 16, wanted below 16 | s/cache_block="9" origin/cache_block="16" origin/
		found 4294967295, wanted below 16 | s/cache_block="9" origin/cache_block="4294967295" origin/
		cache_block: | s/cache_block="9" origin/cache_block="4294967296" origin/
		cache_block: | s/cache_block="9" origin/cache_block="-1" origin/
		cache block 5 is mapped twice | s/cache_block="9" origin/cache_block="5" origin/
		found 16, wanted below 16 | s/hint cache_block="9"/hint cache_block="16"/
		block_size: found 0 | s/block_size="64"/block_size="0"/
		block_size: | s/block_size="64"/block_size="64.5"/
		block_size: | s/block_size="64"/block_size="4294967296"/
		block_size: | s/block_size="64"/block_size=""/
		'block_size' | s/block_size="64"//
		'nr_cache_blocks' | s/nr_cache_blocks="16"//
		wanted below 0 | s/nr_cache_blocks="16"/nr_cache_blocks="0"/
		'origin_block' | 3s/origin_block="4"//
		origin_block: | 3s/origin_block="4"/origin_block="9223372036854775808"/
		'dirty' | 3s/ dirty="false"//
		dirty: | 3s/false/maybe/
		line 4 | 3s/\/>/>/
		line | $d
		unexpected | 3s/^/text/
		<blocks> | s/superblock/blocks/
	EOF
	small_era
	era_dump era >cache.xml
	refused 1 ""
	mappings=era refused 1 ""
	mappings=/dev/null refused 1 ""
}

@test "1: XML that ends too early, at every byte" {
	local bytes n
	small
	mv cache.xml whole
	bytes=$(wc -c <whole)
	for ((n = 0; n < bytes - 1; n += 7)); do
		head -c $n whole >cache.xml
		status_is 1 stale dm-cache >got
		[ ! -s got ]
	done
	head -c $((bytes - 1)) whole >cache.xml
	stale_is "0-2 6"
}

@test "a mapping past the end of the tracked device is stale" {
	small
	sed -i 's/cache_block="9" origin_block="8"/cache_block="9" origin_block="20"/' cache.xml
	since=5 stale_is 9
	sed -i 's/origin_block="20"/origin_block="9223372036854775807"/' cache.xml
	since=5 stale_is 9
	# The last cache block reaches past the end of the device, and is stale only when changed.
	sed -i 's/ block_size="64"/ block_size="192"/; s/origin_block="[0-9]*"/origin_block="6"/' \
		cache.xml
	since=5 stale_is ""
	since=4 stale_is "0-2 5-7 9"
	sed -i 's/origin_block="6"/origin_block="7"/' cache.xml
	since=5 stale_is "0-2 5-7 9"
}

@test "--old-size: all behind the smallest size since then is stale" {
	small
	old_size() {
		since=5 stale_is "$2" --old-size "$1"
	}
	status_is 2 stale dm-cache --old-size 131071 >got
	cases 9 old_size <<-'EOF'
		0 | 0-2 5-7 9
		128k | 0-2 6 9
		255s | 0-2 5-7 9
		160k | 1 6 9
		288k | 1 6
		294912 | 1 6
		327680 | 6
		1215s | 6
		1280s | 
	EOF
	status_is 0 stale cache-xml --old-size 288k >got
	cmp got <(small_cache | grep -v -e '"0"' -e '"1"' -e '"6"')
}

@test "--cache-metadata: stopped cleanly, and without it a note" {
	small
	cache_metadata clean
	stale_is "0-2 6" --cache-metadata clean
	silent
	status_is 0 stale cache-xml --cache-metadata clean >got
	silent
	stale_is "0-2 6"
	says "was not checked"
	cp clean copy
	stale_is "0-2 6" --cache-metadata clean
	cmp clean copy
}

@test "--cache-metadata: not stopped cleanly is no answer for messages, a note for XML" {
	small
	cache_metadata unclean --omit-clean-shutdown
	status_is 4 stale dm-cache --cache-metadata unclean >got
	[ ! -s got ]
	says "not stopped cleanly"
	says "cache-xml"
	status_is 4 stale dm-cache --allow-dirty --cache-metadata unclean >got
	[ ! -s got ]
	status_is 0 stale cache-xml --cache-metadata unclean >got
	says "not stopped cleanly"
	says "writethrough"
	cmp got <(small_cache | grep -v -e '"0"' -e '"1"' -e '"6"')
}

@test "--cache-metadata: damaged, of another size, none at all" {
	local at
	small
	cache_metadata clean
	for at in 0 4 8 32 36 60 240 300 4095; do
		cp clean bad
		printf '\125' | dd of=bad bs=1 seek=$at conv=notrunc status=none
		refused 1 "cache superblock" --cache-metadata bad
	done
	refused 1 "cache superblock" --cache-metadata era
	head -c 4095 clean >short
	refused 1 "too small" --cache-metadata short
	refused 3 "No such file" --cache-metadata missing
	sed 's/nr_cache_blocks="16"/nr_cache_blocks="17"/' cache.xml >other.xml
	mappings=other.xml refused 4 "of a cache of 17 blocks" --cache-metadata clean
	sed 's/ block_size="64"/ block_size="128"/' cache.xml >other.xml
	mappings=other.xml refused 4 "of 128 sectors" --cache-metadata clean
}

# cache_dump of 0.9 calls all blocks of such metadata clean, whatever their bits say.
@test "--cache-metadata: version 2 keeps the dirty bits to itself" {
	small
	sed -i '/cache_block="9" origin/s/false/true/' cache.xml
	cache_metadata version2 --metadata-version 2
	"$PEER_DIR/cache_dump" version2 >dumped.xml
	mappings=dumped.xml refused 4 "dirty" --cache-metadata version2
}

@test "what cache_dump dumps is taken, and what stays it restores and dumps as the same" {
	small
	cache_metadata first
	dumps first cache.xml
	mv dumped.xml cache.xml
	stale_is "0-2 6"
	status_is 0 stale cache-xml >kept.xml
	cmp kept.xml <(small_cache | grep -v -e '"0"' -e '"1"' -e '"6"')
	truncate -s 1M second
	"$PEER_DIR/cache_restore" -q -i kept.xml -o second
	"$PEER_DIR/cache_check" -q second
	dumps second kept.xml
	since=0 status_is 0 stale cache-xml >none.xml
	"$PEER_DIR/cache_restore" -q -i none.xml -o second
	dumps second none.xml
	fails grep '<mapping ' dumped.xml
}

@test "words of the header and of hints are as they were" {
	small
	sed -i 's/uuid=""/uuid="a\&amp;b\&lt;c\&quot;d"/; s/hint_width="4"/hint_width="8"/; s/data="BQ/data="\&lt;\&amp;/' cache.xml
	status_is 0 stale cache-xml >got
	cmp got <(grep -v -e 'cache_block="[016]"' cache.xml)
}

@test "more XML than is kept in memory" {
	small_era
	awk 'BEGIN {
		print "<superblock uuid=\"\" block_size=\"64\" nr_cache_blocks=\"100000\" policy=\"smq\" hint_width=\"4\">"
		print "  <mappings>"
		for (b = 0; b < 100000; b++)
			printf "    <mapping cache_block=\"%d\" origin_block=\"%d\" dirty=\"false\"/>\n", b, b % 20
		print "  </mappings>\n</superblock>"
	}' >cache.xml
	status_is 0 stale cache-xml >got
	awk -F '"' '!(/<mapping / && $4 % 5 == 4)' cache.xml | cmp - got
}

@test "-o: the list is whole or the file is as it was" {
	small
	echo old >list
	stale_is "" -o list
	[ "$(cat list)" = "invalidate_cblocks 0-2 6" ]
	cp list was
	cache_metadata unclean --omit-clean-shutdown
	status_is 4 stale dm-cache -o list --cache-metadata unclean
	sed -i '/cache_block="9" origin/s/false/true/' cache.xml
	refused 4 "dirty" -o list
	sed '$d' cache.xml >cut.xml
	mappings=cut.xml refused 1 "cut.xml" -o list
	cmp list was
	refused 4 "dirty" -o new
	[ ! -e new ]
}

@test "-o: neither the mappings nor the cache's metadata are written over" {
	small
	cache_metadata meta
	cp cache.xml cache.was
	cp meta meta.was
	exit_status stale dm-cache -o cache.xml
	one_of 2 3
	exit_status stale dm-cache -o meta --cache-metadata meta
	one_of 2 3
	cmp cache.xml cache.was
	cmp meta meta.was
}

@test "4: mappings that are not those of the metadata" {
	local version
	small
	differs() {
		small_cache | sed "$2" >other.xml
		small_cache | fails cmp -s - other.xml &&
			mappings=other.xml refused 4 "not those of the cache metadata" \
				--cache-metadata meta &&
			tells "$1" || return
		mappings=other.xml refused 4 "" --cache-metadata meta --allow-dirty && tells "$1"
	}
	for version in 1 2; do
		cache_metadata meta --metadata-version $version
		stale_is "0-2 6" --cache-metadata meta
		cases 8 differs <<-'EOF'
			found cache block 5 of origin block 7, wanted cache block 5 of origin block 3: dump them again, or leave out --cache-mappings$ | s/origin_block="3"/origin_block="7"/
			found cache block 1 of origin block 9, wanted cache block 0 of | /cache_block="0"/d
			found cache block 9 of .* wanted cache block 6 of | /cache_block="6"/d
			found the end, wanted cache block 9 of origin block 8: dump them again, or leave out --cache-mappings$ | /cache_block="9"/d
			found cache block 4 of .* wanted cache block 5 | s/cache_block="5"/cache_block="4"/
			found cache block 15 of origin block 1, wanted the end | /<.mappings/i <mapping cache_block="15" origin_block="1" dirty="false"/>
			found cache block 6 of origin block 19, dirty, wanted cache block 6 of origin block 19: dump them again, or leave out --cache-mappings$ | /cache_block="6"/s/false/true/
			found cache block 1 of .* wanted cache block 0 | 3{h;d};4G
		EOF
	done
	# Of metadata of version 1 every cache_dump knows what is dirty.
	sed -i '/cache_block="9" origin/s/false/true/' cache.xml
	cache_metadata meta --metadata-version 1
	small_cache >other.xml
	mappings=other.xml refused 4 "wanted cache block 9 of origin block 8, dirty" \
		--cache-metadata meta --allow-dirty
	echo old >list
	mappings=other.xml refused 4 "not those" --cache-metadata meta -o list
	[ "$(cat list)" = old ]
}

@test "a lost pointer: older mappings that are whole are refused" {
	small
	cache_metadata meta
	# An older array of mappings, in blocks that are free now.
	blkedit meta 20=mappings
	blkedit meta 21=mappings/0
	blkedit meta 20.child.0=21
	cp meta old
	blkedit old sb.mappings=20
	status_is 1 from_metadata dm-cache old >got
	tells "allocated but unused\|free in the space map"
	[ ! -s got ]
	# Not even when it is counted in their place, beside one count that is wrong.
	blkedit old bitmap.count.20=1 bitmap.count.21=1 sb.allocated=+2
	status_is 1 from_metadata dm-cache old >got
	says "allocated but unused"
	[ ! -s got ]
	# A root may be all that shows.
	cp meta old
	blkedit old 22=mappings
	blkedit old bitmap.count.22=1 sb.allocated=+1
	status_is 1 from_metadata dm-cache old >got
	says "allocated but unused"
	status_is 0 from_metadata dm-cache meta >got
}

@test "a device that was cut, or has grown" {
	local bytes
	small
	cache_metadata meta --metadata-version 2
	since=4 from_metadata cache-xml meta >want
	for bytes in 0 100 4095 4096 8192 20480 40960 43008; do
		head -c $bytes meta >bad
		status_is 1 from_metadata dm-cache bad >got
		[ ! -s got ]
	done
	# All that is in use is there.
	for bytes in 49152 2M; do
		cp meta other
		truncate -s $bytes other
		since=4 status_is 0 from_metadata cache-xml other >got
		cmp want got
	done
	blkedit other bitmap.count.200=1
	truncate -s 49152 other
	status_is 1 from_metadata cache-xml other >got
	says "counted as in use past the end of the device"
}

@test "flags: stopped cleanly, to be checked" {
	small
	cache_metadata meta
	flags() {
		cp meta other
		blkedit other sb.flags="$1"
		status_is "$2" from_metadata dm-cache other >got &&
			status_is "$3" from_metadata cache-xml other >got || return
		[ -z "$4" ] || says "$4"
	}
	cases 4 flags <<-'EOF'
		1 | 0 | 0 | 
		0 | 4 | 0 | not stopped cleanly
		2 | 4 | 4 | needs_check
		3 | 4 | 4 | needs_check
	EOF
}

@test "cache-xml of metadata can be restored, and dumped as the same" {
	local version
	small
	for version in 1 2; do
		rm -f meta second
		cache_metadata meta --metadata-version $version
		since=4 status_is 0 from_metadata cache-xml meta >kept.xml
		cmp kept.xml <(small_cache | grep -v -e '"0"' -e '"1"' -e '"6"')
		truncate -s 1M second
		"$PEER_DIR/cache_restore" -q -i kept.xml -o second --metadata-version $version
		"$PEER_DIR/cache_check" -q second
		since=5 status_is 0 from_metadata cache-xml second >again.xml
		cmp kept.xml again.xml
	done
}
