# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""The figures of a target against what has been done with it, and their form for Prometheus against
the rules of its text format, version 0.0.4.

    stats.py"""
import re
import shutil

from target import *

BLOCK = 65536
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = (r'\{([a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
          r'(?:,[a-zA-Z_][a-zA-Z0-9_]*="[^"]*")*)\}')
SAMPLE = re.compile(rf"({NAME}){LABELS} (\d+(?:\.\d+)?)")


def parse(text):
    """{family: (type, [(name, labels, value)])}; whatever breaks a rule fails."""
    families, family = {}, None
    if not text.endswith("\n"):
        fail("the last line has no newline")
    for line in text.splitlines():
        comment = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
        if comment and comment[1] == "HELP":
            family = comment[2]
            if family in families:
                fail(f"{family} stands there twice")
            families[family] = [None, []]
        elif comment:
            if comment[2] != family or families[family][0] or families[family][1]:
                fail(f"a TYPE where none belongs: {line}")
            if comment[3] not in ("counter", "gauge", "histogram"):
                fail(f"no type: {line}")
            families[family][0] = comment[3]
        else:
            sample = SAMPLE.fullmatch(line)
            if not sample or not families[family][0]:
                fail(f"no sample: {line}")
            families[family][1].append((sample[1], sample[2], float(sample[3])))
    return families


def check_histogram(family, samples):
    buckets = [(re.search(r'le="([^"]*)"', labels)[1], value)
               for name, labels, value in samples if name == family + "_bucket"]
    bounds = [float(bound) for bound, _ in buckets]
    values = [value for _, value in buckets]
    count = [value for name, _, value in samples if name == family + "_count"]
    total = [value for name, _, value in samples if name == family + "_sum"]
    if bounds != sorted(set(bounds)) or buckets[-1][0] != "+Inf" or values != sorted(values):
        fail(f"{family}: buckets {buckets}")
    if count != [values[-1]] or len(total) != 1 or len(samples) != len(buckets) + 2:
        fail(f"{family}: count {count}, sum {total}")
    if total[0] > sum(value * min(bound, 1e6) for bound, value in zip(bounds, values)):
        fail(f"{family}: sum {total} does not fit {buckets}")


def check(families):
    """Flat values, by name."""
    values = {}
    for family, (kind, samples) in families.items():
        if kind == "histogram":
            check_histogram(family, samples)
        elif len(samples) != 1 or samples[0][0] != family:
            fail(f"{family}: {samples}")
        if (kind == "counter") != family.endswith("_total"):
            fail(f"{family} is a {kind}")
        for name, _, value in samples:
            if not name.endswith("_bucket"):
                values[name] = value
    return values


def lines(text):
    return {name: float(value) for name, value in (line.split(" ") for line in text.splitlines())}


def want(values, **wanted):
    for name, value in wanted.items():
        if values["era_" + name] != value:
            fail(f"{name}: found {values['era_' + name]}, wanted {value}")


def figures():
    text = run("era_ctl", "--prometheus", "ctl", "stats")
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                              capture_output=True)
        if done.returncode or done.stderr:
            fail("promtool: " + done.stderr)
    values = check(parse(text))
    plain = lines(run("era_ctl", "ctl", "stats"))
    if {"era_" + name for name in plain} != set(values):
        fail("the two forms have different names")
    return values


def is_at_rest(target):
    """All is digested, and that is committed."""
    before = target.stats()
    time.sleep(0.1)
    return "writesets_waiting 0" in before and before == target.stats()


def main():
    resize("disk", 16 << 20)
    os.mkdir('a "strange\\place')
    resize('a "strange\\place/meta', 1 << 20)
    os.symlink('a "strange\\place/meta', "meta")
    target = Target(BLOCK, ["era-format=yes", "era-first=1", "wdelay=3"], below=["delay"])
    target.command = [arg.replace("era-metadata=meta", 'era-metadata=a "strange\\place/meta')
                      for arg in target.command]
    target.start()
    handle = target.connect()
    era = target.era()
    before = figures()
    want(before, current_era=era, marks_total=0, mark_wait_seconds_count=0, read_only=0, paused=0,
         requests_in_flight=0, origin_bytes=16 << 20, metadata_blocks=256,
         metadata_snapshot_held=0, origin_flush_failed=0)

    handle.pwrite(b"x" * BLOCK, 0)
    handle.pwrite(b"y" * BLOCK, 0)  # marked already
    handle.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(BLOCK)), BLOCK, lambda error: 1)
    handle.poll(300)
    until(lambda: figures()["era_mark_wait_seconds_count"] == 2, "the third write is marked")
    want(figures(), requests_in_flight=1, marks_total=2, mark_wait_seconds_count=2)
    while handle.aio_in_flight():
        handle.poll(100)
    target.message("take_metadata_snap")
    target.message("checkpoint")
    until(lambda: is_at_rest(target), "all is digested")
    after = figures()
    want(after, current_era=era + 2, begin_era_seconds_count=2, metadata_snapshot_held=1,
         requests_in_flight=0, writesets_waiting=0,
         writesets_digested_total=before["era_writesets_digested_total"] +
         before["era_writesets_waiting"] + 2)
    if after["era_origin_flushes_total"] < 2:
        fail("a message does not flush the origin")
    used, total = map(int, target.message("status").split()[1].split("/"))
    want(after, metadata_used_blocks=used, metadata_blocks=total)
    if not 0 < after["era_metadata_spare_blocks"] < total - used:
        fail("what is spare")
    if not after["era_metadata_flushes_total"] >= 2 * (after["era_commits_total"] - 1):
        fail("two flushes a commit")
    if not after["era_commits_total"] >= after["era_commit_seconds_count"] >= 4:
        fail("commits")
    handle.shutdown()
    target.stop()
    run("era_check", "-q", "meta")


main()
