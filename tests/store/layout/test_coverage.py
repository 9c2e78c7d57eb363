"""The coverage of a group: from the first epoch that any file holds to the last one."""

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.values import NO_SOURCE, EpochRows, Span
from gnssice_batch.store.layout import coverage as module
from gnssice_batch.store.layout.coverage import (
    coverage,
    coverage_attributes,
    coverage_of,
    covered,
    searched_coverage,
    told_coverage,
)

GRID = empty_grid(SECOND_NS, 0, 10, 0)
sources = st.lists(st.integers(-3, 1), min_size=10, max_size=10).map(lambda numbers: np.array(numbers, np.int32))


@given(st.lists(sources, min_size=1, max_size=4))
def test_coverage_is_from_the_first_held_epoch_to_the_last(units):
    rows = [EpochRows.of(10 * number, source) for number, source in enumerate(units)]
    held = np.flatnonzero(np.concatenate(units) != NO_SOURCE)
    expected = Span(GRID.time_ns(int(held[0])), GRID.time_ns(int(held[-1]))) if held.size else None
    assert covered(None, rows[::-1], GRID) == expected


def test_what_was_covered_stays_covered():
    rows = [EpochRows.of(10, np.array([NO_SOURCE, -2, -2], np.int32))]
    before = Span(GRID.time_ns(3), GRID.time_ns(4))
    assert covered(before, rows, GRID) == Span(GRID.time_ns(3), GRID.time_ns(12))
    assert covered(before, [], GRID) == before


def test_attributes_tell_a_coverage_only_by_both_of_its_ends():
    both = {"first_epoch_ns": 1, "last_epoch_ns": 2}
    assert coverage_of(both) == Span(1, 2)
    for told in ({}, {"first_epoch_ns": 1}, {"last_epoch_ns": 2}, both | {"first_epoch_ns": "1"}):
        assert coverage_of(told) is None


@pytest.mark.parametrize("held", [(7, 7), (7, 52), (33, 34), (0, 99), None])
def test_a_coverage_is_searched_part_by_part_from_both_ends(monkeypatch, held):
    monkeypatch.setattr(module, "_EPOCHS_AT_ONCE", 2 * GRID.unit)
    grid = GRID.covering(0, GRID.time_ns(99))
    group = zarr.create_group(zarr.storage.MemoryStore())
    group.create_array("source_file", shape=(grid.size,), dtype="int32", chunks=(10,), fill_value=NO_SOURCE)
    if held:
        group["source_file"][list(held)] = 0
    found = searched_coverage(group, grid)
    assert found == (Span(grid.time_ns(held[0]), grid.time_ns(held[1])) if held else None)


@pytest.mark.parametrize(
    ("first", "last", "held"),
    [(-5, 12, (0, 12)), (3, 40, (3, 19)), (-9, 90, (0, 19)), (7, 7, (7, 7)), (0, 19, (0, 19))],
)
def test_a_group_that_tells_no_coverage_has_that_of_its_ledger_on_its_axis(monkeypatch, first, last, held):
    """Files reach beyond the axis of a group that was told to take no more."""
    grid = GRID.covering(0, GRID.time_ns(19))
    monkeypatch.setattr(module, "written_span", lambda _: Span(grid.time_ns(first), grid.time_ns(last)))
    group = zarr.create_group(zarr.storage.MemoryStore())
    found = Span(*map(grid.time_ns, held))
    assert coverage(group, grid) == found
    group.attrs.update(coverage_attributes(Span(1, 2)))
    assert coverage(group, grid) == Span(1, 2)


@pytest.mark.parametrize("span", [None, (20, 30), (-7, -1)])
def test_files_that_lie_off_the_axis_cover_nothing(monkeypatch, span):
    grid = GRID.covering(0, GRID.time_ns(19))
    monkeypatch.setattr(module, "written_span", lambda _: span and Span(*map(grid.time_ns, span)))
    assert coverage(zarr.create_group(zarr.storage.MemoryStore()), grid) is None


def test_the_attributes_of_a_coverage_tell_its_ends_in_words_and_in_nanoseconds():
    assert coverage_attributes(Span(SECOND_NS, 90 * SECOND_NS)) == {
        "time_coverage_start": "1980-01-06T00:00:01.000000000",
        "time_coverage_end": "1980-01-06T00:01:30.000000000",
        "first_epoch_ns": SECOND_NS,
        "last_epoch_ns": 90 * SECOND_NS,
    }
    assert coverage_attributes(None) == {}


def test_a_group_of_vod_is_covered_as_its_attributes_say_and_by_no_ledger():
    group = zarr.create_group(zarr.storage.MemoryStore(), attributes={"product": "vod"})
    grid = GRID.covering(0, GRID.time_ns(19))
    assert coverage(group, grid) is None
    group.attrs.update(coverage_attributes(Span(1, 2)))
    assert coverage(group, grid) == told_coverage(group) == Span(1, 2)


@pytest.mark.parametrize("most", [1, 15, 1000])
def test_a_coverage_is_searched_in_whole_write_units_however_long_these_are(monkeypatch, most):
    monkeypatch.setattr(module, "_EPOCHS_AT_ONCE", most)
    grid = GRID.covering(0, GRID.time_ns(39))
    group = zarr.create_group(zarr.storage.MemoryStore())
    group.create_array("source_file", shape=(grid.size,), dtype="int32", chunks=(10,), fill_value=NO_SOURCE)
    group["source_file"][[9, 10, 29, 30]] = 0
    assert searched_coverage(group, grid) == Span(grid.time_ns(9), grid.time_ns(30))


def test_what_was_covered_stays_where_more_is_written_within_it():
    rows = [EpochRows.of(number, np.array([0], np.int32)) for number in (7, 3, 5)]
    assert covered(None, rows, GRID) == Span(GRID.time_ns(3), GRID.time_ns(7))
    before = Span(GRID.time_ns(1), GRID.time_ns(9))
    assert covered(before, rows, GRID) == before
