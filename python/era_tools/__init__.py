# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Reads the metadata of dm-era: which blocks of a device were written since when.

    import era_tools

    with era_tools.open("/dev/vg/meta") as era:
        for run in era.changes(since=7):
            copy(run.offset, run.length)

The promise: a block that was written is never missing from an answer. No part of an answer is
handed out before everything it depends on has been read and checked. A call that raises has given
no answer: treat every block as written.

The work is done by libdmera (see libdmera(3) and dmera.h); this module only calls it. An Era
takes one call at a time, and refuses a second one; any number of threads may read a Changes or a
Witness, and so may the child of a fork. None of them can be copied or pickled.
"""

from ._era import (
    Changes,
    CheckResult,
    Era,
    Facts,
    Problem,
    Run,
    Scope,
    Severity,
    Witness,
    check,
    open,
    version,
)
from ._errors import Damaged, EraError, Invalid, NoAnswer, SystemRefused

__all__ = [
    "Changes",
    "CheckResult",
    "Damaged",
    "Era",
    "EraError",
    "Facts",
    "Invalid",
    "NoAnswer",
    "Problem",
    "Run",
    "Scope",
    "Severity",
    "SystemRefused",
    "Witness",
    "check",
    "open",
    "version",
]
