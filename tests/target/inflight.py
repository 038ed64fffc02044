# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Writes that are in flight when an era begins.  Below the filter every write takes its time.  At
the reply to a message the disk is copied: every write that is acknowledged in the end is in that
copy, or is listed since the era of the reply.

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
    target = Target(BLOCK, ["era-format=yes", "era-first=1", f"wdelay={DELAY_MS}ms"],
                    below=["delay"])
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


SLOW_MS = 3000


class SlowWrite:
    """A target below which a write takes SLOW_MS, and one that is in flight."""

    def __init__(self):
        self.target = Target(BLOCK, ["era-format=yes", "era-first=1", f"wdelay={SLOW_MS}ms"],
                             below=["delay"])
        self.target.start()
        self.handle = self.target.connect()
        self.era, self.completed = self.target.era(), []
        self.start = time.monotonic()
        self.handle.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(BLOCK)), 0,
                               lambda error: self.completed.append(error) or 1)
        self.handle.poll(300)

    def send(self, request):
        connection = self.target.control()
        connection.sendall(request.encode() + b"\n")
        return connection

    def is_early(self):
        self.handle.poll(0)
        return not self.completed and time.monotonic() - self.start < SLOW_MS / 1000 * 0.8

    def await_write(self):
        while not self.completed:
            self.handle.poll(100)

    def end(self):
        self.handle.shutdown()
        self.target.stop()


def reply(connection):
    return connection.makefile().readline().rstrip("\n")


def checkpoint_holds_up_nobody():
    """While a checkpoint waits for a slow write, others are answered, and checkpoints that come
    after its era began share the next one."""
    slow = SlowWrite()
    waiting = [slow.send("checkpoint")]
    until(lambda: slow.target.era() > slow.era, "the new era in the status")
    waiting += [slow.send("checkpoint") for _ in range(3)]
    slow.target.message("status")
    slow.target.message("table")
    if not slow.is_early():
        fail("a question was held up by a checkpoint")
    slow.await_write()
    replies = [int(reply(c)) for c in waiting]
    if replies != [slow.era + 1] + [slow.era + 2] * 3:
        fail(f"checkpoints answered {replies}")
    if slow.target.era() != slow.era + 2:
        fail("checkpoints that wait don't share a rollover")
    slow.end()


def abandoned(count):
    """Clients that send a checkpoint while a write is slow, and go: nobody is held up, and none but
    the one that had begun is carried out."""
    slow = SlowWrite()
    first = slow.send("checkpoint")
    until(lambda: slow.target.era() > slow.era, "the new era in the status")
    clients = [slow.send("checkpoint" if n % 2 else "take_metadata_snap") for n in range(count)]
    first.close()
    for connection in clients:
        connection.close()
    slow.target.message("status")
    slow.target.message("table")
    if not slow.is_early():
        fail("a question was held up by clients that are gone")
    slow.await_write()
    time.sleep(0.3)
    if slow.target.era() != slow.era + 1 or not slow.target.message("status").endswith(" -"):
        fail("a message was carried out that nobody waited for")
    slow.end()


def half_closed():
    """A client that only sends no more gets its reply; one that shut down both ways is gone."""
    slow = SlowWrite()
    first = slow.send("checkpoint")
    until(lambda: slow.target.era() > slow.era, "the new era in the status")
    gone = slow.send("take_metadata_snap")
    gone.shutdown(socket.SHUT_RDWR)
    half = slow.target.control()
    half.sendall(b"checkpoint\nstatus\ntable")
    half.shutdown(socket.SHUT_WR)
    if not slow.is_early():
        fail("that took too long")
    slow.await_write()
    lines = half.makefile().read().splitlines()
    if lines[0] != str(slow.era + 2) or lines[1].split()[2:] != [lines[0], "-"] or len(lines) != 2:
        fail(f"a client that is half closed got {lines}")
    if int(reply(first)) != slow.era + 1:
        fail("the first checkpoint has another era")
    slow.end()


def drop_passes_by():
    """A metadata snapshot is dropped while checkpoints wait."""
    slow = SlowWrite()
    held = slow.send("take_metadata_snap")
    until(lambda: slow.target.era() > slow.era, "the new era in the status")
    waiting = slow.send("checkpoint")
    if slow.target.message("drop_metadata_snap") != "ok" or not slow.is_early():
        fail("drop_metadata_snap was held up")
    slow.await_write()
    if [int(reply(held)), int(reply(waiting))] != [slow.era + 1, slow.era + 2]:
        fail("the messages that waited")
    slow.end()


def stops_with_messages(count):
    """Messages that wait don't hold up the end, and are answered."""
    slow = SlowWrite()
    first = slow.send("checkpoint")
    until(lambda: slow.target.era() > slow.era, "the new era in the status")
    clients = [slow.send("take_metadata_snap") for _ in range(count)]
    slow.await_write()
    slow.handle.shutdown()
    start = time.monotonic()
    slow.target.stop()
    if time.monotonic() - start > 3:
        fail("messages hold up the end")
    for connection in [first, *clients]:
        connection.settimeout(5)
        text = reply(connection)
        if not text.isdigit() and not text.startswith("Error: "):
            fail(f"at the end a message got {text!r}")


main(int(sys.argv[1]), int(sys.argv[2]))
checkpoint_holds_up_nobody()
abandoned(100)
half_closed()
drop_passes_by()
stops_with_messages(30)
