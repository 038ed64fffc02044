# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""converge.py URI WRITERS READERS
Writers write random blocks, each flushed, and readers read, until standard input ends. Prints how
many reads there were, and the longest time that one of them took, in seconds."""

import os
import random
import sys
import threading
import time

import nbd

BLOCK = 65536


def connect(uri):
    handle = nbd.NBD()
    handle.connect_uri(uri)
    return handle


def write(uri, ended, seed):
    handle = connect(uri)
    places = random.Random(seed)
    nr = handle.get_size() // BLOCK
    while not ended.is_set():
        handle.pwrite(os.urandom(4096), places.randrange(nr) * BLOCK)
        handle.flush()


def read(uri, ended, times):
    handle = connect(uri)
    nr = handle.get_size() // BLOCK
    while not ended.is_set():
        began = time.monotonic()
        handle.pread(4096, random.randrange(nr) * BLOCK)
        times.append(time.monotonic() - began)
        time.sleep(0.01)


def main(uri, writers, readers):
    ended, times = threading.Event(), []
    threads = [
        threading.Thread(target=write, args=(uri, ended, seed))
        for seed in range(int(writers))
    ] + [
        threading.Thread(target=read, args=(uri, ended, times))
        for _ in range(int(readers))
    ]
    for thread in threads:
        thread.start()
    print("begun", flush=True)
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    print(len(times), max(times, default=0))


main(*sys.argv[1:])
