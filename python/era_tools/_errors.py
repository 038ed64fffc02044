# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""One exception for each way in which a call of libdmera fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Sequence, Type

if TYPE_CHECKING:
    from ._era import Problem


class EraError(Exception):
    """A call failed and has given no answer.

    The text says why; `problems` has what was found wrong with the metadata, the first thousand.
    """

    def __init__(self, text: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(text)
        self.problems = list(problems)


class Damaged(EraError):
    """The metadata are damaged, or contradict themselves."""


class SystemRefused(EraError):
    """The system refused: open, read, memory, a device in use."""


class NoAnswer(EraError):
    """The question has no safe answer: no metadata snapshot, an era that was never tracked, ..."""


class Invalid(EraError, ValueError):
    """The library was called in a way that it does not allow."""


BY_RESULT: Dict[int, Type[EraError]] = {
    -1: Damaged,
    -2: SystemRefused,
    -3: NoAnswer,
    -4: Invalid,
}
