"""The coverage of a group: from the first epoch that any file holds to the last one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.values import NO_SOURCE, EpochRows, Span
from gnssice_batch.store.layout.coverage import covered

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
