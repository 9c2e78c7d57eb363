"""Epoch rows: the source of every epoch comes back from its runs, however short these are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.model.values import NO_SOURCE, EpochRows

sources = st.lists(st.integers(-4, 3), max_size=60).map(lambda numbers: np.array(numbers, np.int32))


@given(sources)
def test_the_source_of_every_epoch_comes_back(source):
    rows = EpochRows.of(7, source, joined=True)
    assert (rows.start, len(rows), rows.joined, rows.source.dtype) == (7, source.size, True, np.int32)
    np.testing.assert_array_equal(rows.source, source)
    assert rows.run_ends.size == rows.run_sources.size == 1 + np.count_nonzero(np.diff(source)) if source.size else True


def test_every_epoch_may_have_another_source():
    source = np.arange(-2, -34_562, -1, dtype=np.int32)
    np.testing.assert_array_equal(EpochRows.of(0, source).source, source)


def test_twelve_daily_files_take_twelve_runs():
    rows = EpochRows.of(0, np.repeat(np.arange(-2, -14, -1, dtype=np.int32), 2880))
    assert (rows.run_ends.nbytes, rows.run_sources.nbytes, len(rows)) == (48, 48, 34_560)


def test_files_get_their_ledger_rows():
    rows = EpochRows.of(0, np.array([-2, -2, NO_SOURCE, 5, -3], np.int32))
    np.testing.assert_array_equal(rows.with_rows([20, 30]), [20, 20, NO_SOURCE, 5, 30])
