"""The write units of one partition as a worker makes them: in a fork of its own, from files of a folder."""

from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import empty_block
from gnssice_batch.ingest.partition import _refused, _UnitState, ingest_partition
from gnssice_batch.ingest.reading import read_file
from gnssice_batch.ingest.tallies import Gaps
from gnssice_batch.model.template import signal_axis
from gnssice_batch.model.values import (
    NO_SOURCE,
    Assignment,
    Overlap,
    Partition,
    SourceFile,
    Span,
    Status,
    Strategy,
    Tally,
)
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.store.reading.cells import cells_of_fork
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.structure import StructureChange, make_structure
from tests.support.runs import DAY_ONE_S, rinex, settings, write
from tests.support.templates import DAY_ONE_NS, UNIT, template

UNITS = 3
STEP_NS = 30 * 10**9
SIDS = ("G01|L1|C", "G02|L1|C", "R03|G1|C")
MADE = template(units=UNITS)
MADE = replace(MADE, axis=signal_axis(SIDS), grid=replace(MADE.grid, read_unit=180))
PER_EPOCH = 4 * len(SIDS)


class Worker:
    """Does partitions of one receiver, each on what the one before has written."""

    def __init__(self, folder):
        self.archive, self.files = folder / "archive", {}
        self.context = rules_of(settings(folder)).context(["rec"])
        repository = open_repository(str(folder / "site" / "rinex"))
        change = StructureChange((MADE,), "rinex3")
        self.fork = make_structure(repository, repository.head(), "staging", change).work_fork

    def add(self, uri, epochs, **content):
        """Put a file with these epochs of the grid into the archive."""
        made = rinex([DAY_ONE_S + 30 * epoch for epoch in epochs], **content)
        write(self.archive, {uri: made})
        self.files[uri] = SourceFile(uri, "rec", len(made), "")

    def rank(self, uri):
        return read_file(self.files[uri], self.context).facts.rank

    def do(self, promised, stored=(), first_unit=0, **more):
        """Do the partition of all units with files that promise epochs; keep what was written."""
        spans = tuple(
            Span(DAY_ONE_NS + first * STEP_NS, DAY_ONE_NS + last * STEP_NS) for first, last in promised.values()
        )
        files = tuple(self.files[uri] for uri in promised)
        first_row = len(stored)
        ranks = {row: self.rank(uri) for row, uri in enumerate(stored)}
        numbers = tuple(range(first_row, first_row + len(files)))
        partition = Partition("rec.2025001T000000", "rec", first_unit, UNITS - first_unit)
        assignment = Assignment(partition, MADE.grid, MADE.axis, files, spans, numbers, ranks, **more)
        outcome = ingest_partition(assignment, self.fork, self.context)
        self.fork = outcome.fork or self.fork
        return outcome

    @property
    def sources(self):
        """Ledger row of every epoch."""
        return cells_of_fork(self.fork, "rec").sources(range(UNITS * UNIT))

    def joined(self, span):
        """Ledger row of every signal that is from another file than its epoch; nothing where there are none."""
        return cells_of_fork(self.fork, "rec").joined(span).get("source_file")

    def held(self):
        """By ledger row, how many epochs of each unit are from it."""
        rows = self.sources.reshape(UNITS, UNIT)
        return {row: (rows == row).sum(axis=1).tolist() for row in np.unique(rows).tolist() if row != NO_SOURCE}


@pytest.fixture
def worker(tmp_path):
    return Worker(tmp_path)


def test_a_unit_is_made_for_what_a_file_turns_out_to_hold(worker):
    """Names may promise too little: at either end of a unit, and beyond it."""
    worker.add("early", range(300, 400))
    worker.add("long", range(700, 800))
    outcome = worker.do({"early": (390, 399), "long": (750, 760)})
    assert worker.held() == {0: [100, 0, 0], 1: [20, 80, 0]}
    assert outcome.written_units == (0, 1)
    assert [one.written for one in outcome.files] == [Tally(100, 100 * PER_EPOCH)] * 2
    assert [one.refused for one in outcome.files] == [{}, {}]


@pytest.mark.parametrize(("second", "promised"), [((200, 500), (200, 209)), ((200, 640), (630, 640))])
def test_a_unit_is_laid_out_as_wide_as_a_file_turns_out_to_reach(worker, second, promised):
    worker.add("first", range(600, 610) if promised[0] > 600 else range(100))
    worker.add("second", range(*second), svs=("G01",), salt=1)
    outcome = worker.do({"first": (600, 609) if promised[0] > 600 else (0, 99), "second": promised})
    written = [one.written.epochs for one in outcome.files]
    assert written == [10, 430] if promised[0] > 600 else [100, 300]
    assert sum(worker.held()[1]) == written[1]


@pytest.mark.parametrize("slot", [0, 180, UNIT - 1, UNIT, UNITS * UNIT - 1])
def test_a_file_of_one_epoch_is_written_wherever_it_lies(worker, slot):
    worker.add("one", [slot], svs=("G01",))
    worker.do({"one": (slot, slot)})
    assert np.flatnonzero(worker.sources == 0).tolist() == [slot]
    worker.add("better", [slot], salt=1)
    outcome = worker.do({"better": (slot, slot)}, stored=["one"])
    assert np.flatnonzero(worker.sources == 1).tolist() == [slot]
    assert outcome.displaced == {0: Tally(1, 4)}


def test_a_unit_in_which_no_epoch_finds_a_slot_is_not_written(worker):
    worker.add("off", [UNIT + 0.4, UNIT + 1.4])
    outcome = worker.do({"off": (UNIT, UNIT + 1)})
    assert (outcome.written_units, worker.held()) == ((), {})
    assert outcome.files[0].refused == {Reason.OFF_GRID: Tally(2, 2 * PER_EPOCH)}


def test_the_very_first_epoch_is_told_where_it_may_not_be_appended(worker):
    worker.add("later", range(5, 10))
    worker.do({"later": (5, 9)})
    worker.add("first", [0], salt=1)
    overlap = Overlap(Strategy.APPEND, DAY_ONE_NS + 9 * STEP_NS)
    (file,) = worker.do({"first": (0, 0)}, stored=["later"], overlap=overlap).files
    assert file.refused == {Reason.NOT_APPENDED: Tally(1, PER_EPOCH)}
    worker.add("before", range(-10, -3), salt=2)
    (file,) = worker.do({"before": (-10, -4)}, stored=["later"], first_unit=-1, overlap=overlap).files
    assert file.refused == {Reason.NOT_APPENDED: Tally(7, 7 * PER_EPOCH)}


def test_a_unit_that_is_made_again_starts_from_what_the_store_has(worker):
    worker.add("first", range(100))
    worker.do({"first": (0, 99)})
    worker.add("second", range(200, 210))
    worker.add("late", range(90, 120), svs=("G01",), salt=1)
    outcome = worker.do({"second": (200, 209), "late": (1000, 1001)}, stored=["first"])
    assert worker.held() == {0: [100, 0, 0], 1: [10, 0, 0], 2: [20, 0, 0]}
    second, late = outcome.files
    assert (second.written.epochs, late.written.epochs) == (10, 20)
    assert late.refused == {Reason.SUPERSEDED: Tally(10, 40)}
    assert outcome.displaced == {}
    assert outcome.written_units == (0,)


def test_units_that_are_not_to_be_made_again_are_counted_and_left(worker):
    worker.add("whole", range(UNITS * UNIT))
    worker.do({"whole": (0, UNITS * UNIT - 1)})
    outcome = worker.do({"whole": (700, 800)}, stored=["whole"], rewritten=frozenset({1}))
    assert outcome.written_units == (1,)
    assert worker.held() == {0: [UNIT, 0, UNIT], 1: [0, UNIT, 0]}
    assert [part.start for part in outcome.epochs] == [UNIT]
    (file,) = outcome.files
    assert file.written == Tally(UNIT, UNIT * PER_EPOCH)
    assert file.refused == {Reason.DUPLICATE_CONTENT: Tally(2 * UNIT, 2 * UNIT * PER_EPOCH)}


def test_a_unit_that_is_made_again_of_nothing_is_emptied(worker):
    worker.add("whole", range(UNITS * UNIT))
    worker.do({"whole": (0, UNITS * UNIT - 1)})
    worker.add("part", range(UNIT, UNIT + 5))
    outcome = worker.do({"part": (UNIT, UNIT + 4)}, stored=["whole"], rewritten=frozenset({1, 2}))
    assert outcome.written_units == (1, 2)
    assert worker.held() == {0: [UNIT, 0, 0], 1: [0, 5, 0]}


def test_a_signal_that_the_axis_lacks_writes_nothing_and_is_told(worker):
    worker.add("known", range(10))
    worker.add("other", range(UNIT, UNIT + 10), svs=("G01", "E05"))
    before = worker.fork
    outcome = worker.do({"known": (0, 9), "other": (UNIT, UNIT + 9)})
    assert outcome.unknown_sids == ("E05|E1|C",)
    assert (outcome.fork, outcome.epochs, outcome.written_units) == (None, (), ())
    assert (outcome.displaced, outcome.joined, outcome.not_mixed, outcome.document) == ({}, {}, {}, b"")
    assert worker.fork is before
    assert [one.file.uri for one in outcome.files] == ["known", "other"]


def test_what_comes_later_is_appended_and_the_rest_is_told(worker):
    worker.add("first", range(100, 200))
    worker.do({"first": (100, 199)})
    worker.add("across", range(90, 210), svs=("G01", "G02"), salt=1)
    after_ns = DAY_ONE_NS + 199 * STEP_NS
    outcome = worker.do({"across": (90, 209)}, stored=["first"], overlap=Overlap(Strategy.APPEND, after_ns))
    assert worker.held() == {0: [100, 0, 0], 1: [10, 0, 0]}
    (file,) = outcome.files
    assert file.written == Tally(10, 80)
    assert file.refused == {Reason.NOT_APPENDED: Tally(10, 80), Reason.SUPERSEDED: Tally(100, 800)}


@pytest.mark.parametrize("later", [False, True])
def test_the_same_content_again_is_a_duplicate(worker, later):
    worker.add("one", range(10))
    worker.add("other", range(10))
    if later:
        worker.do({"one": (0, 9)})
        files = worker.do({"other": (0, 9)}, stored=["one"]).files
    else:
        files = worker.do({"one": (0, 9), "other": (0, 9)}).files
    assert files[-1].refused == {Reason.DUPLICATE_CONTENT: Tally(10, 10 * PER_EPOCH)}
    assert files[-1].written == Tally()
    assert worker.held() == {0: [10, 0, 0]}


def test_what_a_better_file_takes_is_displaced(worker):
    worker.add("poor", range(20), svs=("G01",), salt=1)
    worker.do({"poor": (0, 19)})
    worker.add("rich", range(10, 30))
    outcome = worker.do({"rich": (10, 29)}, stored=["poor"])
    assert outcome.displaced == {0: Tally(10, 40)}
    assert worker.held() == {0: [10, 0, 0], 1: [20, 0, 0]}
    assert outcome.joined == {}


def test_signals_of_two_files_are_joined_and_counted(worker):
    worker.add("gps", range(40), svs=("G01", "G02"))
    worker.do({"gps": (0, 39)})
    worker.add("glonass", range(30, 50), svs=("R03",))
    outcome = worker.do({"glonass": (30, 49)}, stored=["gps"])
    (file,) = outcome.files
    assert (file.written, file.joined) == (Tally(20, 80), 10)
    assert (outcome.joined, outcome.displaced) == ({}, {})
    assert worker.held() == {0: [40, 0, 0], 1: [10, 0, 0]}
    assert (worker.joined(range(50)) == 1).sum(axis=0).tolist() == [0, 0, 10]
    worker.add("more", range(5), svs=("R03",), salt=2)
    outcome = worker.do({"more": (0, 4)}, stored=["gps", "glonass"])
    (file,) = outcome.files
    assert (file.written, file.joined, outcome.joined) == (Tally(5, 20), 5, {})
    assert [part.joined for part in outcome.epochs] == [True]


def test_files_that_meet_in_one_run_are_joined_too(worker):
    worker.add("gps", range(40), svs=("G01", "G02"))
    worker.add("glonass", range(30, 50), svs=("R03",))
    outcome = worker.do({"gps": (0, 39), "glonass": (30, 49)})
    assert [(one.written, one.joined) for one in outcome.files] == [(Tally(40, 320), 0), (Tally(20, 80), 10)]
    assert (outcome.joined, outcome.not_mixed) == ({}, {})


def test_an_earlier_file_that_keeps_signals_only_is_counted_as_joined(worker):
    worker.add("glonass", range(10), svs=("R03",))
    worker.do({"glonass": (0, 9)})
    worker.add("gps", range(5, 40), svs=("G01", "G02"))
    outcome = worker.do({"gps": (5, 39)}, stored=["glonass"])
    assert (outcome.joined, outcome.displaced) == ({0: 5}, {})
    assert worker.held() == {0: [5, 0, 0], 1: [35, 0, 0]}


def test_values_that_no_signal_takes_are_told_of_the_file_that_has_them(worker):
    most, least = ("C1C", "L1C", "S1C"), ("D1C",)
    worker.add("least", range(10), codes=least)
    worker.do({"least": (0, 9)})
    worker.add("most", range(20), codes=most)
    assert worker.do({"most": (0, 19)}, stored=["least"]).not_mixed == {0: 10 * len(SIDS)}
    worker.add("again", range(5), codes=least, salt=1)
    outcome = worker.do({"again": (0, 4)}, stored=["least", "most"])
    assert outcome.files[0].refused == {Reason.NOT_MIXED: Tally(0, 5 * len(SIDS)), Reason.SUPERSEDED: Tally(5, 0)}
    assert outcome.not_mixed == {}


@pytest.mark.parametrize(("lost", "kept"), [(range(5), range(5, 9)), (range(5, 9), range(5))])
def test_a_file_loses_values_in_some_epochs_and_is_joined_in_others(worker, lost, kept):
    """Neither is forgotten when the other is first met."""
    worker.add("doppler", lost, codes=("D1C",), svs=("G01",))
    worker.add("glonass", kept, svs=("R03",))
    worker.do({"doppler": (lost[0], lost[-1]), "glonass": (kept[0], kept[-1])})
    worker.add("most", range(20), codes=("C1C", "L1C", "S1C"), svs=("G01",))
    outcome = worker.do({"most": (0, 19)}, stored=["doppler", "glonass"])
    assert (outcome.not_mixed, outcome.joined) == ({0: len(lost)}, {1: len(kept)})
    assert outcome.displaced == {0: Tally(len(lost), len(lost))}
    assert (worker.joined(range(20)) == 1).sum() == len(kept)


def test_what_was_joined_is_no_more_where_a_unit_is_made_again_without_it(worker):
    """The first file turns out to have all signals of the epochs that two others share."""
    worker.add("all", range(60), salt=1)
    worker.add("gps", range(40), svs=("G01", "G02"))
    worker.add("glonass", range(30, 50), svs=("R03",))
    outcome = worker.do({"all": (UNIT, UNIT), "gps": (0, 39), "glonass": (30, 49)})
    assert worker.held() == {0: [60, 0, 0]}
    joined = worker.joined(range(50))
    assert joined is None or (joined == NO_SOURCE).all()
    assert [(one.written.epochs, one.joined) for one in outcome.files] == [(60, 0), (0, 0), (0, 0)]


def test_three_files_of_the_same_epochs_leave_the_best_of_them(worker):
    worker.add("one", range(10), svs=("G01",), salt=1)
    worker.add("two", range(20), svs=("G01", "R03"), salt=2)
    worker.add("three", range(15), svs=("G01",), salt=3)
    outcome = worker.do({"one": (0, 9), "two": (0, 19), "three": (0, 14)})
    assert worker.held() == {1: [20, 0, 0]}
    assert [one.written for one in outcome.files] == [Tally(), Tally(20, 160), Tally()]
    assert [one.refused.get(Reason.SUPERSEDED) for one in outcome.files] == [Tally(10, 40), None, Tally(15, 60)]


def test_a_file_that_gives_nothing_leaves_the_others_as_they_are(worker):
    worker.add("good", range(10))
    worker.add("page", range(10))
    write(worker.archive, {"page": b"<html>"})
    outcome = worker.do({"good": (0, 9), "page": (0, 9)})
    assert worker.held() == {0: [10, 0, 0]}
    assert [one.status for one in outcome.files] == [Status.OK, Status.REJECTED]


def test_nothing_is_written_where_nothing_is_new(worker):
    worker.add("first", range(100))
    worker.do({"first": (0, 99)})
    worker.add("worse", range(50), svs=("G01",), salt=1)
    outcome = worker.do({"worse": (0, 49)}, stored=["first"])
    assert (outcome.written_units, outcome.epochs) == ((), ())
    assert outcome.files[0].refused == {Reason.SUPERSEDED: Tally(50, 200)}


def state(**more):
    return _UnitState(empty_block(0, 10, 1), placed={0: Tally(10, 40)}, refused={0: {}}, **more)


def test_each_value_that_is_not_taken_is_told_of_once():
    gaps = Gaps(np.arange(10) < 3, 12)
    held, not_mixed = {-2: Tally(5, 20)}, {-2: 2}
    assert _refused(state(gaps={0: gaps}), held, not_mixed) == {
        0: {
            Reason.NOT_MIXED: Tally(0, 2),
            Reason.NOT_APPENDED: Tally(3, 12),
            Reason.SUPERSEDED: Tally(2, 6),
        }
    }
    assert _refused(state(), held, {}) == {0: {Reason.SUPERSEDED: Tally(5, 20)}}
    assert _refused(state(duplicates={0}), {-2: Tally(1, 4)}, {}) == {0: {Reason.DUPLICATE_CONTENT: Tally(9, 36)}}
    assert _refused(state(), {-2: Tally(10, 40)}, {}) == {0: {}}
