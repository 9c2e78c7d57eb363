"""The files of a partition: which units they reach, which are read, which are held for how long."""

from dataclasses import replace

import pytest

from gnssice_batch.ingest import sources as module
from gnssice_batch.ingest.reading import ReadFile
from gnssice_batch.ingest.sources import Sources, by_first_unit
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import signal_axis
from gnssice_batch.model.values import Assignment, FileFacts, Partition, SourceFile, Span, Status

GRID = empty_grid(30 * SECOND_NS, 0, 720, 0)
GRID = replace(GRID.covering(0, GRID.time_ns(6 * 720 - 1)), read_unit=180)
UNITS = Partition("rec.1980006T000000", "rec", 1, 4)


def span(first, last):
    """Epochs of the grid, by their numbers."""
    return Span(GRID.time_ns(first), GRID.time_ns(last))


def assignment(*spans):
    files = tuple(SourceFile(f"file{number}", "rec", 1, "") for number in range(len(spans)))
    rows = tuple(range(len(spans)))
    return Assignment(
        UNITS, GRID, signal_axis(["G01|L1|C", "G02|L1|C"]), files, tuple(span(*one) for one in spans), rows
    )


class Archive:
    """Gives files; notes which were read."""

    def __init__(self, true=(), sids=()):
        self.read, self._true, self._sids = [], dict(true), dict(sids)

    def __call__(self, file):
        self.read.append(file.uri)
        facts = FileFacts(span=self._true.get(file.uri, span(720, 721)))
        return ReadFile(file, facts, Status.OK, None, ("part",), frozenset(self._sids.get(file.uri, ())), size_bytes=7)


@pytest.fixture(autouse=True)
def size_bytes(monkeypatch):
    """Observations of a file take 100 bytes."""
    monkeypatch.setattr(module, "observations_bytes", lambda result: 100 * len(result.parts))


def test_a_unit_is_reached_by_what_names_promise_until_a_file_is_read():
    sources = Sources(assignment((700, 719), (720, 1439), (1439, 1440)), Archive({"file2": span(2160, 2160)}))
    assert [sources.reaching(unit) for unit in range(4)] == [[0], [1, 2], [2], []]
    sources.get(2)
    assert [sources.reaching(unit) for unit in range(4)] == [[0], [1], [], [2]]


def test_a_file_without_epochs_reaches_nothing():
    sources = Sources(assignment((720, 1439)), Archive({"file0": None}))
    sources.get(0)
    assert sources.reaching(1) == []


@pytest.mark.parametrize(
    ("spans", "window"),
    [
        ([], (1440, 2160)),
        ([(0, 5000)], (1440, 2160)),
        ([(1500, 1500)], (1440, 1620)),
        ([(1500, 1619), (1700, 1700)], (1440, 1800)),
        ([(1620, 1799)], (1620, 1800)),
        ([(1799, 1800), (0, 9)], (1620, 1980)),
    ],
)
def test_the_window_of_a_unit_is_whole_read_units_of_what_reaches_it(spans, window):
    assert Sources(assignment(*spans), Archive()).window(2) == range(*window)


def test_a_file_is_read_once_while_it_is_held():
    sources = Sources(assignment((720, 730), (720, 1440)), archive := Archive({"file1": span(720, 1440)}))
    assert sources.get(0).parts == sources.get(0).parts == ("part",)
    assert sources.results[0].parts == ()
    assert (archive.read, sources.bytes_read) == (["file0"], 7)
    sources.get(1)
    for index in (0, 1):
        sources.drop_unless_reaching(index, [2, 3])
    sources.get(1)
    assert archive.read == ["file0", "file1"]
    sources.get(0)
    assert archive.read == ["file0", "file1", "file0"]


def test_what_was_read_before_is_taken_once():
    files = assignment((720, 730)).files
    before = Archive()(files[0])
    sources = Sources(assignment((720, 730)), archive := Archive(), {files[0]: before})
    assert sources.get(0) is before
    assert (archive.read, sources.kept, sources.bytes_read) == ([], {}, 7)


def test_signals_that_the_axis_lacks_are_noted_and_the_places_of_others_known():
    archive = Archive(sids={"file0": ["G02|L1|C"], "file1": ["G01|L1|C", "R01|G1|C"]})
    sources = Sources(assignment((720, 730), (720, 730)), archive)
    sources.read_all()
    assert sources.unknown == {"R01|G1|C"}
    assert sources.places(0) == {"G02|L1|C": 1}
    assert archive.read == ["file0", "file1"]
    sources.read_all()
    assert archive.read == ["file0", "file1"]


class TestReadInVain:
    """What is held is laid out again where a signal turns out to be unknown."""

    def held(self, sources):
        return sorted(one.file.uri for one in sources.read_in_vain())

    def test_as_many_files_are_held_as_there_is_room_for(self):
        sources = Sources(assignment((720, 730), (720, 730), (720, 730)), Archive(), spare_bytes=199)
        sources.get(0)
        sources.drop_unless_reaching(0, [])
        sources.get(1)
        sources.drop_unless_reaching(1, [])
        assert (self.held(sources), sources.spare_bytes) == (["file0"], 99)

    def test_room_for_just_one_is_room(self):
        sources = Sources(assignment((720, 730), (720, 730)), Archive(), spare_bytes=100)
        sources.get(0)
        sources.drop_unless_reaching(0, [])
        assert (self.held(sources), sources.spare_bytes) == (["file0"], 0)

    def test_none_is_once_all_are_read_and_no_signal_is_unknown(self):
        sources = Sources(assignment((720, 730), (720, 730)), Archive(), spare_bytes=1000)
        sources.read_all()
        assert self.held(sources) == []

    def test_all_are_where_a_signal_is_unknown(self):
        archive = Archive(sids={"file1": ["R01|G1|C"]})
        sources = Sources(assignment((720, 730), (720, 730)), archive, spare_bytes=1000)
        sources.read_all()
        assert self.held(sources) == ["file0", "file1"]


def test_files_that_reach_other_partitions_are_shared():
    inside, before, behind, wide = (720, 3599), (719, 800), (3000, 3600), (0, 4000)
    task = assignment(inside, before, behind, wide, (0, 9))
    sources = Sources(task, Archive({"file4": span(720, 3599)}))
    assert {file.uri for file in sources.shared()} == {"file1", "file2", "file3", "file4"}
    sources.get(4)
    assert {file.uri for file in sources.shared()} == {"file1", "file2", "file3"}


def test_files_are_wanted_in_the_order_of_their_units():
    task = assignment((3000, 3001), (1439, 1440), (720, 730), (1440, 1441))
    assert [file.uri for file in by_first_unit(task)] == ["file1", "file2", "file3", "file0"]
