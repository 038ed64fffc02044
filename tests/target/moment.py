# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Eras that begin on two targets at one moment, while writers write a block to A and, after its
reply, to B.  Where A's write is listed since A's era, B's must be listed since B's.

    moment.py ROUNDS"""
import threading

from target import *

BLOCK = 4096
NR_BLOCKS = 16384
NR_WRITERS = 4


class Writer(threading.Thread):
    """Each has blocks of its own, and writes each of them once to A, and then to B."""

    def __init__(self, targets, first, end, stop):
        super().__init__()
        self.handles = [target.connect() for target in targets]
        self.blocks, self.stop, self.next = range(first, end), stop, 0

    def run(self):
        content = b"x" * BLOCK
        while not self.stop.is_set() and self.next < len(self.blocks):
            for handle in self.handles:
                handle.pwrite(content, self.blocks[self.next] * BLOCK)
            self.next += 1
            time.sleep(0.001)
        for handle in self.handles:
            handle.shutdown()

    def written(self):
        return set(self.blocks[:self.next])


def at_one_moment():
    lines = [line.rsplit(" ", 1) for line in
             run("era_ctl", "--timeout", "20", "ctlA", "ctlB", "checkpoint").splitlines()]
    if [line[0] for line in lines] != ["ctlA", "ctlB"]:
        fail(f"era_ctl printed {lines}")
    return [int(line[1]) for line in lines]


def one_after_the_other():
    return [int(run("era_ctl", "ctl" + name, "checkpoint")) for name in "AB"]


def count_torn(begin_eras, rounds):
    targets = [Target(BLOCK, ["era-format=yes", "era-first=1"], name=name) for name in "AB"]
    for name, target in zip("AB", targets):
        for path, size in (("disk", NR_BLOCKS * BLOCK), ("meta", 16 << 20)):
            resize(path + name, 0)
            resize(path + name, size)
        target.start()
    stop = threading.Event()
    share = NR_BLOCKS // NR_WRITERS
    writers = [Writer(targets, n * share, (n + 1) * share, stop) for n in range(NR_WRITERS)]
    for writer in writers:
        writer.start()
    eras = []
    for _ in range(rounds):
        time.sleep(0.05)
        eras.append(begin_eras())
    stop.set()
    for writer in writers:
        writer.join()
    written = set().union(*(writer.written() for writer in writers))
    for target in targets:
        target.stop()
    torn = 0
    for a, b in eras:
        new = [written_since(a, "metaA") & written, written_since(b, "metaB") & written]
        torn += len(new[0] - new[1])
    if len(written) < rounds:
        fail("there were hardly any writes")
    print(f"{begin_eras.__name__}: {len(written)} writes, {rounds} times, {torn} torn")
    return torn


rounds = int(sys.argv[1])
if count_torn(at_one_moment, rounds):
    fail("a write to B is older than one to A that was done before it")
if not count_torn(one_after_the_other, rounds):
    fail("nor does it happen without a pause: that proves nothing")
