# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Random histories: writes, zeroings and trims of any size and alignment, messages, clean stops,
kills and resizes; after each stop the metadata are sound, and tell the era of every block exactly.
The last witness that was asked for is never a reason to refuse them.

    history.py SEED..."""
from target import *

BLOCKS = (4096, 8192, 28672, 65536, 2 << 20)
FLAGS = (0, 0, nbd.CMD_FLAG_FUA)


class History:
    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.block = self.dice.choice(BLOCKS)
        self.size = self.draw_size()
        self.eras = []
        self.is_odd = False
        self.snapshot = None
        self.remembered = None  # the era of the witness
        above = self.dice.choice(((), (), ("nozero",), ("fua",)))
        below = self.dice.choice(((), (), ("nozero",), ("blocksize",)))
        extra = {"nozero": ("zeromode=emulate",), "fua": ("fuamode=emulate",),
                 "blocksize": ("maxdata=64k", "maxlen=1M")}
        parameters = [p for name in {*above, *below} for p in extra.get(name, ())]
        self.target = Target(self.block, ["era-format=yes", "era-first=1", "era-witness=witness",
                                          *parameters], above, below)
        for name in ("disk", "meta", "log", "witness"):
            if os.path.exists(name):
                os.unlink(name)
        resize("meta", 2 << 20)

    def draw_size(self):
        sectors = self.block // 512
        return 512 * self.dice.randint(1, sectors * self.dice.choice((3, 70, 3000)))

    def draw_range(self):
        longest = min(self.size, self.dice.choice((1, 4096, self.block, 5 * self.block, 1 << 20,
                                                   self.size)))
        length = self.dice.randint(1, longest)
        offset = self.dice.randint(0, self.size - length)
        if self.dice.random() < 0.3:
            offset -= offset % self.block
        return offset, min(length, 8 << 20)

    def change(self):
        offset, length = self.draw_range()
        flags = self.dice.choice(FLAGS)
        kind = self.dice.randrange(4)
        if kind == 0:
            self.nbd.trim(length, offset, flags)
        elif kind == 1:
            self.nbd.zero(length, offset, flags | self.dice.choice((0, nbd.CMD_FLAG_NO_HOLE)))
        else:
            length = min(length, 1 << 20)
            self.nbd.pwrite(b"e" * length, offset, flags)
        for number in touched(offset, length, self.block):
            self.eras[number] = self.era

    def checkpoint(self):
        self.begin(int(self.target.message("checkpoint")))

    def snap(self):
        if self.snapshot:
            self.target.message("drop_metadata_snap")
            self.snapshot = None
            return
        before = (self.era, list(self.eras))
        self.begin(int(self.target.message("take_metadata_snap")))
        self.snapshot = (self.era, before[1])

    def witness(self):
        with open("witness", "wb") as file:
            file.write(bytes.fromhex(self.target.message("witness")))
        self.remembered = self.era

    def ask_since(self):
        """As a backup would, that was made when the witness was."""
        if self.remembered is None:
            return
        since = self.dice.randint(0, self.remembered + 1)
        want = {n for n, e in enumerate(self.eras) if e >= since}
        got = listed(self.target.connect(f"since={since}"), self.size, self.block)
        if got != want:
            fail(f"since={since}: missing {sorted(want - got)[:9]}, "
                 f"too many {sorted(got - want)[:9]}")

    def begin(self, era):
        if era != self.era + 1:
            fail(f"era {era} follows {self.era}")
        self.era = era

    def read(self):
        offset, length = self.draw_range()
        self.nbd.pread(min(length, 1 << 20), offset)
        self.nbd.flush()

    def work(self):
        ops = [self.change] * 12 + [self.checkpoint, self.checkpoint, self.snap, self.read,
                                   self.witness]
        for _ in range(self.dice.randint(0, 60)):
            self.dice.choice(ops)()

    def life(self, era):
        """From one start to the next stop; returns the era it ended in."""
        if self.dice.random() < 0.3:
            self.size = self.draw_size()
        resize("disk", self.size)
        self.target.start()
        self.era = self.target.era()
        if era and self.era != era + 1:
            fail(f"resumed in era {self.era} after {era}")
        nr = -(-self.size // self.block)
        if self.is_odd and len(self.eras) <= nr:
            self.eras[-1] = self.era
        self.is_odd = self.size % self.block != 0
        self.eras = self.eras[:nr] + [self.era] * (nr - len(self.eras))
        self.ask_since()
        self.nbd = self.target.connect()
        self.work()
        if self.snapshot:
            self.check_snapshot()
        if self.dice.random() < 0.5:
            self.nbd.shutdown()
            self.target.stop()
        else:
            self.target.kill()
        self.check()
        return self.era

    def check_snapshot(self):
        era, eras = self.snapshot
        since = self.dice.randint(0, era)
        want = {n for n, e in enumerate(eras) if e >= since}
        if written_since(since, "meta", "-m", "--snapshot-era", str(era)) != want:
            fail(f"the snapshot of era {era} is wrong about era {since}")

    def check(self):
        run("era_check", "-q", "meta")
        for since in range(max(0, self.era - 12), self.era + 2):
            want = {n for n, e in enumerate(self.eras) if e >= since}
            got = written_since(since)
            if got != want:
                fail(f"since {since}: missing {sorted(want - got)[:9]}, "
                     f"too many {sorted(got - want)[:9]}")

    def play(self):
        era = 0
        for _ in range(self.dice.randint(2, 6)):
            era = self.life(era)


for seed in sys.argv[1:]:
    print(f"seed {seed}", flush=True)
    History(int(seed)).play()
