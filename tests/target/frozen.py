# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""A frozen export while writers go on:

    frozen.py exact SEED ROUNDS    writers are held around freeze: each read equals the disk's copy
    frozen.py ordered SEED ROUNDS  they are not: what is frozen is one moment of writes in order
    frozen.py since SEED GENERATIONS  incremental backups by frozen,since=N equal the full ones
    frozen.py full                 no space for old contents: reads fail, and writes go on
    frozen.py killed               nothing is frozen after a kill, and nothing is left
"""
import atexit
import resource
import threading

from target import *

BLOCK = 16384
SIZE = (8 << 20) + 5 * 512


class Server(Target):
    """nbdkit waits for its clients; so they go before it is stopped."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.handles = []

    def start(self):
        super().start()
        atexit.register(self.process.kill)

    def connect(self, export=""):
        handle = super().connect(export)
        self.handles.append(handle)
        return handle

    def stop(self):
        for handle in self.handles:
            if handle.aio_is_ready():
                handle.shutdown()
        super().stop()


class Writers:
    """Random writes, zeroings and trims on connections of their own, until stop()."""

    def __init__(self, target, seed, number=3):
        self.stopped = False
        self.gate = threading.Lock()   # held: no writer begins a request
        self.done = 0
        self.locks = [threading.Lock() for _ in range(number)]
        self.threads = [threading.Thread(target=self.run, args=(target, seed * 10 + n, n),
                                         daemon=True)
                        for n in range(number)]
        for thread in self.threads:
            thread.start()

    def change(self, handle, rng):
        length = rng.choice([512, 4096, BLOCK, rng.randrange(1, 60000), rng.randrange(1, 900000)])
        offset = min(rng.choice([rng.randrange(SIZE), rng.randrange(SIZE // BLOCK) * BLOCK]),
                     SIZE - 1)
        length = min(length, SIZE - offset)
        way = rng.randrange(6)
        if way == 0:
            handle.zero(length, offset)
        elif way == 1:
            handle.trim(length, offset)
        else:
            handle.pwrite(rng.randbytes(length), offset)

    def run(self, target, seed, n):
        rng, handle = random.Random(seed), target.connect()
        while not self.stopped:
            with self.gate:
                self.locks[n].acquire()
            self.change(handle, rng)
            self.locks[n].release()
            self.done += 1
            time.sleep(rng.random() * 0.004)
        handle.shutdown()

    def hold(self):
        self.gate.acquire()
        for lock in self.locks:
            lock.acquire()
            lock.release()

    def go_on(self):
        self.gate.release()

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join()


def start(seed, below=()):
    with open("disk", "wb") as disk:
        disk.write(random.Random(seed).randbytes(SIZE))
    resize("meta", 4 << 20)
    target = Server(BLOCK, ["era-format=yes", "era-first=1", "era-cow=cow", *below],
                    below=["delay"] if below else ())
    target.start()
    return target


def is_refused(call):
    try:
        call()
    except nbd.Error:
        return True
    return False


class Reader(threading.Thread):
    """Reads a frozen export here and there, and compares."""

    def __init__(self, target, seed, truth, seconds, export="frozen"):
        super().__init__(daemon=True)
        self.rng, self.truth, self.end = random.Random(seed), truth, time.monotonic() + seconds
        self.handle = target.connect(export)
        self.wrong = None

    def run(self):
        while time.monotonic() < self.end and not self.wrong:
            offset = self.rng.randrange(SIZE)
            length = min(self.rng.choice([512, BLOCK, 70000, 1 << 20]), SIZE - offset)
            if self.handle.pread(length, offset) != self.truth[offset:offset + length]:
                self.wrong = f"{length} bytes at {offset} are not what was frozen"
            time.sleep(self.rng.random() * 0.003)


def check_holes(handle, truth):
    """What is said to read as zeroes was zero at the moment."""
    def take(context, at, entries, error):
        for length, flags in zip(entries[::2], entries[1::2]):
            if flags & nbd.STATE_ZERO and any(truth[at:at + length]):
                fail(f"{length} bytes at {at} are said to be zero")
            at += length
        return 0

    handle.block_status(SIZE, 0, take)


def exact(seed, rounds):
    target = start(seed, ["delay-read=2ms"] if seed % 2 else [])
    writers = Writers(target, seed)
    for n in range(rounds):
        time.sleep(0.1)
        writers.hold()
        truth = open("disk", "rb").read()
        target.message("freeze")
        writers.go_on()
        readers = [Reader(target, seed + i, truth, 0.8) for i in range(3)]
        for reader in readers:
            reader.start()
        time.sleep(0.3)
        target.message("checkpoint")
        check_holes(target.connect("frozen"), truth)
        target.message("checkpoint")
        for reader in readers:
            reader.join()
            if reader.wrong:
                fail(reader.wrong)
        whole = target.connect("frozen")
        if whole.pread(SIZE, 0) != truth:
            fail("the whole of it is not what was frozen")
        target.message("thaw")
        if not is_refused(lambda: whole.pread(512, 0)):
            fail("a frozen connection goes on when it has been thawed")
        if not is_refused(lambda: target.connect("frozen")):
            fail("a thawed export is there")
        if n % 2:
            target.message("freeze")
            if not is_refused(lambda: whole.pread(512, 0)):
                fail("a frozen connection has gone over to another moment")
            target.message("thaw")
    writers.stop()
    target.stop()
    print(f"{writers.done} changes")


class Sequence(threading.Thread):
    """Writes n to one place, then to another, and so on."""

    def __init__(self, target, number):
        super().__init__(daemon=True)
        self.handle = target.connect()
        self.places = [(2 * number + i) * 5 * BLOCK + 512 * number for i in (0, 1)]
        self.issued = self.acknowledged = 0
        self.stopped = False

    def run(self):
        while not self.stopped:
            self.issued += 1
            for place in self.places:
                self.handle.pwrite(self.issued.to_bytes(8, "little") * 64, place)
            self.acknowledged = self.issued


def ordered(seed, rounds):
    target = start(seed, ["delay-write=10ms"])  # so that writes are in flight when it is frozen
    sequences = [Sequence(target, n) for n in range(4)]
    for sequence in sequences:
        for place in sequence.places:
            sequence.handle.pwrite(bytes(512), place)
        sequence.start()
    for _ in range(rounds):
        time.sleep(0.05)
        before = [sequence.acknowledged for sequence in sequences]
        target.message("freeze")
        after = [sequence.issued for sequence in sequences]
        handle = target.connect("frozen")
        first = handle.pread(SIZE, 0)
        time.sleep(0.05)
        if handle.pread(SIZE, 0) != first:
            fail("what is frozen has changed")
        for sequence, low, high in zip(sequences, before, after):
            a, b = (int.from_bytes(first[place:place + 8], "little") for place in sequence.places)
            if not low <= b <= a <= high or a > b + 1:
                fail(f"frozen are {a} and {b}, acknowledged were {low}, issued {high}")
        target.message("thaw")
    for sequence in sequences:
        sequence.stopped = True
        sequence.join()
    target.stop()


def copy_changes(handle, backup):
    """Onto the backup, what the block status calls data; returns how many bytes."""
    ranges, at = [], 0

    def take(context, offset, entries, error):
        nonlocal at
        for length, flags in zip(entries[::2], entries[1::2]):
            if not flags & nbd.STATE_HOLE:
                ranges.append((at, length))
            at += length
        return 0

    while at < SIZE:
        handle.block_status(SIZE - at, at, take)
    for offset, length in ranges:
        backup[offset:offset + length] = handle.pread(length, offset)
        time.sleep(0.002)
    return sum(length for _, length in ranges)


def since(seed, generations):
    target = start(seed)
    writers = Writers(target, seed, number=1)
    era = int(target.message("freeze"))
    backup = bytearray(target.connect("frozen").pread(SIZE, 0))
    for n in range(generations):
        target.message("thaw")
        time.sleep(0.05)
        target.message("checkpoint")
        time.sleep(0.05)
        begun = int(target.message("freeze"))
        time.sleep(0.05)
        target.message("checkpoint")
        copied = copy_changes(target.connect(f"frozen,since={era}"), backup)
        if backup != target.connect("frozen").pread(SIZE, 0):
            fail(f"generation {n} is not what was frozen")
        if not is_refused(lambda: target.connect(f"frozen,since={begun + 1}")):
            fail("an era after the moment is not refused")
        print(f"{copied} bytes of {SIZE}")
        era = begun
    writers.stop()
    target.stop()


def full():
    target = Server(BLOCK, ["era-format=yes", "era-first=1", "era-cow=cow"],
                    plugin=("memory", "64M"))
    resize("meta", 1 << 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, hard))
    target.start()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    guest = target.connect()
    guest.pwrite(b"old!" * BLOCK, 1 << 20)
    for _ in range(2):
        target.message("freeze")
        frozen = target.connect("frozen")
        old = guest.pread(4 * BLOCK, 1 << 20)
        guest.pwrite(random.randbytes(4 * BLOCK), 1 << 20)
        if frozen.pread(4 * BLOCK, 1 << 20) != old:
            fail("old contents are not there")
        guest.pwrite(b"new?" * BLOCK, 32 << 20)
        if not is_refused(lambda: frozen.pread(512, 1 << 20)):
            fail("a read does not fail when old contents were lost")
        if not is_refused(lambda: frozen.pread(512, 48 << 20)):
            fail("a read elsewhere does not fail when old contents were lost")
        guest.pwrite(b"more" * BLOCK, 40 << 20)
        if guest.pread(4 * BLOCK, 32 << 20) != b"new?" * BLOCK:
            fail("the guest's write is not there")
        target.message("thaw")
    if "the frozen exports fail from now on" not in open("log").read():
        fail("the log does not say why")
    target.stop()


def killed():
    target = start(1)
    if os.path.exists("cow"):
        fail("the file for old contents has a name")
    target.message("freeze")
    target.connect().pwrite(b"x" * 100000, 5000)
    target.kill()
    if os.path.exists("cow"):
        fail("the file for old contents is left")
    open("cow", "w").close()  # as a kill between its making and the removal of its name
    target.start()
    if "frozen" in run("nbdinfo", "--list", "nbd+unix:///?socket=nbd"):
        fail("something is frozen after a kill")
    if not is_refused(lambda: target.connect("frozen")):
        fail("something is frozen after a kill")
    target.message("freeze")
    if 'export="frozen"' not in run("nbdinfo", "--list", "nbd+unix:///?socket=nbd"):
        fail("the frozen export is not listed")
    handle = target.connect("frozen")
    if not handle.is_read_only():
        fail("a frozen export can be written")
    handle.shutdown()
    for request, words in (("freeze", "frozen already"), ("thaw", "ok"),
                           ("thaw", "nothing is frozen")):
        if words not in target.ask(request):
            fail(f"{request}: {target.ask(request)}")
    target.stop()


numbers = [int(word) for word in sys.argv[2:]]
{"exact": exact, "ordered": ordered, "since": since, "full": full,
 "killed": killed}[sys.argv[1]](*numbers)
