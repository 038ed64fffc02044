#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# XML out of era_dump and into era_restore: both dialects round trip byte for byte, and what is not
# exactly right is refused, with its place, before anything is written.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../lib/xml

setup_file() {
	unpack_images
}

setup() {
	need_ours era_check era_dump era_restore
	scratch
}

round_trip() {
	local image=$1
	status_is 0 era_dump "$image" >bits.xml &&
		status_is 0 era_dump --compact -o runs.xml.gz "$image" &&
		gzip -t runs.xml.gz && gzip -dc runs.xml.gz >runs.xml || return
	[ "$(head -c 12 bits.xml)" = "<superblock " ] &&
		[ "$(tail -n 1 bits.xml)" = "</superblock>" ] &&
		! grep -q '<marked' bits.xml && ! grep -q '<bit' runs.xml || return

	rm -f a b
	status_is 0 era_restore -q -i bits.xml -o a && status_is 0 era_check -q a || return
	status_is 0 era_restore -q -i - -o b <runs.xml.gz && status_is 0 era_check -q b || return
	status_is 0 era_dump a | cmp - bits.xml && status_is 0 era_dump b | cmp - bits.xml &&
		status_is 0 era_dump --compact a | cmp - runs.xml
}

@test "dumped, restored and dumped again: the same bytes, in both dialects, plain and gzip" {
	each_image round_trip
}

@test "through a pipe, from a compressed file, and into one that is there already" {
	local image=$BATS_FILE_TMPDIR/images/004-undigested
	era_dump "$image" >want
	gzip <want >want.gz
	truncate -s 3M old

	era_dump "$image" | status_is 0 era_restore -q -i - -o piped
	status_is 0 era_restore -q --input want.gz --output unpacked
	status_is 0 era_restore -q -i want -o old
	[ "$(stat -c %s old)" = $((3 << 20)) ]
	for copy in piped unpacked old; do
		era_dump "$copy" | cmp - want
		status_is 0 era_check -q "$copy"
	done
}

@test "snapshots and logical dumps are XML like any other" {
	local image n=0 options
	for image in "$BATS_FILE_TMPDIR"/images/*snapshot-[hmr]*; do
		for options in "-m" "-m --logical" "--logical" "-m --compact"; do
			# shellcheck disable=SC2086
			status_is 0 era_dump $options "$image" >want
			rm -f copy
			status_is 0 era_restore -q -i want -o copy
			# shellcheck disable=SC2086
			status_is 0 era_dump ${options#-m} copy | cmp - want
			n=$((n + 1))
		done
	done
	[ "$n" = 12 ]
}

@test "what is sound is the same with --repair" {
	sound_repair() {
		status_is 0 era_dump "$1" >want && status_is 0 era_dump --repair "$1" | cmp - want
	}
	each_image sound_repair
}

@test "the forms of XML that mean the same" {
	same_meaning() {
		rm -f copy
		sample_bits | sed "$2" >variant.xml
		status_is 0 era_restore -q -i variant.xml -o copy && era_dump copy | cmp - want.xml
	}
	sample_bits >want.xml
	cases 8 same_meaning <<-'EOF'
		as it is | b
		an XML declaration | 1i<?xml version="1.0"?>
		its encoding | 1i<?xml version="1.0" encoding="UTF-8"?>
		no indent | s/^ *//
		one line | :a;N;$!ba;s/\n//g
		a closing tag | s,<\(bit\|era\) \(.*\)/>,<\1 \2></\1>,
		attributes the other way round | s/block="\(.\)" era="\(.\)"/era="\2" block="\1"/
		single quotes, carriage returns | s/"/'/g;s/$/\r/
	EOF
}

@test "sizes and eras at their limits are taken" {
	limit_taken() {
		rm -f copy
		sample_"$1" | sed "$3" >want.xml
		[ "$2" = any ] || grep -q "$2" want.xml || return
		status_is 0 era_restore -q -i want.xml -o copy && status_is 0 era_check -q copy ||
			return
		[ "$1" = bits ] || set -- "$1" "$2" "$3" --compact
		status_is 0 era_dump ${4:+"$4"} copy | cmp - want.xml
	}
	cases 8 limit_taken <<-'EOF'
		bits | era="4294967295" | 1s/current_era="5"/current_era="4294967295"/
		bits | block="2" era="4294967295" | 1s/era="5"/era="4294967295"/;10s/era="3"/era="4294967295"/
		bits | writeset era="5" | 2s/era="4"/era="5"/
		bits | block="0" era="5" | 8s/era="1"/era="5"/
		bits | block_size="4294967288" | 1s/size="8"/size="4294967288"/
		bits | nr_blocks="0" | 1s/blocks="3"/blocks="0"/;8,10d
		bits | nr_blocks="3" | 2,6d
		marked | nr_bits="2000000" | 2s/"100"/"2000000"/
	EOF
}

# refused LINE SCRIPT: of the sample edited by sed, at LINE, and no output is touched or made.
refused() {
	sed "$3" sample.xml >bad.xml
	! cmp -s bad.xml sample.xml || wrong "$1: the sample was not changed" || return
	refused_file "$1" "$2" bad.xml
}

# refused_file NAME LINE FILE: LINE may be "-", where no place can be told. Every fourth time into
# a file that is new, and quietly.
refused_file() {
	local name=$1 place="line $2, column [0-9]" said
	[ "$2" != - ] || place=:
	refusals=$((refusals + 1))
	if [ $((refusals % 4)) = 0 ]; then
		exit_status era_restore -q -i "$3" -o new
		one_of 1 && silent && [ ! -e new ] && return
		rm -f new
		wrong "$name, a new file, quietly"
		return
	fi

	exit_status era_restore -i "$3" -o old
	if ! cmp -s old old.was; then
		cp old.was old
		wrong "$name: the output file was changed" || return
	fi
	one_of 1 || wrong "$name" || return
	mapfile -t said <"$stderr"
	[[ ${#said[@]} = 1 && ${said[0]} =~ $place ]] || wrong "$name: not one line with $place:"
}

refusal_setup() {
	sample_"$1" >sample.xml
	head -c 300000 /dev/urandom >old.was
	cp old.was old
}

# Nothing is left beside the files of the test.
nothing_left() {
	local left
	left=$(find . -newer old.was ! -name . ! -name old ! -name '*.xml' ! -name std\* \
		! -name '*.gz')
	[ -z "$left" ] || wrong "left: $left"
}

@test "the sample itself is taken" {
	for kind in bits marked; do
		refusal_setup "$kind"
		status_is 0 era_restore -i sample.xml -o old
		fails cmp -s old old.was
	done
}

@test "refused: elements that are unknown, misplaced, twice or missing" {
	refusal_setup bits
	cases 24 refused <<-'EOF'
		another root | 1 | s/superblock/superblok/
		another root, upper case | 1 | s/superblock/SUPERBLOCK/
		unknown in superblock | 2 | 2i<foo/>
		unknown in writeset | 4 | 4i<foo/>
		unknown in era_array | 9 | 9i<foo/>
		unknown in bit | 3 | 3s,/>,><foo/></bit>,
		unknown in era | 8 | 8s,/>,><foo/></era>,
		bit in superblock | 2 | 2i<bit block="0" value="true"/>
		bit in era_array | 8 | 8i<bit block="0" value="true"/>
		bit in bit | 3 | 3s,/>,><bit block="1" value="true"/></bit>,
		era in superblock | 2 | 2i<era block="0" era="1"/>
		era in writeset | 3 | 3i<era block="0" era="1"/>
		marked in era_array | 8 | 8i<marked block_begin="0" len="1"/>
		writeset in writeset | 3 | 3i<writeset era="5" nr_bits="3"/>
		writeset in era_array | 8 | 8i<writeset era="5" nr_bits="3"/>
		era_array in writeset | 3 | 3i<era_array/>
		era_array in era_array | 8 | 8i<era_array/>
		superblock in superblock | 2 | 2i<superblock uuid="" block_size="8" nr_blocks="3" current_era="5"/>
		writeset after era_array | 12 | 11a<writeset era="5" nr_bits="1"><bit block="0" value="true"/></writeset>
		second era_array | 12 | 11a<era_array><era block="0" era="0"/></era_array>
		no era_array | 7 | 7,11d
		nothing in superblock | 2 | 2,11d
		second root | 13 | 12a<superblock uuid="" block_size="8" nr_blocks="0" current_era="0"><era_array/></superblock>
		the root closed at once | 1 | 1s,>,/>,
	EOF
	nothing_left
}

@test "refused: attributes that are unknown, missing or twice" {
	refusal_setup bits
	cases 25 refused <<-'EOF'
		unknown in superblock | 1 | 1s/>/ foo="1">/
		unknown in writeset | 2 | 2s/>/ foo="1">/
		unknown in bit | 3 | 3s,/>, foo="1"/>,
		unknown in era_array | 7 | 7s/>/ foo="1">/
		unknown in era | 8 | 8s,/>, foo="1"/>,
		a name space | 1 | 1s/>/ xmlns="foo">/
		upper case | 8 | 8s/block=/BLOCK=/
		no uuid | 1 | 1s/uuid=""//
		no block_size | 1 | 1s/block_size="8"//
		no nr_blocks | 1 | 1s/nr_blocks="3"//
		no current_era | 1 | 1s/current_era="5"//
		no era of writeset | 2 | 2s/era="4"//
		no nr_bits | 2 | 2s/nr_bits="3"//
		no block of bit | 3 | 3s/block="0"//
		no value | 3 | 3s/value="true"//
		no block of era | 8 | 8s/block="0"//
		no era of era | 8 | 8s/era="1"//
		uuid twice | 1 | 1s/uuid=""/uuid="" uuid=""/
		nr_blocks twice | 1 | 1s/nr_blocks="3"/& &/
		era of writeset twice | 2 | 2s/era="4"/& &/
		block of bit twice | 3 | 3s/block="0"/& &/
		value twice | 3 | 3s/value="true"/& &/
		block of era twice | 8 | 8s/block="0"/& &/
		era of era twice | 8 | 8s/era="1"/& &/
		no value at all | 8 | 8s/era="1"/era/
	EOF
	nothing_left
}

@test "refused: numbers that are none, or out of range" {
	local attribute value n=0
	{
		while read -r line attribute; do
			for value in '' ' 1' '1 ' 0x1 +1 -1 1.0 1e0 1x ١ 4294967296 \
				4294967297 18446744073709551617 \
				340282366920938463463374607431768211457; do
				echo "$attribute='$value' | $line | ${line}s/$attribute=\"[0-9]*\"/$attribute=\"$value\"/"
			done
		done <<-'EOF'
			1 block_size
			1 nr_blocks
			1 current_era
			2 era
			2 nr_bits
			3 block
			8 block
			8 era
		EOF
	} >table
	refusal_setup bits
	cases 112 refused <table

	refusal_setup marked
	for attribute in block_begin len; do
		for value in '' ' 1' 0x1 -1 1x 4294967296 4294967297 18446744073709551617; do
			echo "$attribute='$value' | 3 | 3s/$attribute=\"[0-9]*\"/$attribute=\"$value\"/"
		done
	done >table
	cases 16 refused <table
}

@test "refused: sizes that no metadata can have" {
	refusal_setup bits
	cases 12 refused <<-'EOF'
		nr_blocks of 2^31 | 1 | 1s/nr_blocks="3"/nr_blocks="2147483648"/
		nr_blocks of 2^32 - 1 | 1 | 1s/nr_blocks="3"/nr_blocks="4294967295"/
		block_size 0 | 1 | 1s/block_size="8"/block_size="0"/
		block_size 7 | 1 | 1s/block_size="8"/block_size="7"/
		block_size 12 | 1 | 1s/block_size="8"/block_size="12"/
		block_size 2^32 - 1 | 1 | 1s/block_size="8"/block_size="4294967295"/
		nr_bits of 2^31 | 2 | 2s/nr_bits="3"/nr_bits="2147483648"/
		value 1 | 3 | 3s/value="true"/value="1"/
		value TRUE | 3 | 3s/value="true"/value="TRUE"/
		value empty | 3 | 3s/value="true"/value=""/
		value with a blank | 3 | 3s/value="true"/value="true "/
		value truefalse | 3 | 3s/value="true"/value="truefalse"/
	EOF
}

@test "refused: blocks twice, missing, out of order, past the end" {
	refusal_setup bits
	cases 17 refused <<-'EOF'
		era twice | 9 | 8p
		era of block 1 twice | 9 | 9s/block="1"/block="0"/
		first era missing | 8 | 8d
		era missing | 9 | 9d
		last era missing | 10 | 10d
		all eras missing | 8 | 8,10d
		eras out of order | 8 | 8h;8d;9G
		era past the end | 11 | 10a<era block="3" era="0"/>
		era far past the end | 10 | 10s/block="2"/block="4294967295"/
		bit twice | 4 | 3p
		first bit missing | 3 | 3d
		bit missing | 4 | 4d
		last bit missing | 5 | 5d
		all bits missing but one | 4 | 4,5d
		bits out of order | 3 | 3h;3d;4G
		bit past nr_bits | 6 | 5a<bit block="3" value="false"/>
		bit far past nr_bits | 5 | 5s/block="2"/block="4294967295"/
	EOF
	nothing_left
}

@test "refused: eras out of order, twice, or after the current one" {
	refusal_setup bits
	cases 8 refused <<-'EOF'
		array's era after the current | 8 | 8s/era="1"/era="6"/
		array's last era far after it | 10 | 10s/era="3"/era="4294967295"/
		writeset's era after it | 2 | 2s/era="4"/era="6"/
		the current era before both | 2 | 1s/current_era="5"/current_era="2"/
		a writeset twice | 7 | 6a<writeset era="4" nr_bits="1"><bit block="0" value="true"/></writeset>
		a lower one after it | 7 | 6a<writeset era="3" nr_bits="1"><bit block="0" value="true"/></writeset>
		era 0 after it | 7 | 6a<writeset era="0" nr_bits="1"><bit block="0" value="true"/></writeset>
		the second is after the current | 7 | 6a<writeset era="6" nr_bits="1"><bit block="0" value="true"/></writeset>
	EOF
}

@test "refused: runs of marked blocks that overlap, descend, are empty, or past the end" {
	refusal_setup marked
	cases 15 refused <<-'EOF'
		the same twice | 4 | 3p
		overlap by one | 4 | 4s/begin="10" len="20"/begin="2" len="20"/
		inside the one before | 4 | 4s/begin="10" len="20"/begin="1" len="1"/
		over the one before | 4 | 4s/begin="10" len="20"/begin="0" len="100"/
		descending | 4 | 3h;3d;4G
		descending by far | 5 | 5s/begin="64" len="36"/begin="5" len="1"/
		len 0 | 3 | 3s/len="3"/len="0"/
		one past the end | 5 | 5s/len="36"/len="37"/
		begins at the end | 5 | 5s/begin="64" len="36"/begin="100" len="1"/
		begins far past the end | 5 | 5s/begin="64"/begin="4294967295"/
		the end wraps | 5 | 5s/begin="64" len="36"/begin="64" len="4294967295"/
		the end wraps to the end | 5 | 5s/begin="64" len="36"/begin="64" len="4294967268"/
		no len | 3 | 3s/len="3"//
		no block_begin | 3 | 3s/block_begin="0"//
		unknown attribute | 3 | 3s/len="3"/len="3" value="true"/
	EOF
}

@test "refused: bits and runs in one writeset" {
	refusal_setup bits
	cases 3 refused <<-'EOF'
		a run after bits | 6 | 5a<marked block_begin="2" len="1"/>
		a run for a bit | 5 | 5c<marked block_begin="2" len="1"/>
		a run in the middle | 4 | 4c<marked block_begin="1" len="1"/>
	EOF
	refusal_setup marked
	cases 2 refused <<-'EOF'
		a bit after a run | 6 | 5a<bit block="100" value="true"/>
		a bit between runs | 4 | 4c<bit block="10" value="true"/>
	EOF
}

@test "refused: text, DOCTYPE, entities, broken markup" {
	refusal_setup bits
	cases 21 refused <<-'EOF'
		text in superblock | 2 | 2s/^/x/
		text in writeset | 4 | 4s/^/x/
		text in bit | 3 | 3s,/>,>x</bit>,
		text in era_array | 9 | 9s/^/0/
		text in era | 8 | 8s,/>,>1</era>,
		CDATA | 8 | 8s,^,<![CDATA[x]]>,
		text before the root | 1 | 1s/^/x/
		text after the root | 13 | 12ax
		a DOCTYPE | 1 | 1i<!DOCTYPE superblock>
		a DOCTYPE with a file | 1 | 1i<!DOCTYPE superblock SYSTEM "file:///etc/passwd">
		an entity of its own | 1 | 1i<!DOCTYPE superblock [<!ENTITY a "1">]>
		an unknown entity | 8 | 8s/era="1"/era="\&a;"/
		an unknown entity as text | 8 | 8s/^/\&a;/
		end tag of another element | 6 | 6s/writeset/writset/
		no end tag | 6 | 6d
		an attribute without quotes | 8 | 8s/era="1"/era=1/
		a tag in a tag | 9 | 8s,/>,,
		half a tag | 13 | $a<superblock
		two dashes in a comment | 8 | 8s/^/<!-- -- -->/
		a byte that is no UTF-8 | 8 | 8s/era="1"/era="\xff"/
		a zero byte | 8 | 8s/era="1"/era="1\x00"/
	EOF
}

# Lines as era_dump prints them may well be read by a shorter way than others: where they stand in
# something else they must not be.
@test "lines as they are printed, in places where they mean nothing" {
	no_meaning() {
		rm -f copy
		sample_bits | sed "$2" >variant.xml
		! cmp -s variant.xml want.xml || return
		status_is 0 era_restore -q -i variant.xml -o copy && era_dump copy | cmp - want.xml
	}
	sample_bits >want.xml
	cases 7 no_meaning <<-'EOF'
		an era in a comment | 9i<!--\n    <era block="1" era="5"/>\n-->
		a bit in a comment | 4i<!--\n    <bit block="1" value="true"/>\n-->
		the end in a comment | 9i<!--\n  </era_array>\n</superblock>\n-->
		all of it in a comment | 1i<!--\n<superblock uuid="" block_size="8" nr_blocks="1" current_era="1">\n  <era_array>\n    <era block="0" era="1"/>\n  </era_array>\n</superblock>\n-->
		an era in a comment at the end | $a<!--\n    <era block="3" era="5"/>\n-->
		in a processing instruction | 9i<?pi\n    <era block="1" era="5"/>\n?>
		broken lines | 9s/ era/\n    era/;4s/block/\n    block/
	EOF
	refusal_setup bits
	cases 10 refused <<-'EOF'
		before the root | 1 | 1i\    <era block="0" era="1"/>
		after the root | 13 | $a\    <era block="3" era="1"/>
		after the root, a bit | 13 | $a\    <bit block="3" value="true"/>
		in CDATA | 8 | 8s/^/<![CDATA[\n/;8s/$/\n]]>/
		in a bit that is open | 4 | 3s,/>,>,
		in an era that is open | 9 | 8s,/>,>,
		in a tag that is open | 9 | 8s,/>,,
		in an attribute | [89] | 8s,"/>, ,
		in an open comment | 9 | 9i<!--
		in a DOCTYPE | 1 | 1i<!DOCTYPE superblock [\n    <era block="0" era="1"/>\n]>
	EOF
}

@test "the place of an error is right far down, in the middle of buffers" {
	local line n=0
	awk 'BEGIN {
		print "<superblock uuid=\"\" block_size=\"8\" nr_blocks=\"30000\" current_era=\"2\">\n  <era_array>"
		for (i = 0; i < 30000; i++)
			printf "    <era block=\"%d\" era=\"1\"/>\n", i
		print "  </era_array>\n</superblock>"
	}' >sample.xml
	for line in 3 2000 2001 4096 17777 30002; do
		# Twice, out of range, junk, another form that is no mistake before it.
		for script in "${line}s/block=\"[0-9]*\"/block=\"29999999\"/" \
			"${line}s/era=\"1\"/era=\"3\"/" \
			"${line}s/era=\"1\"/era=\"1x\"/" \
			"2s/>/>  /;${line}s/era=\"1\"/era=\"18446744073709551617\"/"; do
			sed "$script" sample.xml >bad.xml
			status_is 1 era_restore -i bad.xml -o new
			says "line $line, column "
			status_is 1 era_restore -i - -o new < <(sed "$script" bad.xml | gzip -1)
			says "line $line, column "
			n=$((n + 1))
		done
	done
	[ "$n" = 24 ]
	[ ! -e new ]
}

@test "refused: XML that ends too early, at every byte" {
	local len
	refusal_setup bits
	len=$(($(wc -c <sample.xml) - 1))
	for ((n = 1; n < len; n += 13)); do
		head -c "$n" sample.xml >"cut.xml"
		refused_file "cut at $n" "[0-9]*" cut.xml
	done
	[ "$n" -gt 340 ]
}

@test "refused: gzip that is truncated or corrupted" {
	refusal_setup bits
	random_xml 4 >good.xml
	gzip <good.xml >good.gz
	[ "$(wc -c <good.gz)" -gt 1000 ]
	status_is 0 era_restore -q -i good.gz -o taken
	rm taken
	touch -r old.was good.*

	head -c -1 good.gz >cut-1.gz
	head -c -8 good.gz >cut-8.gz
	head -c 900 good.gz >cut.gz
	head -c 12 good.gz >header.gz
	{ head -c -8 good.gz; printf '\1\2\3\4'; tail -c 4 good.gz; } >crc.gz
	{ head -c -4 good.gz; printf '\1\2\3\4'; } >length.gz
	{ head -c 500 good.gz; head -c 100 /dev/zero; tail -c +601 good.gz; } >holed.gz
	{ cat good.gz; sample_bits | gzip; } >twice.gz
	{ cat good.gz; echo; } >more.gz
	{ cat good.gz; printf '\37'; } >begun.gz
	cases 10 refused_file <<-'EOF'
		one byte short | - | cut-1.gz
		no trailer | - | cut-8.gz
		cut | - | cut.gz
		cut in the header | - | header.gz
		checksum | - | crc.gz
		length | - | length.gz
		zeroes inside | - | holed.gz
		two documents | - | twice.gz
		something behind it | - | more.gz
		a member that has only begun | - | begun.gz
	EOF
}

@test "refused: what is no XML at all" {
	refusal_setup bits
	touch -d @0 empty.xml
	: >empty.xml
	echo >blank.xml
	echo "hello world" >text.xml
	head -c 10000 /dev/zero >zero.xml
	head -c 10000 /dev/urandom >random.xml
	cp "$BATS_FILE_TMPDIR/images/002-crash" metadata.xml
	: | gzip >empty.xml.gz
	cases 8 refused_file <<-'EOF'
		empty | - | empty.xml
		a blank line | [0-9]* | blank.xml
		text | 1 | text.xml
		zeroes | 1 | zero.xml
		random | [0-9]* | random.xml
		metadata | 1 | metadata.xml
		nothing, compressed | - | empty.xml.gz
		/dev/null | - | /dev/null
	EOF
	nothing_left
}

@test "refused as well from a pipe, where nothing can be read twice" {
	refusal_setup bits
	status_is 1 era_restore -q -i - -o old < <(grep -v '</superblock>' sample.xml)
	status_is 1 era_restore -q -i - -o old < <(sed '9s/block="1"/block="0"/' sample.xml | gzip)
	cmp old old.was
}

# bounded COMMAND...: in 64 MB of address space (sanitizers need more) and ten seconds.
bounded() {
	(
		sanitized era_restore || ulimit -v 65536
		exec timeout 10 "$@"
	)
}

# repeat TEXT SIZE
repeat() {
	head -c "$2" < <(yes "$1" | tr -d '\n')
}

@test "bounded memory and time: huge tokens, deep nesting, entity bombs are refused" {
	local head='<superblock uuid="" block_size="8" nr_blocks="3" current_era="5">' n=0 hostile
	huge=$((64 << 20))
	{
		line() { repeat x $huge; }
		tag() { printf '<'; repeat x $huge; }
		attribute() { printf '<superblock uuid="'; repeat x $huge; printf '"/>'; }
		number() { printf '%s<era_array><era block="' \
			"$head"; repeat 0 $huge; printf '"/>'; }
		many() { printf '<superblock '; seq 3000000 | sed 's/.*/a&=""/'; }
		text() { echo "$head"; repeat x $huge; }
		cdata() { printf '%s<![CDATA[' "$head"; repeat x $huge; }
		nested() { repeat '<superblock>' $huge; }
		nested_in() { echo "$head"; repeat '<era_array>' $huge; }
		bomb() {
			echo '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">'
			for c in b c d e f g h i; do
				p=$(tr b-i a-h <<<"$c")
				echo "<!ENTITY $c \"$(repeat "&$p;" 150)\">"
			done
			echo "]>$head&i;</superblock>"
		}
	}
	cp "$BATS_FILE_TMPDIR/images/002-crash" old
	for hostile in line tag attribute number many text cdata nested nested_in bomb; do
		exit_status bounded era_restore -i - -o old < <("$hostile" 2>/dev/null)
		one_of 1 || wrong "$hostile"
		n=$((n + 1))
	done
	[ "$n" = 10 ]
	cmp old "$BATS_FILE_TMPDIR/images/002-crash"
}

@test "bounded memory and time: a compressed bomb" {
	{ echo '<superblock uuid="'; head -c $((128 << 20)) /dev/zero | tr '\0' x; } |
		gzip -1 >bomb.gz
	exit_status bounded era_restore -i bomb.gz -o new
	one_of 1
	[ ! -e new ]
}

@test "bounded memory: many blocks on one line are no problem" {
	awk 'BEGIN {
		printf "<superblock uuid=\"\" block_size=\"8\" nr_blocks=\"300000\" current_era=\"2\"><era_array>"
		for (i = 0; i < 300000; i++)
			printf "<era block=\"%d\" era=\"1\"/>", i
		printf "</era_array></superblock>"
	}' >line.xml
	[ "$(wc -l <line.xml)" = 0 ]
	status_is 0 bounded era_restore -q -i line.xml -o new
	status_is 0 era_check -q new
	{ head -c -30 line.xml; echo; } | status_is 1 bounded era_restore -i - -o new
	grep -q 'line 1, column [0-9]\{7\}' "$stderr"
}
