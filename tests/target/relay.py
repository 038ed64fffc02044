# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Takes metadata over from the kernel, works on them, and hands them back.

    relay.py SECTORS BLOCK stop|kill SEED

`metadata` are resumed with an origin of SECTORS, in blocks of BLOCK sectors.  `truth` says what is
true of them, and what is true when the target has been stopped or killed; without it they are
new."""
from target import *


def read_truth(path):
    if not os.path.exists(path):
        return 0, []
    with open(path) as lines:
        words = next(lines).split()
        eras = [0] * int(words[words.index("nr_blocks") + 1])
        for line in lines:
            first, last, era = map(int, line.split())
            eras[first:last + 1] = [era] * (last + 1 - first)
    return int(words[words.index("era") + 1]), eras


def write_truth(path, sectors, block, era, eras):
    with open(path, "w") as out:
        print(f"# sectors {sectors} block {block} nr_blocks {len(eras)} era {era}", file=out)
        first = 0
        for n in range(1, len(eras) + 1):
            if n == len(eras) or eras[n] != eras[first]:
                print(first, n - 1, eras[first], file=out)
                first = n


def work(target, handle, dice, size, block, era, eras):
    for n in range(120):
        if n % 15 == 14:
            era = int(target.message(dice.choice(("checkpoint", "take_metadata_snap"))))
        if target.message("status").split()[3] != "-":
            target.message("drop_metadata_snap")
        length = min(size, dice.choice((512, 4096, 65536, 1 << 20)))
        offset = dice.randrange(0, size - length + 1, 512)
        dice.choice((handle.trim, handle.zero, lambda n, at: handle.pwrite(b"x" * n, at)))(length,
                                                                                         offset)
        for number in touched(offset, length, block):
            eras[number] = era
    return era


def main(sectors, block, end, seed):
    dice = random.Random(seed)
    if not os.path.lexists("meta"):
        os.symlink("metadata", "meta")
    era, eras = read_truth("truth")
    resize("disk", sectors * 512)
    target = Target(block * 512, ["era-format=yes", "era-first=1"])
    target.start()
    if target.era() != era + 1:
        fail(f"resumed in era {target.era()} after {era}")
    era += 1
    nr = -(-sectors // block)
    # The kernel does not say that the last block is a whole one.
    if eras and len(eras) <= nr:
        eras[-1] = era
    eras = eras[:nr] + [era] * (nr - len(eras))
    handle = target.connect()
    era = work(target, handle, dice, sectors * 512, block * 512, era, eras)
    if end == "stop":
        handle.shutdown()
        target.stop()
    else:
        target.kill()
    write_truth("truth", sectors, block, era, eras)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
