"""The coverage of a group: from the first epoch that any file holds to the last one."""

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.values import NO_SOURCE, EpochRows, Span
from gnssice_batch.store.layout import coverage as module
from gnssice_batch.store.layout.coverage import coverage_of, covered, searched_coverage

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
