"""Which files a part of a virtual array is in, whatever the part is."""

import os

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gnssice_batch.model.virtual import NetcdfFile, Profile, SeriesGrid, StoredSeries, VirtualRow, VirtualState
from gnssice_batch.store.layout.referenced_files import ReferencedFiles, changed_on_disk

SIZE, DAY = 60, 10
SERIES = StoredSeries("one", Profile("time", "", "", "", "", "", "", 5, DAY), SeriesGrid(1000, 5, DAY, SIZE))
INDEX = st.integers(-SIZE, SIZE - 1)
STEP = st.integers(-DAY - 3, DAY + 3).filter(bool)
PARTS = st.one_of(
    INDEX,
    st.builds(slice, st.none() | INDEX, st.none() | INDEX, st.none() | STEP),
    st.lists(INDEX, max_size=5).map(lambda found: np.array(found, int)),
)


def row(day, uri=None, **words):
    """Make the row of a file of a day of ten epochs."""
    first = SERIES.grid.origin_ns + day * DAY * 5
    file = NetcdfFile(uri or f"{day}.nc", "one", words.pop("size_bytes", 1), "", words.pop("modified_ns", 0))
    words = {"state": VirtualState.VIRTUAL, "group": "one", **words}
    return VirtualRow(file, first_ns=first, last_ns=first + (DAY - 1) * 5, epochs=DAY, **words)


@hypothesis.settings(max_examples=600)
@hypothesis.given(st.sets(st.integers(0, SIZE // DAY - 1)), PARTS)
def test_the_files_that_hold_any_of_some_epochs(days, part):
    files = ReferencedFiles.of([row(day) for day in sorted(days, reverse=True)], SERIES)
    wanted = sorted(days & set((np.atleast_1d(np.arange(SIZE)[part]) // DAY).tolist()))
    assert [each.file.uri for each in files.holding(part, SIZE)] == [f"{day}.nc" for day in wanted]


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, False),
        ({"size_bytes": 6}, True),
        ({"modified_ns": 1_700_000_000_250_000_000}, False),
        ({"modified_ns": 1_700_000_000_250_000_240}, False),
        ({"modified_ns": 1_700_000_000_250_002_000}, True),
        ({"modified_ns": 1_700_000_000_249_000_000}, True),
        ({"state": VirtualState.NATIVE, "size_bytes": 6}, False),
        ({"uri": "gone.nc", "size_bytes": 6}, False),
    ],
)
def test_a_file_is_as_it_was_by_size_and_time(tmp_path, change, changed):
    (tmp_path / "0.nc").write_bytes(b"12345")
    os.utime(tmp_path / "0.nc", ns=(0, 1_700_000_000_250_000_000))
    mine = row(0, **{"size_bytes": 5, **change})
    assert bool(list(changed_on_disk([mine], [tmp_path / "nowhere", tmp_path]))) is changed


MODIFIED_NS = 1_700_000_000_250_000_000


def put(folder, size_bytes, modified_ns):
    folder.mkdir(exist_ok=True)
    (folder / "0.nc").write_bytes(b"1" * size_bytes)
    os.utime(folder / "0.nc", ns=(0, modified_ns))


@pytest.mark.parametrize(
    ("size_bytes", "modified_ns", "told"),
    [
        (5, MODIFIED_NS + 1_000, None),
        (5, MODIFIED_NS - 1_000, None),
        (5, 1_700_000_000_000_000_000, None),
        (5, MODIFIED_NS + 1_001, "it was modified 0.000 s later"),
        (5, MODIFIED_NS - 1_001, "it was modified 0.000 s earlier"),
        (5, MODIFIED_NS + 1_500_000_000_000, "it was modified 1,500.000 s later"),
        (5, MODIFIED_NS - 1_250_000_000, "it was modified 1.250 s earlier"),
        (1_234, MODIFIED_NS, "it has 1,234 bytes instead of 5"),
        (4, MODIFIED_NS + 9, "it has 4 bytes instead of 5"),
    ],
)
def test_how_a_file_differs_is_told_by_size_else_by_time(tmp_path, size_bytes, modified_ns, told):
    put(tmp_path, size_bytes, modified_ns)
    mine = row(0, size_bytes=5, modified_ns=MODIFIED_NS)
    assert list(changed_on_disk([mine], [tmp_path])) == ([(mine, told)] if told else [])


def test_a_file_in_two_folders_is_as_it_was_in_one_or_differs_as_in_the_first(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    put(first, 6, MODIFIED_NS)
    put(second, 5, MODIFIED_NS)
    mine = row(0, size_bytes=5, modified_ns=MODIFIED_NS)
    assert list(changed_on_disk([mine], [first, second])) == []
    put(second, 7, MODIFIED_NS)
    assert list(changed_on_disk([mine], [first, second])) == [(mine, "it has 6 bytes instead of 5")]


def test_a_file_of_which_no_time_is_known_is_held_to_its_size(tmp_path):
    put(tmp_path, 5, 17)
    assert list(changed_on_disk([row(0, size_bytes=5)], [tmp_path])) == []


def test_the_file_of_a_group_of_its_own_is_all_of_it():
    files = ReferencedFiles.of([row(3)], None)
    assert (files.starts.tolist(), files.stops.tolist()) == ([0], [DAY])
