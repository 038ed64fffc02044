# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Witnesses that are made while writers, checkpoints and snapshots go on; the server is
killed in between.

    witness.py SECONDS

Each is held against the metadata of every later stop, which must have forgotten nothing of it."""
import threading

from target import *

BLOCK = 4096
SIZE = 1 << 27


class Life:
    def __init__(self, target, number, seconds):
        self.target = target
        self.end = time.monotonic() + seconds
        self.seed = number

    def write(self, number):
        rng, handle = random.Random((self.seed, number).__repr__()), self.target.connect()
        while time.monotonic() < self.end:
            offset = rng.randrange(SIZE // BLOCK) * BLOCK
            handle.zero(min(SIZE - offset, BLOCK * rng.choice((1, 1, 1, 300))), offset)

    def checkpoint(self):
        held = self.target.message("status").split()[-1] != "-"
        for n in range(1 << 30):
            if time.monotonic() > self.end:
                return
            self.target.ask("checkpoint")
            if n % 8 == 7:
                self.target.message("drop_metadata_snap" if held else "take_metadata_snap")
                held = not held

    def remember(self, witnesses):
        while time.monotonic() < self.end:
            era = self.target.era()
            witnesses.append((era, bytes.fromhex(self.target.message("witness"))))

    def run(self, witnesses):
        work = [(self.write, (n,)) for n in range(3)]
        work += [(self.checkpoint, ()), (self.remember, (witnesses,))]
        threads = [threading.Thread(target=what, args=args, daemon=True) for what, args in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def must_pass(witnesses):
    for era, data in witnesses:
        with open("w", "wb") as file:
            file.write(data)
        run("era_invalidate", "--written-since", str(era), "--witness", "w", "--format", "bitmap",
            "-o", "list", "meta")


def main(seconds):
    target = Target(BLOCK, ["era-format=yes", "era-first=1"], plugin=("memory", str(SIZE)))
    resize("meta", 8 << 20)
    all_witnesses = []
    for number in range(3):
        witnesses = []
        target.start()
        Life(target, number, seconds / 3).run(witnesses)
        if number == 1:
            target.stop()
        else:
            target.kill()
        if not witnesses:
            fail("no witness was made")
        all_witnesses += random.Random(number).sample(witnesses, min(len(witnesses), 12))
        must_pass(all_witnesses)
    print(f"{len(all_witnesses)} witnesses")


main(float(sys.argv[1]))
