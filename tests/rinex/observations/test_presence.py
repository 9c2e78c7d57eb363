"""Values and unpaired indicators are found alike in rows of whole blocks and in all others."""

from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.rinex import read
from gnssice_batch.rinex.observations.presence import has_unpaired_indicators, presence_of, values_per_row, words
from gnssice_batch.rinex.observations.values import BLOCK, MISSING, MISSING_INDICATOR
from tests.support.runs import DAY_ONE_S, rinex, span_s

COLUMNS = [1, BLOCK - 1, BLOCK, BLOCK + 1, 8 * BLOCK, 8 * BLOCK + 3]


def observations(columns, *, order="C"):
    """Four rows of two satellites, everything missing."""
    (part,) = read(rinex(span_s(DAY_ONE_S, 1 / 60), ["G01", "G02"])).parts
    shape = part.value.shape[0], columns
    value = np.full(shape, MISSING, np.int64, order=order)
    lli, ssi = (np.full(shape, MISSING_INDICATOR, np.int8, order=order) for _ in range(2))
    return replace(part, value=value, lli=lli, ssi=ssi)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("columns", COLUMNS)
class TestCells:
    def test_a_value_is_counted_in_its_row_and_found_at_its_satellite(self, columns, order):
        made = observations(columns, order=order)
        made.value[1, columns - 1] = made.value[2, 0] = 0
        counts = values_per_row(made)
        assert counts.tolist() == [0, 1, 1, *[0] * (counts.size - 3)]
        present = presence_of(made).present
        assert present.shape == (len(made.svs), words(columns))
        assert int(np.bitwise_count(present).sum()) == len({(made.row_sv[1], columns - 1), (made.row_sv[2], 0)})

    @pytest.mark.parametrize("name", ["lli", "ssi"])
    def test_an_indicator_is_unpaired_where_its_value_is_missing(self, columns, order, name):
        made = observations(columns, order=order)
        assert not has_unpaired_indicators(made)
        getattr(made, name)[1, columns - 1] = 0
        assert has_unpaired_indicators(made)
        made.value[1, columns - 1] = 5
        assert not has_unpaired_indicators(made)

    def test_values_without_indicators_are_no_fault(self, columns, order):
        made = observations(columns, order=order)
        made.value[:] = 5
        assert not has_unpaired_indicators(made)
