#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What to do now: damage and refusals end with it, and era_repair says what it kept.

load ../lib/common
load ../lib/cases

setup() {
	need_ours "${programs[@]}"
	test_tool blkedit
	scratch
	gzip -dc "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	gzip -dc "$abs_top_srcdir/tests/images/022-snapshot-moved-on/image.gz" >snapped
}

backup="treat every block as written, take a full backup"
repair="era repair makes sound metadata, --repair counts what is unknown as written; otherwise $backup"

# ends TEXT STATUS COMMAND...: the last line of what it says ends so.
ends() {
	local text=$1
	shift
	status_is "$@" >out || return
	[[ $(tail -n 1 "$stderr") == *"$text" ]] || wrong "does not end with \"$text\":"
}

@test "damage: repair, or a full backup" {
	cp meta damaged
	head -c 4096 /dev/zero | dd of=damaged bs=4096 seek=49 conv=notrunc status=none
	ends "problems: $repair" 1 era_check damaged
	ends "no answer is safe; $repair" 1 era_invalidate --written-since 1 damaged
	ends "no answer is safe; $repair" 1 era_dump damaged
	ends "problems: $repair" 1 era_check --auto-repair damaged
	head -c 4096 /dev/zero | dd of=damaged conv=notrunc status=none
	status_is 1 era_check damaged
	says "; until then $backup"
	ends "$backup" 1 era_invalidate --written-since 1 damaged
}

@test "counts, a truncated copy and a snapshot have their own" {
	cp meta counts
	blkedit counts 'bitmap.count.[index]=0'
	ends ": era check --auto-repair corrects the counts if nothing was lost; $repair" 1 \
		era_check counts
	ends "; era check --auto-repair corrects the counts if nothing was lost; $repair" 1 \
		era_dump counts
	head -c 32768 meta >cut
	ends ": use a whole copy of the metadata if there is one; $repair" 1 era_check cut
	ends "; use a whole copy of the metadata if there is one; $repair" 1 era_invalidate \
		--written-since 1 cut
	head -c 4096 /dev/zero | dd of=snapped bs=4096 seek=121 conv=notrunc status=none
	ends ": $repair; where only the metadata snapshot is damaged it can be dropped" 1 \
		era_check snapped
}

# A status without a failure advises nothing.
@test "what is passed over needs no advice" {
	cp meta counts
	blkedit counts 'bitmap.count.[index]=2'
	ends " fatal and 1 non-fatal problems" 0 era_check --ignore-non-fatal-errors counts
	ends "corrects the counts if nothing was lost; $repair" 1 era_check counts
}

@test "refusals: a snapshot that is missing, left over or damaged, and an era that is too late" {
	ends ": take one by the message take_metadata_snap, or stop the target and read the live metadata" \
		4 era_invalidate -m --written-since 1 meta
	ends ": take one by the message take_metadata_snap, or stop the target and read the live metadata" \
		4 era_check -m meta
	ends "; $backup" 4 era_invalidate --written-since 99 meta
	ends ": drop it and take another" 4 era_invalidate -m --snapshot-era 7 \
		--written-since 1 snapped
	printf x | dd of=snapped bs=4096 seek=121 conv=notrunc status=none
	ends ": drop it and take another" 1 era_invalidate -m --snapshot-era 8 \
		--written-since 1 snapped
}

@test "era_repair says what it kept" {
	repairs() {
		cp meta damaged
		head -c 4096 /dev/zero | dd of=damaged bs=4096 seek="$1" conv=notrunc status=none
		status_is 5 era_repair --block-size 4k -i damaged -o new || return
		rm new
		says "era_repair: damaged: $2"
	}
	cases 3 repairs <<-'EOF'
		0 | all blocks keep their era
		11 | all but 1018 blocks keep their era: the next backup copies these, whether they were written or not
		49 | no block keeps its era: the next backup copies all of them
	EOF
}
