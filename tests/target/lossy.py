# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""A layer below that loses what was not flushed when it is killed.

    lossy.py crash ROUNDS SEED [LAYER-PARAMETER...]
    lossy.py fail ROUNDS SEED [LAYER-PARAMETER...]
    lossy.py leave ROUNDS SEED [LAYER-PARAMETER...]

A "storage snapshot" is a copy of the file `disk`, which is what is durable; a "backup" is what a
client reads.  Each is made after an era was given out.  In the end the disk is as it is: every byte
that differs from a snapshot or a backup must be in a block that is listed since its era.

crash: kills the server at any point around writes, checkpoints, their replies and ends of
connections.
fail: flushes fail at some time, and messages from then on; the target is started again over a layer
that lives on, and that is killed after it.
leave: the target is killed, and the layer only after the next target has begun an era."""
import threading

from target import *

BLOCK = 65536
NR_BLOCKS = 64
LOSSY = os.environ["LOSSY_PLUGIN"]


def durable():
    with open("disk", "rb") as disk:
        return disk.read()


class Copies:
    """What was copied, and after which era was given out."""

    def __init__(self):
        self.copies = []

    def snapshot(self, era):
        self.copies.append((era, durable(), "snapshot"))

    def backup(self, era, handle):
        self.copies.append((era, bytes(handle.pread(NR_BLOCKS * BLOCK, 0)), "backup"))

    def check(self, final, listed=written_since):
        lists = {}
        for era, data, what in self.copies:
            if era not in lists:
                lists[era] = listed(era)
            for number in range(NR_BLOCKS):
                here = slice(number * BLOCK, (number + 1) * BLOCK)
                if data[here] != final[here] and number not in lists[era]:
                    fail(f"block {number} differs from the {what} of era {era}, and is not listed")


def write_some(handle, dice, nr):
    for _ in range(nr):
        offset = dice.randrange(NR_BLOCKS * BLOCK // 4096) * 4096
        handle.pwrite(bytes([dice.randrange(1, 256)]) * 4096, offset)


class Writer(threading.Thread):
    """Writes until the server is gone or it is told to stop; at times opens a new connection."""

    def __init__(self, target, seed):
        super().__init__()
        self.target, self.dice, self.done = target, random.Random(seed), False

    def run(self):
        try:
            while not self.done:
                handle = self.target.connect()
                for _ in range(self.dice.randrange(1, 30)):
                    write_some(handle, self.dice, 1)
                    if self.dice.random() < 0.05:
                        handle.flush()
                    if self.done:
                        break
                handle.shutdown()
        except nbd.Error:
            pass


def some_messages(target, copies, dice):
    for _ in range(dice.randrange(1, 5)):
        time.sleep(dice.uniform(0, 0.03))
        era = int(target.message("checkpoint"))
        copies.snapshot(era)
        if dice.random() < 0.5:
            handle = target.connect()
            copies.backup(era, handle)
            handle.shutdown()


def new_target(layer):
    return Target(BLOCK, ["era-format=yes", "era-first=1", *layer], plugin=(LOSSY, "durable=disk"))


def kill_soon(target, dice):
    killer = threading.Timer(dice.uniform(0, 0.15), target.process.kill)
    killer.start()
    return killer


def crash_round(target, copies, dice, nr_writers, is_first):
    target.start()
    handle = target.connect()
    copies.snapshot(target.era())
    handle.shutdown()
    writers = [Writer(target, dice.random()) for _ in range(nr_writers)]
    for writer in writers:
        writer.start()
    if is_first:  # however slow the machine is, there is something to compare
        some_messages(target, copies, dice)
    killer = kill_soon(target, dice)
    try:
        while True:
            some_messages(target, copies, dice)
    except (OSError, ConnectionError, nbd.Error, SystemExit, ValueError):
        pass
    killer.join()
    for writer in writers:
        writer.join()
    if target.process.wait() != -signal.SIGKILL:
        fail(f"nbdkit ended with {target.process.returncode}: " + open("log").read()[-3000:])


def crash(rounds, seed, layer):
    dice = random.Random(seed)
    copies = Copies()
    target = new_target(layer)
    nr_writers = 1 if "model=connections" in layer else 2
    for number in range(rounds):
        crash_round(target, copies, dice, nr_writers, number == 0)
    target.start()
    target.stop()
    if len(copies.copies) <= rounds:
        fail("no checkpoint was ever answered")
    copies.check(durable())
    print(len(copies.copies), "copies were right")


class Layer:
    """A server of its own for the layer below, of which the target's is a client."""

    def __init__(self, parameters):
        self.command = ["nbdkit", "-f", "-U", "layer", "-P", "layer.pid", LOSSY, "durable=disk",
                        "fail=fails", *parameters]

    def start(self):
        for name in ("layer", "layer.pid"):
            if os.path.exists(name):
                os.unlink(name)
        with open("layer.log", "a") as log:
            self.process = subprocess.Popen(self.command, stderr=log, env=server_environment())
        until(lambda: os.path.exists("layer.pid") and os.path.getsize("layer.pid"), "the layer")

    def kill(self):
        self.process.kill()
        self.process.wait()


def refused(target):
    reply = target.ask("checkpoint")
    if "flush of the origin has failed" not in reply:
        fail(f"a checkpoint after a failed flush: {reply}")


# How a flush is asked for that fails, as nbd.Error or as a refusal.
def by_message(target, handle):
    refused(target)


def by_client(target, handle):
    try:
        handle.flush()
    except nbd.Error:
        return
    fail("a flush succeeded")


def by_fua(target, handle):
    try:
        handle.pwrite(b"f" * 4096, 0, nbd.CMD_FLAG_FUA)
    except nbd.Error:
        return
    fail("a write with FUA succeeded")


def by_closing(target, handle):
    handle.pwrite(b"c" * 4096, 0)
    handle.shutdown()
    until(lambda: "could not be flushed" in open("log").read(), "the end of a connection")


def fail_round(target, layer, copies, dice, ask):
    handle, other = target.connect(), target.connect()
    write_some(handle, dice, 10)
    write_some(other, dice, 5)
    era = int(target.message("checkpoint"))
    copies.snapshot(era)
    write_some(other, dice, 10)
    write_some(handle, dice, 5)
    open("fails", "w").close()
    ask(target, handle)
    os.unlink("fails")
    if dice.random() < 0.5:
        refused(target)
        refused(target)
    write_some(other, dice, 3)
    copies.backup(era, other)
    target.era()


def fail_flushes(rounds, seed, parameters):
    dice = random.Random(seed)
    copies = Copies()
    target = Target(BLOCK, ["era-format=yes", "era-first=1"], plugin=("nbd", "socket=layer"))
    layer = Layer(parameters)
    for number in range(rounds):
        ask = [by_message, by_client, by_fua, by_closing][number % 4]
        layer.start()
        target.start()
        fail_round(target, layer, copies, dice, ask)
        if dice.random() < 0.5:
            target.kill()
        else:
            target.stop()
        if os.path.exists("log"):
            os.rename("log", f"log.{number}")
        # What the layer shows now was never made durable.
        target.start()
        handle = target.connect()
        if "counts as written again" not in open("log").read():
            fail("nothing was said at the restart")
        copies.backup(target.era(), handle)
        era = int(target.message("checkpoint"))
        copies.snapshot(era)
        target.kill()
        layer.kill()
    layer.start()
    target.start()
    target.stop()
    layer.kill()
    copies.check(durable())
    print(len(copies.copies), "copies were right")


def leave(rounds, seed, parameters):
    dice = random.Random(seed)
    copies = Copies()
    target = Target(BLOCK, ["era-format=yes", "era-first=1"], plugin=("nbd", "socket=layer"))
    layer = Layer(parameters)
    for _ in range(rounds):
        layer.start()
        target.start()
        write_some(target.connect(), dice, 10)
        target.kill()
        target.start()
        handle = target.connect()
        copies.backup(target.era(), handle)
        copies.snapshot(target.era())
        target.kill()
        layer.kill()
    copies.check(durable())


if __name__ == "__main__":
    resize("disk", NR_BLOCKS * BLOCK)
    resize("meta", 1 << 20)
    play = {"crash": crash, "fail": fail_flushes, "leave": leave}[sys.argv[1]]
    play(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
