# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""A target to drive: starts and stops nbdkit with our filter, talks to its control socket, and asks
era_invalidate and era_check.  All files are in the current folder: disk, meta, nbd, ctl, log, pid.

ERA_FILTER is the filter's path, ERA_PRELOAD what nbdkit must load first for a build with
sanitizers.
"""
import os
import random
import signal
import socket
import subprocess
import sys
import time

import nbd


def fail(text):
    sys.exit("FAILED: " + text)


def run(*command, status=0):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != status:
        fail(f"{' '.join(command)}: status {done.returncode}, wanted {status}: {done.stderr}")
    return done.stdout


def ranges(text):
    """The blocks that lines of first block and count stand for."""
    blocks = set()
    for line in text.splitlines():
        first, count = map(int, line.split())
        blocks.update(range(first, first + count))
    return blocks


def written_since(era, metadata="meta", *options):
    return ranges(run("era_invalidate", "--written-since", str(era), "--format", "ranges",
                      "--unit", "blocks", *options, metadata))


def server_environment():
    """What a library with sanitizers is linked with must be there before it."""
    env = dict(os.environ)
    if env.get("ERA_PRELOAD"):
        env["LD_PRELOAD"] = env["ERA_PRELOAD"]
    return env


class Target:
    """nbdkit on `disk` and `meta`."""

    def __init__(self, block, parameters=(), above=(), below=(), plugin=None, options=(), name=""):
        """The name is for one of several: it stands at the end of its files' names."""
        self.nbd, self.pid, self.ctl = "nbd" + name, "pid" + name, "ctl" + name
        plugin = plugin or ("file", "disk" + name)
        self.command = ["nbdkit", "-f", "-U", self.nbd, "-P", self.pid, *options,
                        *[f"--filter={name}" for name in above],
                        "--filter=" + os.environ["ERA_FILTER"],
                        *[f"--filter={name}" for name in below], *plugin,
                        f"era-metadata=meta{name}", f"era-block-size={block}",
                        f"era-socket={self.ctl}",
                        *parameters]
        self.process = None

    def start(self):
        for name in (self.nbd, self.pid):
            if os.path.exists(name):
                os.unlink(name)
        with open("log", "a") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=server_environment())
        deadline = time.monotonic() + 30
        while not (os.path.exists(self.pid) and os.path.getsize(self.pid) and
                   self.listens()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                fail("nbdkit did not start: " + open("log").read()[-2000:])
            time.sleep(0.002)

    def listens(self):
        try:
            self.control().close()
        except OSError:
            return False
        return True

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            if not os.environ.get("ERA_PRELOAD"):  # see target_stop() of target.bash
                raise
            self.kill()
            return
        if status:
            fail(f"nbdkit ended with {self.process.returncode}: " + open("log").read()[-4000:])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def connect(self, export=""):
        handle = nbd.NBD()
        handle.add_meta_context("base:allocation")
        handle.set_export_name(export)
        handle.connect_unix(self.nbd)
        return handle

    def control(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.ctl)
        return connection

    def ask(self, request):
        with self.control() as connection:
            connection.sendall(request.encode() + b"\n")
            return connection.makefile().readline().rstrip("\n")

    def message(self, request):
        reply = self.ask(request)
        if reply.startswith("Error"):
            fail(f"{request}: {reply}")
        return reply

    def stats(self):
        """The lines up to the empty one."""
        with self.control() as connection:
            connection.sendall(b"stats\n")
            lines = connection.makefile()
            return list(iter(lambda: lines.readline().rstrip("\n"), ""))

    def era(self):
        return int(self.message("status").split()[2])


def until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            fail("waited in vain: " + what)
        time.sleep(0.002)


def listed(handle, size, block):
    """The blocks that the export's block status calls data."""
    blocks, at = set(), 0

    def take(context, offset, entries, error):
        nonlocal at
        for length, flags in zip(entries[::2], entries[1::2]):
            if not flags:
                blocks.update(touched(at, length, block))
            at += length
        return 0

    while at < size:
        handle.block_status(min(size - at, 1 << 30), at, take)
    return blocks


def touched(offset, length, block):
    return range(offset // block, (offset + length - 1) // block + 1)


def resize(path, size):
    with open(path, "ab"):
        pass
    os.truncate(path, size)
