# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes that are in flight when an era begins.  Below the filter every write takes its time.  At the
reply to a message the disk is copied: every write that is acknowledged in the end is in that copy, or
is listed since the era of the reply.

    inflight.py ROUNDS SEED"""
import threading

from target import *

BLOCK = 65536
NR_BLOCKS = 256
DELAY_MS = 150


def in_the_past(data, content, number):
    return data[number * BLOCK:number * BLOCK + len(content)] == content


class Messages(threading.Thread):
    """Sends them one after the other, and copies the disk at each reply."""

    def __init__(self, target, rounds, dice):
        super().__init__()
        self.target, self.rounds, self.dice = target, rounds, dice
        self.copies = []  # (era, bytes of the disk at the reply)
        self.waited = 0

    def begin_era(self, number):
        start = time.monotonic()
        era = int(self.target.message("take_metadata_snap" if number % 3 == 2 else "checkpoint"))
        with open("disk", "rb") as disk:
            self.copies.append((era, disk.read()))
        self.waited = max(self.waited, time.monotonic() - start)
        if number % 3 == 2:
            self.target.message("drop_metadata_snap")

    def run(self):
        for number in range(self.rounds):
            time.sleep(self.dice.uniform(0.05, 0.25))
            self.begin_era(number)


def write_until(thread, handle, dice):
    """A new content for a random block at a time, some in flight always; never one block twice."""
    done, busy = [], set()

    def submit(number):
        content = bytes([dice.randrange(1, 256)]) * 4096
        busy.add(number)

        def completed(error):
            busy.discard(number)
            if not error:
                done.append((number, content))
            return 1

        handle.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(content)), number * BLOCK, completed)

    free = list(range(NR_BLOCKS))
    dice.shuffle(free)
    while thread.is_alive() or busy:
        if thread.is_alive() and len(busy) < 8 and free:
            submit(free.pop())
        handle.poll(10)
    return done


def main(rounds, seed):
    dice = random.Random(seed)
    resize("disk", NR_BLOCKS * BLOCK)
    resize("meta", 1 << 20)
    target = Target(BLOCK, ["era-format=yes", f"wdelay={DELAY_MS}ms"], below=["delay"])
    target.start()
    handle = target.connect()
    messages = Messages(target, rounds, random.Random(seed + 1))
    messages.start()
    done = write_until(messages, handle, dice)
    messages.join()
    handle.shutdown()
    target.stop()
    later = 0
    for era, data in messages.copies:
        listed = written_since(era)
        lost = [n for n, content in done if n not in listed and not in_the_past(data, content, n)]
        later += sum(not in_the_past(data, content, n) for n, content in done)
        if lost:
            fail(f"era {era}: neither in the copy nor in the list: {lost}")
    print(f"{len(done)} writes over {len(messages.copies)} eras, a message waited "
          f"{messages.waited * 1000:.0f} ms at most")
    if len(done) < 8 or not later or messages.waited * 1000 < DELAY_MS / 3:
        fail("no write was in flight across a message")


def checkpoint_holds_up_nobody():
    """While a checkpoint waits for a slow write, others are answered."""
    target = Target(BLOCK, ["era-format=yes", "wdelay=3"], below=["delay"])
    target.start()
    handle = target.connect()
    era, completed = target.era(), []
    start = time.monotonic()
    handle.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(BLOCK)), 0,
                      lambda error: completed.append(error) or 1)
    handle.poll(300)
    waiting = [target.control() for _ in range(3)]
    for connection in waiting:
        connection.sendall(b"checkpoint\n")
    until(lambda: target.era() > era, "the new era in the status")
    target.message("status")
    if time.monotonic() - start > 2 or completed:
        fail("a status was held up by a checkpoint")
    while not completed:
        handle.poll(100)
    replies = sorted(int(c.makefile().readline()) for c in waiting)
    if replies != [era + 1, era + 2, era + 3]:
        fail(f"checkpoints answered {replies}")
    handle.shutdown()
    target.stop()


main(int(sys.argv[1]), int(sys.argv[2]))
checkpoint_holds_up_nobody()
