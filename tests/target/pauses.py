# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""pause, roll and unpause on the control socket; era_ctl with several sockets, and with a time
limit.

    pauses.py"""
import threading

from target import *

BLOCK = 65536
SOON = 1.0


class Talk:
    """A client that keeps its connection."""

    def __init__(self, target):
        self.connection = target.control()
        self.lines = self.connection.makefile()

    def send(self, request):
        self.connection.sendall(request.encode() + b"\n")

    def reply(self):
        return self.lines.readline().rstrip("\n")

    def ask(self, request):
        self.send(request)
        return self.reply()

    def close(self):
        self.lines.close()
        self.connection.close()


class Write(threading.Thread):
    """A write in a connection of its own."""

    def __init__(self, target):
        super().__init__()
        self.handle = target.connect()
        self.start()

    def run(self):
        self.handle.pwrite(b"x" * 512, 0)

    def waits(self):
        self.join(0.2)
        return self.is_alive()

    def is_done(self, seconds=SOON):
        self.join(seconds)
        done = not self.is_alive()
        if done:
            self.handle.shutdown()
        return done


def want(condition, what):
    if not condition:
        fail(what)


def started(name="", *below):
    resize("disk" + name, 0)
    resize("disk" + name, 1 << 20)
    resize("meta" + name, 0)
    resize("meta" + name, 1 << 20)
    parameters = ["era-format=yes", "era-first=1", *below[1:]]
    target = Target(BLOCK, parameters, below=below[:1], name=name)
    target.start()
    return target


def words(target):
    talk = Talk(target)
    era = target.era()
    for request in ("pause", "pause x", "pause  5", "pause 5 ", "roll", "unpause", "roll -1",
                    "pause 99999999999999999999", "roll 5x"):
        want(talk.ask(request) == "Error: unrecognised message", request)
    for request in ("pause 0", "pause 60001"):
        want(talk.ask(request) == "Error: a pause has 1 to 60000 ms", request)
    for request in ("roll 5", "unpause 0", "unpause 5"):
        want(talk.ask(request) == "Error: the pause has ended already", request)
    token = talk.ask("PAUSE 30000")
    want(token.isdigit(), token)
    write = Write(target)
    want(write.waits(), "a pause does not hold a write back")
    want(target.ask("checkpoint") == str(era + 1), "a checkpoint during a pause")
    want(talk.ask("roll " + token) == str(era + 2), "roll")
    want("paused 1" in target.stats(), "the pause in the figures")
    want(write.waits(), "roll ends a pause")
    want(talk.ask("unpause " + token) == "ok", "unpause")
    want(write.is_done(), "a write hangs after a pause")
    want(talk.ask("roll " + token).startswith("Error"), "a token is good twice")
    want("paused 0" in target.stats(), "the pause in the figures")
    talk.close()


def guards(target):
    """A pause ends when its client goes, and when its time is over."""
    talk = Talk(target)
    token = talk.ask("pause 60000")
    write = Write(target)
    want(write.waits(), "a pause does not hold a write back")
    talk.close()
    want(write.is_done(), "the pause of a client that is gone goes on")
    want(target.ask("unpause " + token).startswith("Error"), "its token is good")

    era = target.era()
    talk = Talk(target)
    token = talk.ask("pause 700")
    write = Write(target)
    want(write.waits(), "a pause does not hold a write back")
    want(write.is_done(2), "a pause does not end with its time")
    want(talk.ask("roll " + token).startswith("Error"), "roll after the time")
    want(talk.ask("unpause " + token).startswith("Error"), "unpause after the time")
    want(target.era() == era, "an era has begun for a pause that was over")
    talk.close()


def one_after_the_other(target):
    """The second pause waits, and the first one's roll passes it; one that waits is dropped with
    its client."""
    first, second, gone = Talk(target), Talk(target), Talk(target)
    token = first.ask("pause 30000")
    gone.send("pause 20000")
    second.send("pause 20000")
    start = time.monotonic()
    want(first.ask("roll " + token).isdigit(), "roll")
    gone.close()
    want(first.ask("unpause " + token) == "ok", "unpause")
    token = second.reply()
    want(time.monotonic() - start < SOON, "a pause that waits is in the way of a roll")
    want(second.ask("unpause " + token) == "ok", "the second pause")
    for talk in (first, second):
        talk.close()


def stops_while_paused(target):
    talk = Talk(target)
    want(talk.ask("pause 60000").isdigit(), "pause")
    start = time.monotonic()
    target.stop()
    want(time.monotonic() - start < 3, "a pause holds up the end")


def slow_requests():
    """Below, a write takes three seconds."""
    target = started("S", "delay", "wdelay=3")
    era = target.era()
    write = Write(target)
    time.sleep(0.3)
    talk = Talk(target)
    want(talk.ask("pause 300") ==
         "Error: requests in flight have not ended in the time of the pause",
         "a pause that cannot be had")
    talk.send("pause 60000")
    time.sleep(0.1)
    talk.close()  # ends it while it waits
    time.sleep(0.1)
    want("paused 0" in target.stats(), "a pause that waits goes on without its client")

    # A checkpoint in front, which has begun its era; the one that is taken back begins none.
    first = Talk(target)
    first.send("checkpoint")
    until(lambda: target.era() == era + 1, "the first checkpoint")
    start = time.monotonic()
    refused(["--timeout", "1", "ctlS", "checkpoint"], "ctlS: gave no reply in 1 s")
    want(0.9 < time.monotonic() - start < 2, "--timeout is kept")
    want(write.is_alive(), "that was too slow")
    want(first.reply() == str(era + 1), "the first checkpoint")
    want(write.is_done(5), "the write")
    time.sleep(0.2)
    want(target.era() == era + 1, "a message was carried out whose client has given up")
    first.close()
    target.stop()


def refused(arguments, text):
    done = subprocess.run(["era_ctl", *arguments], capture_output=True, text=True)
    if done.returncode != 3 or done.stdout or text not in done.stderr:
        fail(f"era_ctl {arguments}: {done}")


def several():
    """All or none."""
    targets = [started(name) for name in "PQ"]
    slow = started("R", "delay", "wdelay=3")
    eras = [target.era() for target in targets]
    out = run("era_ctl", "ctlQ", "./ctlP", "checkpoint")
    want(out == f"ctlQ {eras[1] + 1}\n./ctlP {eras[0] + 1}\n", out)

    refused(["ctlP", "ctlQ", "nothing", "checkpoint"], "nothing: cannot connect")
    refused(["ctlP", "ctlQ", "./ctlP", "checkpoint"], "is given twice")
    write = Write(slow)
    time.sleep(0.3)
    start = time.monotonic()
    refused(["--timeout", "1", "ctlP", "ctlR", "ctlQ", "checkpoint"], "ctlR: ")
    want(time.monotonic() - start < 2, "--timeout is kept")
    want(write.is_alive(), "that was too slow")
    for target in targets:
        want(Write(target).is_done(), "a target is left paused")
    want([t.era() for t in targets] == [e + 1 for e in eras], "eras have begun for nothing")
    want(write.is_done(5), "the write")

    # Two of these at a time, in any order.
    busy = [subprocess.Popen(["era_ctl", *order, "checkpoint"], stdout=subprocess.PIPE, text=True)
            for _ in range(4) for order in (("ctlP", "ctlQ"), ("ctlQ", "ctlP"))]
    start = time.monotonic()
    for process in busy:
        lines = process.communicate()[0].splitlines()
        want(process.returncode == 0 and len(lines) == 2, f"one of many: {lines}")
    want(time.monotonic() - start < 5, "they hold each other up")
    for target in targets + [slow]:
        target.stop()


target = started()
words(target)
guards(target)
one_after_the_other(target)
stops_while_paused(target)
slow_requests()
several()
