"""The coordinate of an axis whose times are computed: it answers as any other, and makes no times for nothing."""

import asyncio
import tracemalloc

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.base import tokenize
from xarray.core import duck_array_ops

from gnssice_batch.store.reading.longvariable import LongVariable
from gnssice_batch.store.reading.regular_times import RegularTimes
from gnssice_batch.store.reading.timeindex import epoch_index

NEW_YEAR = 1_735_689_600 * 10**9
ROW = RegularTimes(NEW_YEAR, 30 * 10**9, 10)
ENDLESS = RegularTimes(NEW_YEAR, 1, 10**15)
"""More epochs than there is an address for: whatever makes an array of all of them fails at once."""
ATTRIBUTES = {"standard_name": "time", "axis": "T"}


def computing(row, dim="epoch"):
    """Return the coordinate of an axis that computes its times."""
    variable = epoch_index(row, dim, 0).create_variables()[dim]
    variable.attrs = dict(ATTRIBUTES)
    return variable


def plain(row, dim="epoch"):
    """Return any variable of the same times."""
    return xr.Variable(dim, row.at(np.arange(row.size)).view("datetime64[ns]"), ATTRIBUTES)


def in_memory(values):
    return LongVariable("epoch", np.array(values, "datetime64[ns]"), ATTRIBUTES)


class TestEquality:
    def test_is_that_of_dimensions_and_times(self):
        assert computing(ROW).equals(computing(ROW)) is True
        assert computing(ROW).equals(computing(RegularTimes(ROW.first + 1, ROW.step, ROW.size))) is False
        assert computing(ROW).equals(computing(ROW, "time")) is False
        assert computing(ROW).equals(xr.DataArray(computing(ROW), dims="epoch")) is True

    def test_of_any_variable_is_that_of_its_values(self):
        assert computing(ROW).equals(plain(ROW)) is True
        assert computing(ROW).equals(plain(ROW) + np.timedelta64(1, "ns")) is False
        assert computing(ROW).equals(plain(ROW, "time")) is False

    def test_of_one_whose_times_are_in_memory_is_that_of_its_values(self):
        loaded = in_memory(plain(ROW).values)
        assert loaded.equals(computing(ROW)) is True
        assert computing(ROW).equals(loaded) is True
        assert loaded.equals(plain(ROW)) is True
        assert loaded.equals(in_memory(plain(ROW).values[::-1])) is False

    @pytest.mark.parametrize("other", [None, 5, "epoch", [1, 2], np.array([1])])
    def test_with_what_is_no_variable(self, other):
        assert computing(ROW).equals(other) is False

    def test_computes_nothing_to_compare_axes(self):
        assert computing(ENDLESS).equals(computing(ENDLESS)) is True
        assert computing(ENDLESS).equals(computing(RegularTimes(NEW_YEAR, 2, 10**15))) is False
        assert computing(ENDLESS).equals(plain(ROW)) is False


class TestAsItIs:
    def test_it_has_its_rule_until_its_times_are_in_memory(self):
        assert computing(ROW).times_ns == ROW
        assert in_memory(["2025-01-01"]).times_ns is None

    def test_chunks_are_not_made_and_nothing_is_copied(self):
        assert computing(ENDLESS).chunk({"epoch": 5}).times_ns == ENDLESS
        loaded = in_memory(["2025-01-01", "2025-01-03"])
        same = loaded.chunk(1)
        assert (same.chunks, same.attrs) == (None, ATTRIBUTES)
        assert np.shares_memory(same.values, loaded.values)

    def test_it_is_not_computed_to_be_loaded_with_others(self):
        endless = computing(ENDLESS)
        assert endless.load() is endless
        assert asyncio.run(endless.load_async()) is endless

    def test_but_what_is_not_computed_from_a_rule_is_loaded(self):
        values = plain(ROW).values
        now, later = (LongVariable("epoch", da.from_array(values, chunks=3)) for _ in range(2))
        asyncio.run(later.load_async())
        assert isinstance(now.load()._data, np.ndarray)
        assert isinstance(later._data, np.ndarray)
        np.testing.assert_array_equal(later.values, values)

    def test_its_name_for_dask_follows_from_its_rule_and_attributes(self):
        other_order, other_text = computing(ROW), computing(ROW)
        other_order.attrs = dict(reversed(ATTRIBUTES.items()))
        other_text.attrs = {**ATTRIBUTES, "axis": "X"}
        assert tokenize(computing(ENDLESS)) == tokenize(computing(ENDLESS)) != tokenize(computing(ROW))
        assert tokenize(computing(ROW)) == tokenize(other_order) != tokenize(other_text)
        assert tokenize(in_memory(["2025-01-01"])) == tokenize(in_memory(["2025-01-01"]))
        assert tokenize(in_memory(["2025-01-01"])) != tokenize(in_memory(["2025-01-02"]))


class TestReduction:
    def test_the_first_and_last_are_the_ends_of_the_axis(self):
        assert computing(ENDLESS).min().values == np.datetime64("2025-01-01", "ns")
        assert computing(ENDLESS).max().values == np.datetime64(NEW_YEAR + 10**15 - 1, "ns")
        assert computing(ROW).min(keep_attrs=True).attrs == ATTRIBUTES

    def test_another_one_is_that_of_all_times(self):
        assert computing(ROW).reduce(duck_array_ops.count).values == 10
        assert computing(ROW).reduce(duck_array_ops.mean).values == np.datetime64("2025-01-01T00:02:15")

    def test_of_times_in_memory_it_is_that_of_their_values(self):
        loaded = in_memory(["2025-01-03", "2025-01-01", "2025-01-09", "2025-01-02"])
        assert loaded.min().values == np.datetime64("2025-01-01")
        assert loaded.max().values == np.datetime64("2025-01-09")

    def test_of_no_times_it_is_what_xarray_says(self):
        none = RegularTimes(NEW_YEAR, 30 * 10**9, 0)
        with pytest.raises(ValueError, match="zero-size array"):
            plain(none).max()
        with pytest.raises(ValueError, match="zero-size array"):
            computing(none).max()


WINDOWS = ({"epoch": 1}, {"epoch": 2}, {"epoch": 3}, {"epoch": 7}, {"epoch": 10}, {}, {"sid": 2})
BOUNDARIES = ("exact", "trim", "pad", {"epoch": "trim"}, {"epoch": "pad", "sid": "exact"})
WRONG = [({"epoch": 0}, "trim"), ({"epoch": 0}, "exact"), ({"epoch": -2}, "pad"), ({"epoch": 3}, "else")]


def coarse(variable, *arguments, **more):
    """Return times and attributes of a coarser variable, or the kind of its failure."""
    try:
        found = variable.coarsen(*arguments, **more)
    except (ValueError, TypeError, NameError) as error:
        return type(error)
    return found.dims, found.values.tolist(), found.attrs


class TestCoarser:
    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)
    @pytest.mark.parametrize("side", ["left", "right", {"epoch": "right"}], ids=str)
    def test_as_xarray_does_it(self, boundary, side):
        for windows in WINDOWS:
            for func in ("min", "mean", "max", "count", "median"):
                asked = (windows, func, boundary, side)
                assert coarse(computing(ROW), *asked) == coarse(plain(ROW), *asked), asked

    def test_a_window_longer_than_the_axis(self):
        for side in ("left", "right"):
            asked = ({"epoch": 12}, "mean", "pad", side)
            assert coarse(computing(ROW), *asked) == coarse(plain(ROW), *asked)
        assert computing(ROW).coarsen({"epoch": 12}, "mean", "trim").size == 0

    @pytest.mark.parametrize(("windows", "boundary"), WRONG, ids=str)
    def test_what_is_wrong_is_refused_as_xarray_does(self, windows, boundary):
        assert coarse(computing(ROW), windows, "mean", boundary) is coarse(plain(ROW), windows, "mean", boundary)

    def test_functions_options_and_times_in_memory_are_xarray_s(self):
        loaded = in_memory(["2025-01-03", "2025-01-01", "2025-01-09", "2025-01-02"])
        assert loaded.coarsen({"epoch": 2}, "min").values.tolist() == [
            *in_memory(["2025-01-01", "2025-01-02"]).values.tolist()
        ]
        pairs = computing(ROW).coarsen({"epoch": 2}, duck_array_ops.max)
        assert pairs.values.tolist() == plain(ROW).values[1::2].tolist()
        assert coarse(computing(ROW), {"epoch": 2}, "mean", nonsense=1) is TypeError
        assert coarse(computing(ROW), {"epoch": 2}, "nonsense") is NameError

    @pytest.mark.parametrize(("keep", "attributes"), [(None, ATTRIBUTES), (True, ATTRIBUTES), (False, {})])
    def test_attributes_are_kept_if_they_are_not_unwanted(self, keep, attributes):
        assert computing(ROW).coarsen({"epoch": 2}, "mean", keep_attrs=keep).attrs == attributes

    @pytest.mark.parametrize(("boundary", "more"), [("exact", 0), ("trim", 3)])
    def test_one_time_of_each_window_is_all_that_is_made(self, boundary, more):
        axis = computing(RegularTimes(NEW_YEAR, 1, 10**15 + more))
        assert axis.coarsen({"epoch": 10**14}, "max", boundary).values[[0, -1]].tolist() == [
            NEW_YEAR + 10**14 - 1,
            NEW_YEAR + 10**15 - 1,
        ]
        assert axis.coarsen({"sid": 2}, "mean").times_ns.size == 10**15 + more

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_of_a_padded_axis_only_the_rest_is_made(self, side):
        axis = computing(RegularTimes(NEW_YEAR, 10**9, 1_000_001))
        tracemalloc.start()
        assert axis.coarsen({"epoch": 1_000}, "mean", "pad", side).size == 1_001
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()
