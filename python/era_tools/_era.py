# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""Handles of libdmera as objects."""

from __future__ import annotations

import ctypes
import enum
import operator
import os
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Callable, Iterator, List, NoReturn, Optional, Type, Union

from . import _library
from ._errors import BY_RESULT, Damaged, EraError, Invalid
from ._library import lib

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

MAX_PROBLEMS = 1000


class Severity(enum.IntEnum):
    """How bad a problem is."""

    FATAL = 0
    """Eras may be wrong, or blocks in use will be overwritten."""
    NON_FATAL = 1
    """Wasteful or untidy; no era is wrong."""
    NOTE = 2
    """The metadata are sound. All notes are harmless but "origin-unflushed"."""


class Scope(enum.IntEnum):
    """What a check looks at."""

    ALL = 0
    SUPERBLOCK = 1
    SNAPSHOT = 2


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with the metadata."""

    name: str
    """For programs: "checksum", "leak". It never changes; era-check(8) lists all."""
    severity: Severity
    repairable: bool
    block: Optional[int]
    """The metadata block, or None."""
    nr_blocks: int
    """How many metadata blocks, from `block` on, have it."""
    where: str
    what: str
    found: str
    wanted: str
    text: str
    """All of it: "block 17: where: what: found X, wanted Y"."""


@dataclass(frozen=True)
class Facts:
    """What the metadata say of themselves."""

    block_size: int
    """Of a data block, in bytes."""
    nr_blocks: int
    """Data blocks that are tracked."""
    nr_problems: int
    """That were passed over so far, with repair, or that ended a call."""
    era: int
    """The current era of what is open."""
    live_era: int
    """That of the live metadata; another one only for a metadata snapshot."""
    era_to_remember: Optional[int]
    """The era to ask for next time, where what the device holds now is copied before its target is
    active again. None where the metadata cannot tell, or were found damaged. As that may be as late
    as in changes(), look at it afterwards."""
    is_snapshot: bool
    """What is open is the metadata snapshot."""
    has_snapshot: bool
    """The target holds a metadata snapshot."""
    is_clean: bool
    """The target was stopped cleanly, or nothing was written yet."""
    unflushed_since: Optional[int]
    """The first era of writes that may not have reached the origin's disk; None: there are none."""


@dataclass(frozen=True)
class Run:
    """Changed blocks that lie side by side."""

    block: int
    nr_blocks: int
    offset: int
    """In bytes of the tracked device, as is `length`."""
    length: int
    unknown: bool
    """Listed because it is unknown when it was written."""


@dataclass(frozen=True)
class CheckResult:
    """What a check that came to its end has found."""

    problems: List[Problem]
    """The first thousand."""
    nr_fatal: int
    nr_non_fatal: int
    nr_notes: int
    nr_refusals: int
    """Problems for which open() or changes() refuse without repair. The note "origin-unflushed" is
    one, though the metadata are sound."""
    device_blocks: int
    """Metadata blocks, as are the next three; 0 where it was not found out."""
    space_map_blocks: int
    allocated_blocks: int
    reachable_blocks: int

    @property
    def is_sound(self) -> bool:
        """Nothing is wrong; notes do not count."""
        return not self.nr_fatal and not self.nr_non_fatal


NoteFunction = Callable[[str], None]
ProblemFunction = Callable[[Problem], None]
ProgressFunction = Callable[[int, int], None]


def _text(value: Optional[bytes]) -> str:
    """Paths may have any bytes."""
    return os.fsdecode(value or b"")


def _problem(raw: _library.Problem) -> Problem:
    return Problem(
        name=_text(raw.name),
        severity=Severity(raw.severity),
        repairable=bool(raw.repairable),
        block=None if raw.block == _library.NO_BLOCK else raw.block,
        nr_blocks=raw.nr_blocks,
        where=_text(raw.where),
        what=_text(raw.what),
        found=_text(raw.found),
        wanted=_text(raw.wanted),
        text=_text(raw.text),
    )


def _path(path: Path) -> bytes:
    """C would cut it off at a null byte, and so open another file."""
    raw = os.fsencode(path)
    if b"\0" in raw:
        raise ValueError(f"path: found a null byte in {path!r}")
    return raw


def _number(value: int, bits: int, what: str) -> int:
    """ctypes would cut off what does not fit, and so ask another question."""
    value = operator.index(value)
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{what}: found {value}, wanted 0 to {(1 << bits) - 1}")
    return value


class _Owner:
    """Owns memory of the library, which a copy of the object would free a second time."""

    _instead = "make a new one"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """For copy, deepcopy and pickle."""
        raise TypeError(f"cannot copy or pickle {type(self).__name__}: {self._instead}")


class _Handle(_Owner):
    """A struct dmera, for one call at a time of the process that made it.

    What a callback raises is raised again when the call has ended.
    """

    def __init__(
        self,
        on_note: Optional[NoteFunction] = None,
        on_problem: Optional[ProblemFunction] = None,
        on_progress: Optional[ProgressFunction] = None,
    ) -> None:
        self.problems: List[Problem] = []
        self._raised: Optional[BaseException] = None
        self._on_problem = on_problem
        self._callbacks: List[object] = []
        self._process = os.getpid()
        self._running = threading.Lock()  # held during a call
        self.pointer = lib.dmera_create()
        if not self.pointer:
            raise MemoryError
        self._set(lib.dmera_set_problem_callback, _library.ProblemCallback(self._take_problem))
        if on_note is not None:
            note = self._guarded(lambda _, text: on_note(_text(text)))
            self._set(lib.dmera_set_note_callback, _library.TextCallback(note))
        if on_progress is not None:
            progress = self._guarded(lambda _, done, total: on_progress(done, total))
            self._set(lib.dmera_set_progress_callback, _library.ProgressCallback(progress))

    def _set(self, setter: Callable[..., None], callback: object) -> None:
        self._callbacks.append(callback)
        setter(self.pointer, callback, None)

    def _guarded(self, function: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            if self._raised is None:
                try:
                    function(*arguments)
                except BaseException as error:  # noqa: B902
                    self._raised = error

        return call

    def _take_problem(self, _: object, raw: "ctypes._Pointer[_library.Problem]") -> None:
        def take() -> None:
            problem = _problem(raw.contents)
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(problem)
            if self._on_problem is not None:
                self._on_problem(problem)

        self._guarded(take)()

    def _acquire(self) -> None:
        if not self._running.acquire(blocking=False):
            raise Invalid("a call with these metadata is running, in a callback or another thread")

    def _run(self, function: Callable[..., int], *arguments: object) -> None:
        self.problems.clear()
        result = function(self.pointer, *arguments)
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised
        if result:
            why = _text(lib.dmera_error(self.pointer))
            raise BY_RESULT.get(result, EraError)(why, self.problems)

    def call(self, function: Callable[..., int], *arguments: object) -> None:
        """Raises for a result that is not 0."""
        if os.getpid() != self._process:
            raise Invalid("the metadata were opened before a fork: open them in this process")
        self._acquire()
        try:
            if self.pointer is None:
                raise ValueError("the metadata are closed")
            self._run(function, *arguments)
        finally:
            self._running.release()

    def make(
        self,
        function: Callable[..., int],
        free: Callable[[ctypes.c_void_p], None],
        *arguments: object,
    ) -> int:
        """Returns what a call makes, or frees it when a callback has raised."""
        made = ctypes.c_void_p()
        try:
            self.call(function, *arguments, ctypes.byref(made))
        except BaseException:
            free(made)
            raise
        assert made.value is not None
        return made.value

    def destroy(self) -> None:
        """A child process closes its own descriptors, and the parent's stay open."""
        self._acquire()
        try:
            pointer, self.pointer = self.pointer, None
            if pointer:
                lib.dmera_destroy(pointer)
        finally:
            self._running.release()


class Witness(_Owner):
    """What metadata said of all their blocks, to be kept beside the era to ask for next time.

    open(witness=...) compares later metadata with it, and changes() raises NoAnswer when they are
    other ones, or an older copy. bytes() gives what decode() takes, and what save() writes. A
    witness cannot be copied or pickled.
    """

    _instead = "pass bytes(witness), for Witness.decode()"

    def __init__(self, pointer: int) -> None:
        facts = _library.WitnessFacts()
        self._pointer: Optional[int] = pointer
        lib.dmera_witness_get_facts(pointer, facts, ctypes.sizeof(facts))
        self.block_size: int = facts.block_size
        """Of a data block, in bytes."""
        self.nr_blocks: int = facts.nr_blocks
        """Data blocks that were tracked."""
        self.era: int = facts.era
        """The current era of what it was made from."""
        self.is_snapshot: bool = bool(facts.flags & _library.IS_SNAPSHOT)
        """It was made from a metadata snapshot."""

    @classmethod
    def load(cls, path: Path) -> Witness:
        """Reads a file. Raises Damaged for one that is no witness, or a damaged one."""
        return cls(_new_witness(lib.dmera_witness_load, _path(path)))

    @classmethod
    def decode(cls, data: bytes, name: str = "witness") -> Witness:
        """From what bytes() gave. `name` is what messages call it."""
        return cls(_new_witness(lib.dmera_witness_decode, _path(name), data, len(data)))

    def save(self, path: Path) -> None:
        """Writes a file, which is replaced when all of it is on the disk."""
        handle = _Handle()
        try:
            handle.call(lib.dmera_witness_save, self._pointer, _path(path))
        finally:
            handle.destroy()

    def __bytes__(self) -> bytes:
        return _witness_bytes(self._pointer)

    def __del__(self) -> None:
        pointer, self._pointer = getattr(self, "_pointer", None), None
        if pointer:
            lib.dmera_witness_free(pointer)


def _new_witness(function: Callable[..., int], *arguments: object) -> int:
    handle = _Handle()
    try:
        return handle.make(function, lib.dmera_witness_free, *arguments)
    finally:
        handle.destroy()


def _witness_bytes(pointer: Optional[int]) -> bytes:
    data = ctypes.create_string_buffer(_library.WITNESS_MAX_BYTES)
    size = lib.dmera_witness_encode(pointer, data, len(data))
    if not size:
        raise MemoryError
    return data.raw[:size]


class Changes(_Owner):
    """Which blocks were written since an era: an answer that stays as it is.

    Iterating gives a Run for each stretch of changed blocks, ascending. It cannot be copied or
    pickled; its runs and its bitmap can.
    """

    _instead = "pass its runs, list(changes), or changes.bitmap()"

    def __init__(self, pointer: int) -> None:
        totals = _library.Totals()
        self._pointer: Optional[int] = pointer
        lib.dmera_changes_get_totals(pointer, totals, ctypes.sizeof(totals))
        self.nr_blocks: int = totals.nr_blocks
        """Blocks that are tracked."""
        self.nr_changed: int = totals.nr_changed
        """Blocks that are listed."""
        self.nr_unknown: int = totals.nr_unknown
        """Of these, the ones that are listed because their era is unknown."""
        self.nr_problems: int = totals.nr_problems
        """That were passed over, with repair; what they hid is listed."""

    @property
    def witness(self) -> Optional[Witness]:
        """The witness that was made with the answer. None: open(make_witness=True) was not asked
        for, or repair has passed over anything."""
        pointer = lib.dmera_changes_witness(self._pointer)
        return Witness.decode(_witness_bytes(pointer)) if pointer else None

    def __del__(self) -> None:
        pointer, self._pointer = getattr(self, "_pointer", None), None
        if pointer:
            lib.dmera_changes_free(pointer)

    def __len__(self) -> int:
        """How many blocks are listed."""
        return self.nr_changed

    def __bool__(self) -> bool:
        return self.nr_changed > 0

    def __iter__(self) -> Iterator[Run]:
        raw = _library.Run()
        while lib.dmera_changes_next(self._pointer, raw) > 0:
            yield Run(
                block=raw.block,
                nr_blocks=raw.nr_blocks,
                offset=raw.offset,
                length=raw.length,
                unknown=bool(raw.flags & _library.RUN_UNKNOWN),
            )

    def bitmap(self, unknown: bool = False) -> bytes:
        """One bit per block that is listed, or is unknown: block n is bit n % 8 of byte n // 8."""
        size = (self.nr_blocks + 7) // 8
        bits = ctypes.create_string_buffer(size)
        which = _library.UNKNOWN if unknown else _library.CHANGED
        copied = lib.dmera_changes_bitmap(self._pointer, which, 0, bits, size)
        assert copied == size
        return bits.raw[:size]


class Era(_Owner):
    """Metadata that are open; see open(). A context manager that closes them.

    One call at a time: a callback must not use the object that it was given to, and a second thread
    must wait; both get Invalid. After a fork, so does the child, which can only close it: the two
    processes would read through the same temporary file. It cannot be copied or pickled.
    """

    _instead = "pass the path, and open the metadata there"

    def __init__(self, handle: _Handle, witness: Optional[Witness] = None) -> None:
        self._handle = handle
        self._witness = witness  # the library has no copy of it

    def __enter__(self) -> Era:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            try:
                self.close()
            except Invalid:
                pass  # forked while another thread's call was running

    def close(self) -> None:
        """Closes the metadata. It may be called again."""
        self._handle.destroy()

    @property
    def facts(self) -> Facts:
        """What the metadata say of themselves."""
        raw = _library.Facts()
        self._handle.call(lib.dmera_get_facts, raw, ctypes.sizeof(raw))
        unflushed = bool(raw.flags & _library.IS_UNFLUSHED)
        return Facts(
            block_size=raw.block_size,
            nr_blocks=raw.nr_blocks,
            nr_problems=raw.nr_problems,
            era=raw.era,
            live_era=raw.live_era,
            era_to_remember=raw.era_to_remember or None,
            is_snapshot=bool(raw.flags & _library.IS_SNAPSHOT),
            has_snapshot=bool(raw.flags & _library.HAS_SNAPSHOT),
            is_clean=bool(raw.flags & _library.IS_CLEAN),
            unflushed_since=raw.unflushed_since if unflushed else None,
        )

    def changes(self, since: int) -> Changes:
        """Which blocks were written in era `since` or later? 0: all blocks.

        Raises NoAnswer for an era that these metadata cannot have tracked, when the metadata
        snapshot was dropped while it was read, or when the metadata are not those of the witness.
        """
        made = self._handle.make(
            lib.dmera_changes_since, lib.dmera_changes_free, _number(since, 32, "since")
        )
        return Changes(made)


def open(
    path: Path,
    *,
    snapshot: bool = False,
    repair: bool = False,
    device_size: Optional[int] = None,
    old_size: Optional[int] = None,
    snapshot_era: Optional[int] = None,
    witness: Optional[Witness] = None,
    make_witness: bool = False,
    on_note: Optional[NoteFunction] = None,
    on_problem: Optional[ProblemFunction] = None,
    on_progress: Optional[ProgressFunction] = None,
) -> Era:
    """Opens the metadata on a block device or in a file.

    All of them are checked. Only the blocks that hold the eras and the bits are left to changes(),
    unless repair is set; so only check() proves that the metadata are sound.

    snapshot: read the metadata snapshot, while the target runs. repair: read damaged metadata, too;
    whatever is unknown counts as written. device_size: the size of the tracked device in bytes.
    old_size: the smallest that it has had since the era that is asked for; all behind it is listed.
    snapshot_era: take only a metadata snapshot of this era; without it, only one of the era that
    the live metadata are in. changes() raises NoAnswer for any other. witness: what the metadata
    have to continue, the witness that was saved with the era to ask for. make_witness: changes()
    makes a new one, which takes longer than the answer itself.

    on_note gets what a user wants to know, on_problem what is wrong with the metadata, and
    on_progress how many metadata blocks were read, of about how many (0: not known). What they
    raise ends the call when the library returns.
    """
    handle = _Handle(on_note, on_problem, on_progress)
    try:
        if device_size is not None:
            lib.dmera_set_device_size(handle.pointer, _number(device_size, 64, "device_size"))
        if old_size is not None:
            lib.dmera_set_old_size(handle.pointer, _number(old_size, 64, "old_size"))
        if snapshot_era is not None:
            lib.dmera_set_snapshot_era(handle.pointer, _number(snapshot_era, 32, "snapshot_era"))
        if witness is not None:
            lib.dmera_set_witness(handle.pointer, witness._pointer)
        lib.dmera_set_make_witness(handle.pointer, int(bool(make_witness)))
        flags = (_library.SNAPSHOT if snapshot else 0) | (_library.REPAIR if repair else 0)
        handle.call(lib.dmera_open, _path(path), flags)
    except BaseException:
        handle.destroy()
        raise
    return Era(handle, witness)


def check(
    path: Path,
    scope: Scope = Scope.ALL,
    *,
    on_problem: Optional[ProblemFunction] = None,
    on_progress: Optional[ProgressFunction] = None,
) -> CheckResult:
    """Checks the metadata on a block device or in a file.

    Returns what was found, also when that is damage. Raises SystemRefused when they cannot be
    opened or blocks cannot be read, NoAnswer when there is no metadata snapshot to check.
    """
    raw = _library.Check()
    handle = _Handle(None, on_problem, on_progress)
    try:
        which = _number(scope, 31, "scope")
        handle.call(lib.dmera_check, _path(path), which, raw, ctypes.sizeof(raw))
    except Damaged:
        if not raw.nr_fatal and not raw.nr_non_fatal:
            raise
    finally:
        handle.destroy()
    return CheckResult(
        problems=list(handle.problems),
        nr_fatal=raw.nr_fatal,
        nr_non_fatal=raw.nr_non_fatal,
        nr_notes=raw.nr_notes,
        nr_refusals=raw.nr_refusals,
        device_blocks=raw.device_blocks,
        space_map_blocks=raw.space_map_blocks,
        allocated_blocks=raw.allocated_blocks,
        reachable_blocks=raw.reachable_blocks,
    )


def version() -> str:
    """The version of libdmera."""
    return _text(lib.dmera_version())
