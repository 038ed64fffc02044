#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""copy_changes METADATA ERA FROM TO: copies what was written since ERA, and prints the next ERA."""

import os
import sys

import era_tools

CHUNK = 1 << 20


def copy(source, target, offset, length):
    source.seek(offset)
    target.seek(offset)
    while length:
        data = source.read(min(length, CHUNK))
        if not data:
            raise EOFError(f"{source.name} ends at {source.tell()}")
        target.write(data)
        length -= len(data)


def main(metadata, since, source_path, target_path):
    with open(source_path, "rb") as source, open(target_path, "r+b") as target:
        size = source.seek(0, os.SEEK_END)
        with era_tools.open(metadata, device_size=size) as era:
            for run in era.changes(since=int(since)):
                copy(source, target, run.offset, run.length)
            target.flush()
            os.fsync(target.fileno())
            print(era.facts.era_to_remember or 0)


if len(sys.argv) != 5:
    sys.exit("usage: copy_changes METADATA ERA FROM TO")
try:
    main(*sys.argv[1:])
except era_tools.EraError as error:
    sys.exit(f"no answer, so copy everything: {error}")
