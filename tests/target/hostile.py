# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Requests that nobody should send: on the control socket and as names of exports.  The server
goes on, and nothing has changed.

    hostile.py COUNT SEED"""
from target import *

WORDS = (b"status", b"table", b"checkpoint", b"take_metadata_snap", b"drop_metadata_snap",
         b"stats", b"metrics", b"pause 5", b"roll 7", b"unpause 7")
NAMES = ("since=", "since=-1", "since=1x", "since=1,zer", "since=1,zero,", "since=4294967296",
         "since=99999999999999999999999", "since=1 ", " since=1", "SINCE=1", "since=1,ZERO",
         "since=0x1", "since=+1", "since=4294967295", "x", "/", "../disk", "%s%n", "since=%d")


class Hostile:
    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.target = Target(65536, ["era-format=yes", "era-first=1"])

    def noise(self):
        return self.dice.randbytes(self.dice.choice((0, 1, 7, 63, 64, 65, 66, 200, 5000)))

    def spoilt(self):
        word = bytearray(self.dice.choice(WORDS))
        kind = self.dice.randrange(5)
        if kind == 0:
            word.insert(self.dice.randrange(len(word) + 1), self.dice.choice(b" \t\r\0x\x80"))
        elif kind == 1:
            del word[self.dice.randrange(len(word))]
        elif kind == 2:
            word += b" " + self.dice.choice(WORDS)
        elif kind == 3:
            word = word * 20
        else:
            word = bytearray(b"@") + word
        return bytes(word)

    def request(self):
        """What a client sends, and what it does then."""
        text = self.noise() if self.dice.random() < 0.5 else self.spoilt()
        connection = self.target.control()
        try:
            connection.sendall(text + self.dice.choice((b"", b"\n", b"\n\n", b"\nstatus\n")))
            if self.dice.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                connection.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            pass
        connection.close()

    def name(self):
        if self.dice.random() < 0.5:
            return self.dice.choice(NAMES)
        return "".join(chr(self.dice.choice((1, 10, 27, 37, 44, 61, 0x7f, 0x263a, 48, 49)))
                       for _ in range(self.dice.choice((1, 3, 20, 1000, 4096)))
                       )[:1000]

    def export(self):
        try:
            self.target.connect(self.name())
        except nbd.Error:
            return
        fail("an export was accepted that isn't there")

    def attack(self, count):
        before = self.target.message("status").split()
        for n in range(count):
            self.request() if n % 4 else self.export()
            if n % 50 == 0 and self.target.message("status").split()[2:] != before[2:]:
                fail("the state has changed")

    def answers_soon(self, what):
        start = time.monotonic()
        self.target.message("status")
        if time.monotonic() - start > 2:
            fail(f"{what} hold up the service")

    def slow_and_many(self):
        """Clients that send a request byte by byte, and more of them than there are places: who
        comes next gets one of them."""
        start = time.monotonic()
        idle = [self.target.control() for _ in range(200)]
        for connection in idle:
            connection.sendall(b"sta")
        self.answers_soon("idle clients")
        many = [self.target.control() for _ in range(100)]
        self.answers_soon("many clients")
        handle = self.target.connect()
        handle.pwrite(b"x" * 65536, 0)
        handle.shutdown()
        self.answers_soon("many clients")
        for connection in idle + many:
            connection.settimeout(20)
            if connection.recv(1):
                fail("an idle client got a reply")
        if not 5 < time.monotonic() - start < 20:
            fail("idle clients are not hung up on after ten seconds")

    def slow_readers(self):
        """Clients that send requests and read no reply."""
        deaf = [self.target.control() for _ in range(50)]
        for connection in deaf:
            connection.setblocking(False)
            try:
                while True:
                    connection.send(b"table\n" * 1000)
            except BlockingIOError:
                pass
        self.answers_soon("clients that don't read")
        for connection in deaf:
            connection.close()
        self.answers_soon("clients that did not read")

    def play(self, count):
        resize("disk", 16 << 20)
        resize("meta", 1 << 20)
        self.target.start()
        self.attack(count)
        self.slow_and_many()
        self.slow_readers()
        handle = self.target.connect()
        handle.pwrite(b"x" * 512, 65536 * 7)
        handle.shutdown()
        era = self.target.era()
        self.target.stop()
        if 7 not in written_since(era):
            fail("the target does not track any more")
        run("era_check", "-q", "meta")


Hostile(int(sys.argv[2])).play(int(sys.argv[1]))
