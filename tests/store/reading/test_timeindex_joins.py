"""What becomes of a computing axis that meets another one, or pandas' own."""

import numpy as np
import pandas as pd
import pytest
from xarray.indexes import PandasIndex

from gnssice_batch.store.reading.regular_times import RegularTimes
from gnssice_batch.store.reading.timeindex import EpochTransform, RegularEpochIndex

SECOND = 10**9
NEW_YEAR = 1_735_689_600 * SECOND


def row(first, size=10, step=30):
    """Return a row whose numbers are seconds since the beginning of 2025."""
    return RegularTimes(NEW_YEAR + first * SECOND, step * SECOND, size)


def computing(first, size=10, step=30, limit=0, name="epoch"):
    return RegularEpochIndex(EpochTransform(row(first, size, step), name, "epoch"), limit)


def pandas_of(seconds, unit="ns", zone=None):
    times = pd.DatetimeIndex([pd.Timestamp("2025-01-01") + pd.Timedelta(each, "s") for each in seconds]).as_unit(unit)
    return PandasIndex(times.tz_localize(zone), "epoch")


def seconds_of(index):
    return ((index.to_pandas_index().as_unit("ns").asi8 - NEW_YEAR) // SECOND).tolist()


class TestJoin:
    @pytest.mark.parametrize(
        ("how", "other", "expected"),
        [
            ("inner", (60, 10, 30), row(60, 8)),
            ("inner", (0, 3, 90), row(0, 3, 90)),
            ("inner", (7, 10, 30), row(0, 0)),
            ("outer", (60, 10, 30), row(0, 12)),
            ("outer", (300, 5, 30), row(0, 15)),
            ("outer", (30, 2, 60), row(0, 10)),
        ],
    )
    def test_of_two_computing_axes_is_one_wherever_it_is_regular(self, how, other, expected):
        found = computing(0, limit=0, name="time").join(computing(*other), how)
        assert isinstance(found, RegularEpochIndex)
        assert (found.times_ns.size, found.name, found.dim) == (expected.size, "time", "epoch")
        assert not expected.size or found.times_ns == expected

    def test_is_pandas_own_up_to_the_limit_of_the_first(self):
        assert isinstance(computing(0, limit=8).join(computing(60), "inner"), PandasIndex)
        assert isinstance(computing(0, limit=7).join(computing(60), "inner"), RegularEpochIndex)

    def test_of_all_epochs_that_are_not_regular_is_pandas_own(self):
        found = computing(0, 3).join(computing(45, 2), "outer")
        assert isinstance(found, PandasIndex)
        assert seconds_of(found) == [0, 30, 45, 60, 75]

    @pytest.mark.parametrize(
        ("how", "expected"), [("inner", [0, 60, 270]), ("outer", [0, 7, *range(30, 300, 30), 300])]
    )
    def test_with_pandas_holds_the_epochs_of_both_or_either(self, how, expected):
        for unit in ("s", "ns"):
            plain = pandas_of([0, 7, 60, 270, 300], unit)
            for one, other in ((computing(0), plain), (plain, computing(0))):
                found = RegularEpochIndex.join(one, other, how)
                assert isinstance(found, PandasIndex)
                assert seconds_of(found) == expected

    def test_with_pandas_keeps_name_and_dimension(self):
        found = computing(0, name="time").join(pandas_of([0, 30]), "inner")
        assert (found.index.name, found.dim, found.index.dtype) == ("time", "epoch", "datetime64[ns]")

    @pytest.mark.parametrize("seconds", [[60, 0, 30], [0, 30, 30, 60]], ids=["unsorted", "twice"])
    def test_with_pandas_in_another_order_is_what_pandas_says(self, seconds):
        plain = pandas_of(seconds)
        in_memory = PandasIndex(computing(0).to_pandas_index(), "epoch")
        for ours, theirs in ((computing(0), plain), (plain, computing(0))):
            wanted = PandasIndex.join(*(in_memory if one is not plain else plain for one in (ours, theirs)), "inner")
            assert seconds_of(RegularEpochIndex.join(ours, theirs, "inner")) == seconds_of(wanted)

    def test_with_pandas_makes_no_array_of_all_epochs(self):
        """More than there is an address for."""
        endless = RegularEpochIndex(EpochTransform(RegularTimes(NEW_YEAR, 1, 10**15), "epoch", "epoch"))
        for one, other in ((endless, pandas_of([-1, 0, 7])), (pandas_of([-1, 0, 7]), endless)):
            assert seconds_of(RegularEpochIndex.join(one, other, "inner")) == [0, 7]

    def test_with_labels_that_pandas_alone_knows(self):
        texts = PandasIndex(pd.Index(["2025-01-01T00:00:30", "a"], dtype=object), "epoch")
        assert computing(0).join(texts, "inner").to_pandas_index().tolist() == []
        with pytest.raises(TypeError, match=r"interpret 'datetime64\[ns, UTC\]' as a data type"):
            computing(0).join(pandas_of([0, 30], zone="UTC"), "inner")

    def test_of_two_pandas_indexes_that_a_third_one_came_before(self):
        found = RegularEpochIndex.join(pandas_of([0, 30, 60]), pandas_of([30, 60, 90]), "inner")
        assert seconds_of(found) == [30, 60]


class TestReindexing:
    def test_gives_positions_of_another_axis_s_epochs(self):
        found = computing(0).reindex_like(computing(-30, 4, 60))["epoch"]
        assert found.tolist() == [-1, 1, 3, 5]
        assert computing(0).reindex_like(pandas_of([270, 7, 0], "s"))["epoch"].tolist() == [9, -1, 0]

    @pytest.mark.parametrize("other", [computing(-20, 4, 60), pandas_of([-20, 40, 100, 160])])
    def test_takes_the_method_and_the_tolerance(self, other):
        assert computing(0).reindex_like(other, "nearest")["epoch"].tolist() == [0, 1, 3, 5]
        assert computing(0).reindex_like(other, "nearest", "10s")["epoch"].tolist() == [-1, 1, 3, 5]
        assert computing(0).reindex_like(other, "pad", np.timedelta64(15, "s"))["epoch"].tolist() == [-1, 1, 3, 5]
        assert computing(0).reindex_like(other, "backfill")["epoch"].tolist() == [0, 2, 4, 6]


class TestConcatenation:
    def concat(self, *indexes, positions=None):
        return RegularEpochIndex.concat(list(indexes), "epoch", positions)

    def test_of_axes_that_go_on_where_another_ends_is_one(self):
        found = self.concat(computing(0, 3, name="time"), computing(90, 2), computing(150, 1))
        assert isinstance(found, RegularEpochIndex)
        assert (found.times_ns, found.name, found.pandas_limit) == (row(0, 6), "time", 0)
        assert self.concat(computing(0, 3)).times_ns == row(0, 3)

    def test_is_pandas_own_up_to_the_limit_of_the_first(self):
        assert isinstance(self.concat(computing(0, 3, limit=5), computing(90, 2)), PandasIndex)

    @pytest.mark.parametrize(
        "others",
        [
            [computing(120, 2)],
            [computing(60, 2)],
            [computing(90, 2, 60)],
            [computing(120, 2), computing(180, 2)],
            [pandas_of([90, 120])],
        ],
    )
    def test_of_others_is_pandas_own(self, others):
        found = self.concat(computing(0, 3), *others)
        assert isinstance(found, PandasIndex)
        assert seconds_of(found) == [0, 30, 60, *(second for one in others for second in seconds_of(one))]

    def test_in_a_given_order_is_pandas_own(self):
        found = self.concat(computing(0, 2), computing(60, 2), positions=[[0, 2], [1, 3]])
        assert seconds_of(found) == [0, 60, 30, 90]
