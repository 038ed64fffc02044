# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""The module era_tools on metadata that a kernel wrote, of which it is known what is true."""

import copy
import ctypes
import gzip
import os
import pickle
import re
import tempfile
import threading
import unittest
import unittest.mock

import era_tools
from era_tools import _library

IMAGES = os.environ["ERA_TOOLS_IMAGES"]
HEADER = os.environ["ERA_TOOLS_HEADER"]


def image(name):
    with gzip.open(os.path.join(IMAGES, name, "image.gz")) as file:
        return file.read()


def truth(name, part="truth"):
    """The era of each block."""
    eras = []
    with open(os.path.join(IMAGES, name, part), encoding="ascii") as file:
        for line in file:
            if not line.startswith("#"):
                first, last, era = map(int, line.split())
                eras.extend([era] * (last - first + 1))
    return eras


class OnImages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def put(self, name, change=None):
        data = bytearray(image(name))
        if change is not None:
            data[change] ^= 0xFF
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path


class TestAnswers(OnImages):
    def listed(self, changes):
        blocks = set()
        for run in changes:
            self.assertEqual(run.offset, run.block * 4096)
            self.assertEqual(run.length, run.nr_blocks * 4096)
            blocks.update(range(run.block, run.block + run.nr_blocks))
        return blocks

    def test_the_truth_for_each_era(self):
        eras = truth("002-crash")
        with era_tools.open(self.put("002-crash")) as era:
            for since in range(era.facts.era + 2):
                wanted = {block for block, e in enumerate(eras) if e >= since}
                changes = era.changes(since)
                self.assertEqual(self.listed(changes), wanted)
                self.assertEqual(len(changes), len(wanted))
                self.assertEqual(bool(changes), bool(wanted))
                bits = int.from_bytes(changes.bitmap(), "little")
                self.assertEqual({b for b in range(len(eras)) if bits >> b & 1}, wanted)
                self.assertFalse(any(changes.bitmap(unknown=True)))
            with self.assertRaises(era_tools.NoAnswer):
                era.changes(era.facts.era + 2)

    def test_metadata_that_change_while_they_are_open(self):
        path = self.put("002-crash")
        with era_tools.open(path) as era:
            with open(path, "r+b") as file:
                file.write(image("001-clean-stop"))
            for _ in range(2):
                with self.assertRaisesRegex(era_tools.NoAnswer, "changed while they were read"):
                    era.changes(1)

        def change(done, total):
            if done == 5:
                with open(path, "r+b") as file:
                    file.write(image("001-clean-stop"))

        path = self.put("002-crash")
        with self.assertRaisesRegex(era_tools.NoAnswer, "changed while they were read"):
            era_tools.check(path, on_progress=change)

    def test_snapshot(self):
        notes = []
        path = self.put("022-snapshot-moved-on")
        with era_tools.open(path, snapshot=True) as era:
            facts = era.facts
            with self.assertRaisesRegex(era_tools.NoAnswer, "left over"):
                era.changes(facts.era)
        with era_tools.open(
            path, snapshot=True, snapshot_era=facts.era, on_note=notes.append
        ) as era:
            eras = truth("022-snapshot-moved-on", "truth.snap")
            self.assertTrue(facts.is_snapshot and facts.has_snapshot)
            self.assertIsNone(facts.era_to_remember)
            self.assertLess(facts.era, facts.live_era)
            wanted = {block for block, e in enumerate(eras) if e >= facts.era}
            self.assertEqual(self.listed(era.changes(facts.era)), wanted)
            self.assertTrue(notes)
        with era_tools.open(path, snapshot=True, snapshot_era=facts.era + 1) as era:
            with self.assertRaises(era_tools.NoAnswer):
                era.changes(0)
        with self.assertRaises(era_tools.NoAnswer):
            era_tools.open(self.put("002-crash"), snapshot=True)

    def test_sizes(self):
        path = self.put("002-crash")
        size = 4096 * 4096
        with era_tools.open(path, device_size=size - 512, old_size=size - 4096) as era:
            *_, last = era.changes(3)
            self.assertEqual(last.offset + last.length, size - 512)
        with era_tools.open(path, device_size=size + 1) as era:
            with self.assertRaises(era_tools.NoAnswer):
                era.changes(3)

    def test_an_answer_outlives_its_metadata(self):
        with era_tools.open(self.put("002-crash")) as era:
            changes = era.changes(3)
        self.assertEqual(len(self.listed(changes)), 9)
        with self.assertRaises(ValueError):
            era.changes(3)
        era.close()

    def test_numbers_are_not_cut_off(self):
        path = self.put("002-crash")
        with era_tools.open(path) as era:
            for since in (-1, 2**32, 2**32 + 3):
                with self.assertRaises(ValueError):
                    era.changes(since)
        with self.assertRaises(ValueError):
            era_tools.open(path, snapshot=True, snapshot_era=2**32)
        with self.assertRaises(ValueError):
            era_tools.open(path, device_size=-1)
        for size in (2**64, 2**64 + 4096):
            with self.assertRaises(ValueError):
                era_tools.open(path, device_size=size)
            with self.assertRaises(ValueError):
                era_tools.open(path, old_size=size)
        for scope in (-1, 3, 2**31, 2**32, 2**32 + 1):
            with self.assertRaises(ValueError):
                era_tools.check(path, scope)
        for wrong in (3.0, "3", None):
            with era_tools.open(path) as era, self.assertRaises(TypeError):
                era.changes(wrong)
            with self.assertRaises(TypeError):
                era_tools.check(path, wrong)

    def test_what_is_true_is_not_cut_off(self):
        with era_tools.open(self.put("002-crash"), make_witness=2**32) as era:
            self.assertIsNotNone(era.changes(3).witness)

    def test_paths_are_not_cut_off(self):
        path = self.put("002-crash")
        witness = self.ask_witness(path)
        witness.save(path + ".w")
        for wrong in (path + "\0x", os.fsencode(path) + b"\0", "\0"):
            for call in (
                era_tools.open,
                era_tools.check,
                witness.save,
                era_tools.Witness.load,
                lambda name: era_tools.Witness.decode(bytes(witness), name),
            ):
                with self.assertRaisesRegex(ValueError, "null byte"):
                    call(wrong)
        with self.assertRaisesRegex(ValueError, "null byte"):
            era_tools.Witness.load(path + ".w\0x")

    def ask_witness(self, path):
        with era_tools.open(path, make_witness=True) as era:
            return era.changes(0).witness

    def test_threads(self):
        wrong = []

        def ask(path):
            for _ in range(20):
                with era_tools.open(path) as era:
                    if len(era.changes(3)) != 9:
                        wrong.append(path)

        path = self.put("002-crash")
        threads = [threading.Thread(target=ask, args=(path,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(wrong)


class TestOwners(OnImages):
    """What owns memory of the library is used by one call, and freed once."""

    def open_with(self, callback):
        """The callback is called by changes() alone."""
        ready = []

        def progress(*_):
            if ready:
                callback()

        era = era_tools.open(self.put("002-crash"), on_progress=progress, make_witness=True)
        self.addCleanup(era.close)
        ready.append(True)
        return era

    def in_child(self, function):
        """The exit status of a child process that runs it, and all that it deletes."""
        child = os.fork()
        if not child:
            status = 1
            try:
                function()
                status = 0
            finally:
                os._exit(status)
        return os.waitpid(child, 0)[1]

    def test_copies_are_refused(self):
        with era_tools.open(self.put("002-crash"), make_witness=True) as era:
            changes = era.changes(3)
            wanted = list(changes)
            for thing, instead in (
                (era, "the path"),
                (changes, r"list\(changes\), or changes.bitmap\(\)"),
                (changes.witness, r"bytes\(witness\)"),
                ([changes], "runs"),
            ):
                for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                    with self.assertRaisesRegex(TypeError, instead):
                        pickle.dumps(thing, protocol)
                with self.assertRaisesRegex(TypeError, instead):
                    copy.deepcopy(thing)
            for thing in (era, changes, changes.witness, era._handle):
                with self.assertRaisesRegex(TypeError, "cannot copy or pickle"):
                    copy.copy(thing)
            self.assertEqual(list(changes), wanted)
            self.assertEqual(pickle.loads(pickle.dumps(wanted)), wanted)

    def test_what_was_made_is_freed_when_a_callback_raises(self):
        class Enough(Exception):
            pass

        def raise_it():
            raise Enough

        freed = []
        real = _library.lib.dmera_changes_free

        def free(pointer):
            freed.append(pointer.value)
            real(pointer)

        era = self.open_with(raise_it)
        with unittest.mock.patch.object(_library.lib, "dmera_changes_free", free):
            with self.assertRaises(Enough):
                era.changes(3)
        self.assertEqual(len(freed), 1)
        self.assertTrue(freed[0])

    def test_a_callback_cannot_use_what_called_it(self):
        calls = (
            lambda: era.close(),
            lambda: era.changes(3),
            lambda: era.facts,
            lambda: era.__exit__(None, None, None),
        )
        for call in calls:
            era = self.open_with(call)
            with self.assertRaisesRegex(era_tools.Invalid, "is running"):
                era.changes(3)
            self.assertEqual(era.facts.nr_blocks, 4096)

    def test_a_second_thread_cannot_call_meanwhile(self):
        caught = []

        def ask():
            try:
                era.changes(3)
            except era_tools.Invalid as error:
                caught.append(error)

        def meanwhile():
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()

        era = self.open_with(meanwhile)
        self.assertEqual(len(era.changes(3)), 9)
        self.assertTrue(caught)

    def test_a_child_has_answers_but_no_metadata(self):
        def child():
            self.assertEqual([run.block for run in changes], wanted)
            for _ in range(2):
                with self.assertRaisesRegex(era_tools.Invalid, "fork"):
                    era.changes(3)
                with self.assertRaisesRegex(era_tools.Invalid, "fork"):
                    era.facts.era
            with era_tools.open(path) as own:
                self.assertEqual([run.block for run in own.changes(3)], wanted)
            changes.__del__()
            era.__del__()

        path = self.put("002-crash")
        with era_tools.open(path) as era:
            changes = era.changes(3)
            wanted = [run.block for run in changes]
            self.assertEqual(self.in_child(child), 0)
            self.assertEqual([run.block for run in changes], wanted)
            self.assertEqual([run.block for run in era.changes(3)], wanted)

    def test_a_child_of_a_running_call_frees_nothing(self):
        def child():
            with self.assertRaises(era_tools.Invalid):
                era.close()
            era.__del__()

        statuses = []
        era = self.open_with(lambda: statuses.append(self.in_child(child)))
        self.assertEqual(len(era.changes(3)), 9)
        self.assertTrue(statuses)
        self.assertFalse(any(statuses))


class TestWitness(OnImages):
    NAME = "022-snapshot-moved-on"

    def ask(self, path, since, **options):
        with era_tools.open(path, **options) as era:
            return era.changes(since)

    def witness(self, name=NAME, **options):
        return self.ask(self.put(name), 0, make_witness=True, **options).witness

    def test_what_it_says(self):
        with era_tools.open(self.put(self.NAME)) as era:
            facts = era.facts
            self.assertIsNone(era.changes(0).witness)
        witness = self.witness()
        self.assertEqual(witness.era, facts.era)
        self.assertEqual(witness.nr_blocks, facts.nr_blocks)
        self.assertEqual(witness.block_size, facts.block_size)
        self.assertFalse(witness.is_snapshot)

    def test_the_same_metadata_pass_and_others_do_not(self):
        with era_tools.open(self.put(self.NAME), snapshot=True) as era:
            old = era.facts.era
        before = self.witness(snapshot=True, snapshot_era=old)
        self.assertTrue(before.is_snapshot)
        path = self.put(self.NAME)
        for witness in (before, self.witness()):
            changes = self.ask(path, witness.era, witness=witness)
            self.assertEqual(len(changes), sum(e >= witness.era for e in truth(self.NAME)))
        with self.assertRaisesRegex(era_tools.NoAnswer, "witness"):
            self.ask(self.put("002-crash"), 2, witness=self.witness())
        with self.assertRaisesRegex(era_tools.NoAnswer, "was not remembered"):
            self.ask(path, before.era + 2, witness=before)

    def test_it_is_kept_while_it_is_in_use(self):
        with era_tools.open(self.put("002-crash"), witness=self.witness()) as era:
            for _ in range(3):
                with self.assertRaises(era_tools.NoAnswer):
                    era.changes(2)

    def test_its_file(self):
        witness = self.witness()
        path = os.path.join(self.folder, "witness")
        witness.save(path)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), bytes(witness))
        self.assertEqual(bytes(era_tools.Witness.load(path)), bytes(witness))
        self.assertEqual(bytes(era_tools.Witness.decode(bytes(witness))), bytes(witness))
        with self.assertRaisesRegex(era_tools.Damaged, "mine: "):
            era_tools.Witness.decode(bytes(witness)[:-1], "mine")
        with self.assertRaises(era_tools.Damaged):
            era_tools.Witness.load(self.put("002-crash"))
        with self.assertRaises(era_tools.SystemRefused):
            era_tools.Witness.load(os.path.join(self.folder, "nothing"))


class TestDamage(OnImages):
    def test_damage_gives_the_truth_or_no_answer(self):
        wanted = sum(era >= 3 for era in truth("002-crash"))
        refused = 0
        for block in range(1, 64):
            path = self.put("002-crash", block * 4096 + 99)
            try:
                with era_tools.open(path) as era:
                    self.assertEqual(len(era.changes(3)), wanted)
            except era_tools.Damaged as error:
                refused += 1
                self.assertIn(path, str(error))
                self.assertTrue(error.problems)
                self.assertTrue(all(p.name and p.text for p in error.problems))
        self.assertGreater(refused, 5)

    def test_repair_lists_no_less(self):
        eras = truth("002-crash")
        marked = 0
        for block in range(1, 64):
            with era_tools.open(self.put("002-crash", block * 4096 + 99), repair=True) as era:
                changes = era.changes(3)
                listed = changes.bitmap()
                unknown = sum(run.nr_blocks for run in changes if run.unknown)
            self.assertEqual(unknown, changes.nr_unknown)
            self.assertTrue(changes.nr_problems or not unknown)
            marked += unknown
            for number, era in enumerate(eras):
                self.assertTrue(era < 3 or listed[number // 8] >> number % 8 & 1)
        self.assertTrue(marked)

    def test_check(self):
        self.assertTrue(era_tools.check(self.put("002-crash")).is_sound)
        result = era_tools.check(self.put("002-crash", 99))
        self.assertFalse(result.is_sound)
        self.assertEqual([p.name for p in result.problems], ["checksum"])
        self.assertEqual(result.problems[0].severity, era_tools.Severity.FATAL)
        self.assertEqual(result.problems[0].block, 0)
        with self.assertRaises(era_tools.NoAnswer):
            era_tools.check(self.put("002-crash"), era_tools.Scope.SNAPSHOT)
        with self.assertRaises(era_tools.SystemRefused):
            era_tools.check(os.path.join(self.folder, "nothing"))

    def test_what_a_callback_raises_ends_the_call(self):
        class Enough(Exception):
            pass

        def raise_it(*_):
            raise Enough

        with self.assertRaises(Enough):
            era_tools.open(self.put("002-crash"), on_progress=raise_it)
        with self.assertRaises(Enough):
            era_tools.check(self.put("002-crash", 99), on_problem=raise_it)

    def test_exceptions_are_of_one_family(self):
        for name in ("Damaged", "SystemRefused", "NoAnswer", "Invalid"):
            self.assertTrue(issubclass(getattr(era_tools, name), era_tools.EraError))


class TestDeclarations(unittest.TestCase):
    """What is declared for ctypes is what the header says."""

    C_TYPES = {
        "uint32_t": ctypes.c_uint32,
        "uint64_t": ctypes.c_uint64,
        "const char *": ctypes.c_char_p,
    }
    STRUCTURES = {
        "dmera_problem": _library.Problem,
        "dmera_facts": _library.Facts,
        "dmera_totals": _library.Totals,
        "dmera_run": _library.Run,
        "dmera_witness_facts": _library.WitnessFacts,
        "dmera_check": _library.Check,
    }

    def setUp(self):
        with open(HEADER, encoding="ascii") as file:
            self.header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)

    def test_structures(self):
        found = re.findall(r"struct (\w+) \{(.*?)\n\};", self.header, flags=re.S)
        self.assertEqual(dict(found).keys(), self.STRUCTURES.keys())
        for name, body in found:
            fields = []
            for kind, names in re.findall(r"(const char \*|uint\d\d_t )([\w, ]+);", body):
                for field in names.split(","):
                    fields.append((field.strip(), self.C_TYPES[kind.strip()]))
            self.assertEqual(fields, self.STRUCTURES[name]._fields_, name)

    def test_functions(self):
        found = re.findall(
            r"^(?!typedef)[^\n#(]*?\b(dmera_\w+)\(([^)]*)\)", self.header, flags=re.M
        )
        self.assertEqual({name for name, _ in found}, set(_library.PROTOTYPES))
        for name, arguments in found:
            count = 0 if arguments == "void" else len(arguments.split(","))
            self.assertEqual(count, len(_library.PROTOTYPES[name][1]), name)

    def test_values(self):
        for name, value in re.findall(r"\bDMERA_(\w+) (?:= )?(-?\d+)\b", self.header):
            if hasattr(_library, name):
                self.assertEqual(getattr(_library, name), int(value), name)

    def test_version(self):
        top = os.path.dirname(os.path.dirname(HEADER))
        with open(os.path.join(top, "python", "pyproject.toml"), encoding="utf-8") as file:
            found = re.search(r'^version = "(.*)"$', file.read(), flags=re.M)
        self.assertIsNotNone(found)
        self.assertEqual(found[1], era_tools.version())


if __name__ == "__main__":
    unittest.main()
