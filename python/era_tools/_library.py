# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""What dmera.h declares, for ctypes. The tests compare it with the header."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

SONAME = "libdmera.so.0"

SNAPSHOT = 1
REPAIR = 2
SUSPENDED = 4

IS_SNAPSHOT = 1
HAS_SNAPSHOT = 2
IS_CLEAN = 4
IS_UNFLUSHED = 8

RUN_UNKNOWN = 1

CHANGED = 0
UNKNOWN = 1

NO_BLOCK = 2**64 - 1
ANY_ERA = 2**64 - 1
WITNESS_MAX_BYTES = 65536


class Problem(ctypes.Structure):
    """struct dmera_problem"""

    _fields_ = [
        ("name", c_char_p),
        ("severity", c_uint32),
        ("repairable", c_uint32),
        ("block", c_uint64),
        ("nr_blocks", c_uint64),
        ("where", c_char_p),
        ("what", c_char_p),
        ("found", c_char_p),
        ("wanted", c_char_p),
        ("text", c_char_p),
    ]


class Facts(ctypes.Structure):
    """struct dmera_facts"""

    _fields_ = [
        ("block_size", c_uint64),
        ("nr_blocks", c_uint64),
        ("nr_problems", c_uint64),
        ("flags", c_uint32),
        ("era", c_uint32),
        ("live_era", c_uint32),
        ("era_to_remember", c_uint32),
        ("unflushed_since", c_uint32),
        ("reserved", c_uint32),
    ]


class Totals(ctypes.Structure):
    """struct dmera_totals"""

    _fields_ = [
        ("nr_blocks", c_uint64),
        ("nr_changed", c_uint64),
        ("nr_unknown", c_uint64),
        ("nr_problems", c_uint64),
    ]


class Run(ctypes.Structure):
    """struct dmera_run"""

    _fields_ = [
        ("block", c_uint64),
        ("nr_blocks", c_uint64),
        ("offset", c_uint64),
        ("length", c_uint64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class WitnessFacts(ctypes.Structure):
    """struct dmera_witness_facts"""

    _fields_ = [
        ("block_size", c_uint64),
        ("nr_blocks", c_uint64),
        ("era", c_uint32),
        ("flags", c_uint32),
    ]


class Check(ctypes.Structure):
    """struct dmera_check"""

    _fields_ = [
        ("nr_fatal", c_uint64),
        ("nr_non_fatal", c_uint64),
        ("nr_notes", c_uint64),
        ("nr_read_errors", c_uint64),
        ("nr_refusals", c_uint64),
        ("device_blocks", c_uint64),
        ("space_map_blocks", c_uint64),
        ("allocated_blocks", c_uint64),
        ("reachable_blocks", c_uint64),
    ]


TextCallback = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)
ProblemCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Problem))
ProgressCallback = ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_uint64)

# Name: result, arguments.
PROTOTYPES = {
    "dmera_version": (c_char_p, []),
    "dmera_create": (c_void_p, []),
    "dmera_destroy": (None, [c_void_p]),
    "dmera_error": (c_char_p, [c_void_p]),
    "dmera_set_error_callback": (None, [c_void_p, TextCallback, c_void_p]),
    "dmera_set_note_callback": (None, [c_void_p, TextCallback, c_void_p]),
    "dmera_set_problem_callback": (None, [c_void_p, ProblemCallback, c_void_p]),
    "dmera_set_progress_callback": (None, [c_void_p, ProgressCallback, c_void_p]),
    "dmera_open": (c_int, [c_void_p, c_char_p, c_uint]),
    "dmera_close": (None, [c_void_p]),
    "dmera_get_facts": (c_int, [c_void_p, POINTER(Facts), c_size_t]),
    "dmera_set_device_size": (None, [c_void_p, c_uint64]),
    "dmera_set_old_size": (None, [c_void_p, c_uint64]),
    "dmera_set_snapshot_era": (None, [c_void_p, c_uint64]),
    "dmera_changes_since": (c_int, [c_void_p, c_uint32, POINTER(c_void_p)]),
    "dmera_changes_free": (None, [c_void_p]),
    "dmera_changes_get_totals": (None, [c_void_p, POINTER(Totals), c_size_t]),
    "dmera_changes_next": (c_int, [c_void_p, POINTER(Run)]),
    "dmera_changes_bitmap": (c_size_t, [c_void_p, c_int, c_uint64, c_void_p, c_size_t]),
    "dmera_witness_load": (c_int, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "dmera_witness_save": (c_int, [c_void_p, c_void_p, c_char_p]),
    "dmera_witness_decode": (
        c_int,
        [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(c_void_p)],
    ),
    "dmera_witness_encode": (c_size_t, [c_void_p, c_void_p, c_size_t]),
    "dmera_witness_free": (None, [c_void_p]),
    "dmera_witness_get_facts": (None, [c_void_p, POINTER(WitnessFacts), c_size_t]),
    "dmera_set_witness": (None, [c_void_p, c_void_p]),
    "dmera_set_make_witness": (None, [c_void_p, c_int]),
    "dmera_changes_witness": (c_void_p, [c_void_p]),
    "dmera_check": (c_int, [c_void_p, c_char_p, c_int, POINTER(Check), c_size_t]),
}


def load() -> ctypes.CDLL:
    """The library: $ERA_TOOLS_LIBDMERA, or the one that the system finds by its soname."""
    library = ctypes.CDLL(os.environ.get("ERA_TOOLS_LIBDMERA") or SONAME)
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


lib = load()
