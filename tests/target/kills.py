# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Kills a loaded nbdkit at random moments; after each, every write that was acknowledged is listed,
in the era that was current when it was sent or a later one, and no block that was never sent is.

    kills.py COUNT SEED"""
import threading

from target import *

BLOCK = 4096
SIZE = 256 << 20
IN_FLIGHT = 32
NR_HANDLES = 2


class Load:
    """Writes, zeroings and trims until the server is gone."""

    def __init__(self, target, dice):
        self.target, self.dice = target, dice
        self.acknowledged = {}  # block: the era that was current when its last write was sent
        self.sent = set()
        self.in_flight = 0
        self.era = target.era()
        self.handles = [target.connect() for _ in range(NR_HANDLES)]
        self.control = target.control()
        self.control.setblocking(False)
        self.asked = False

    def submit(self, handle):
        length = self.dice.choice((512, 4096, 6000, 40000))
        offset = self.dice.randrange(SIZE - length)
        blocks, era = touched(offset, length, BLOCK), self.era
        self.sent.update(blocks)

        def completed(error):
            self.in_flight -= 1
            if not error:
                for block in blocks:
                    self.acknowledged[block] = max(era, self.acknowledged.get(block, 0))
            return 1

        kind = self.dice.randrange(6)
        if kind == 0:
            handle.aio_trim(length, offset, completed)
        elif kind == 1:
            handle.aio_zero(length, offset, completed)
        else:
            handle.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(length)), offset, completed)
        self.in_flight += 1

    def checkpoint(self):
        try:
            if not self.asked and self.dice.random() < 0.02:
                self.control.send(b"checkpoint\n")
                self.asked = True
            elif self.asked:
                self.era = int(self.control.recv(64))
                self.asked = False
        except BlockingIOError:
            pass

    def run(self):
        try:
            while True:
                for handle in self.handles:
                    while self.in_flight < IN_FLIGHT:
                        self.submit(handle)
                    handle.poll(1)
                    self.checkpoint()
        except (nbd.Error, OSError, ValueError):
            pass


def one_kill(target, dice, all_sent):
    target.start()
    load = Load(target, dice)
    timer = threading.Timer(dice.uniform(0.001, 0.3), target.process.kill)
    timer.start()
    load.run()
    timer.join()
    target.kill()
    all_sent |= load.sent
    eras = sorted(set(load.acknowledged.values()))
    for era in eras:
        must = {b for b, e in load.acknowledged.items() if e >= era}
        lost = must - written_since(era)
        if lost:
            fail(f"acknowledged since era {era} and not listed: {sorted(lost)[:20]}")
    if written_since(2) - all_sent:
        fail("blocks are listed that were never written")
    return len(load.acknowledged), len(eras)


def main(count, seed):
    dice = random.Random(seed)
    resize("disk", SIZE)
    resize("meta", 8 << 20)
    target = Target(BLOCK, ["era-format=yes", "era-first=1"])
    target.start()
    target.stop()
    blocks = eras = 0
    all_sent = set()
    for _ in range(count):
        n, m = one_kill(target, dice, all_sent)
        blocks, eras = blocks + n, eras + m
    run("era_check", "-q", "meta")
    print(f"{count} kills, {blocks} acknowledged blocks in {eras} eras, all listed")
    if blocks < 10 * count:
        fail("there was hardly a load")


main(int(sys.argv[1]), int(sys.argv[2]))
