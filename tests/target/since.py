# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Many that open since=N at once:

    since.py law SECONDS    what was written before an opening is in its list, whoever shares it
    since.py cost           sixteen at once cost hardly more than one
    since.py stop           a stop ends openings that are under way, and so does a client that goes
"""
import subprocess
import threading

from target import *

BLOCK = 4096


class Law:
    """Writers note what was acknowledged; each opening must list what had been noted before."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.last = {}  # block: how many checkpoints had been answered when it was acknowledged
        self.since = [0, 1]  # the era that checkpoint n has begun
        self.size = 1 << 28
        self.openings = 0
        self.wrong = None

    def write(self, target, number):
        rng, handle = random.Random(number), target.connect()
        while time.monotonic() < self.end:
            block = rng.randrange(self.size // BLOCK)
            with self.lock:
                n = len(self.since) - 1
            handle.pwrite(b"x" * 512, block * BLOCK)
            with self.lock:
                self.last[block] = max(n, self.last.get(block, 0))
            time.sleep(rng.random() * 0.003)

    def open(self, target, number):
        rng = random.Random(100 + number)
        while time.monotonic() < self.end and not self.wrong:
            with self.lock:
                n = max(1, len(self.since) - rng.randrange(1, 3))
                wanted = {block for block, last in self.last.items() if last >= n}
                since = self.since[n]
            missing = wanted - listed(target.connect(f"since={since}"), self.size, BLOCK)
            with self.lock:
                self.openings += 1
            if missing:
                self.wrong = f"since={since}: {len(missing)} of {len(wanted)} are missing"
            time.sleep(rng.random() * 0.02)

    def checkpoint(self, target):
        while time.monotonic() < self.end:
            time.sleep(0.5)
            era = int(target.message("checkpoint"))
            with self.lock:
                self.since.append(era)

    def run(self):
        target = Target(BLOCK, ["era-format=yes", "era-first=1"], plugin=("memory", str(self.size)))
        resize("meta", 8 << 20)
        target.start()
        work = [(self.write, (target, n)) for n in range(4)]
        work += [(self.open, (target, n)) for n in range(6)]
        work.append((self.checkpoint, (target,)))
        threads = [threading.Thread(target=what, args=args, daemon=True) for what, args in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        target.stop()
        if self.wrong:
            fail(self.wrong)
        if self.openings < 20:
            fail(f"only {self.openings} openings")
        print(f"{self.openings} openings, {len(self.last)} blocks written")


def large_target(gib):
    """On metadata that hold what they must, and are not as large as a server would make them."""
    target = Target(BLOCK, plugin=("null", f"{gib}G"))
    resize("meta", gib * (5 << 18) + (16 << 20))
    subprocess.run(["drive"], input=f"open meta {BLOCK // 512} format\nclose\n", text=True,
                   stdout=subprocess.DEVNULL, check=True)
    target.start()
    target.connect().shutdown()
    return target


def processor_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_at_once(target, names):
    def connect(name):
        try:
            target.connect(name)
        except nbd.Error:
            pass

    threads = [threading.Thread(target=connect, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    return threads


def cost():
    target = large_target(64)

    def seconds(clients):
        before = processor_seconds(target.process.pid)
        for thread in open_at_once(target, ["since=1"] * clients):
            thread.join()
        return processor_seconds(target.process.pid) - before

    one, all_of_them = max(seconds(1) for _ in range(3)), seconds(16)
    target.stop()
    if all_of_them > 5 * one + 1:
        fail(f"one opening takes {one} s of processor time, 16 at once {all_of_them} s")


def ended():
    return open("log").read().count("aborting sleep")


def wait_for_work(target, before):
    """Until the server makes a list: nothing else takes it that much time of a processor."""
    until(lambda: processor_seconds(target.process.pid) >= before + 0.03, "a list being made")


def kill_while_it_opens(target):
    before = processor_seconds(target.process.pid)
    gone = subprocess.Popen([sys.executable, "-c", "import nbd; h = nbd.NBD();"
                             "h.set_export_name('since=1'); h.connect_unix('nbd')"])
    wait_for_work(target, before)
    gone.kill()
    gone.wait()


def ends(seconds):
    """Has an opening ended for want of a client, within that time?"""
    deadline = time.monotonic() + seconds
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.01)
    return ended() == 1


def stop():
    target = large_target(256)
    for _ in range(12):
        target.message("checkpoint")
    # On a busy machine the client may be killed when it has been answered.
    for _ in range(8):
        kill_while_it_opens(target)
        if ends(3):
            break
    else:
        fail("openings go on when their client has gone")
    before = processor_seconds(target.process.pid)
    open_at_once(target, [f"since={n}" for n in range(1, 13)])
    wait_for_work(target, before)
    time.sleep(0.2)
    target.stop()
    if ended() < 5:
        fail("openings went on when the server was to stop")


what = {"law": lambda: Law(float(sys.argv[2])).run(), "cost": cost, "stop": stop}
what[sys.argv[1]]()
