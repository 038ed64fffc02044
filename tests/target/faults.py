# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""A layer below that fails half of all writes, trims and zeroings: what was acknowledged is listed,
a checkpoint still sees every request out, and era after era it goes on."""
from target import *

BLOCK = 4096
NR_BLOCKS = 4096


def main():
    dice = random.Random(1)
    resize("disk", BLOCK * NR_BLOCKS)
    resize("meta", 1 << 20)
    target = Target(BLOCK, ["era-format=yes", "era-first=1", "error=EIO", "error-rate=50%"],
                    below=["error"])
    target.start()
    handle = target.connect()
    acknowledged, failed = {}, 0
    for _ in range(5):
        era = int(target.message("checkpoint"))
        for _ in range(60):
            length = dice.randint(1, 20000)
            offset = dice.randrange(BLOCK * NR_BLOCKS - length)
            change = dice.choice((handle.trim, handle.zero,
                                  lambda n, at: handle.pwrite(b"x" * n, at)))
            try:
                change(length, offset)
                acknowledged.update(dict.fromkeys(touched(offset, length, BLOCK), era))
            except nbd.Error as error:
                if error.errno != "EIO":
                    fail(f"an error became {error.errno}")
                failed += 1
    handle.shutdown()
    target.stop()
    for era in set(acknowledged.values()):
        lost = {b for b, e in acknowledged.items() if e >= era} - written_since(era)
        if lost:
            fail(f"acknowledged and not listed: {sorted(lost)}")
    if failed < 50 or len(acknowledged) < 50:
        fail(f"{failed} failed, {len(acknowledged)} did not")


main()
