"""The index of a regular axis, held against pandas' own on axes short enough for both."""

import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gnssice_batch.store.reading.regular_times import RegularTimes
from gnssice_batch.store.reading.timeindex import RegularEpochIndex, epoch_index

START = pd.Timestamp("2024-12-30T22:59:30")
rows = st.builds(
    RegularTimes,
    first=st.sampled_from([START.as_unit("ns").value + ns for ns in (0, 30 * 10**9, 18 * 10**9, 123)]),
    step=st.sampled_from([10**8, 10**9, 30 * 10**9, 900 * 10**9, 3600 * 10**9, 86_400 * 10**9]),
    size=st.integers(1, 200),
)
texts = st.sampled_from(
    (
        *("1999", "2024", "2025", "2100", "2024-12", "2025-01", "20241231"),
        *("2024-12-30", "2024-12-31", "2025-01-01", "2024-12-30T23", "2024-12-31T00"),
        *("2024-12-30T23:00", "2024-12-30 23:01", "2024-12-30T23:00:00", "2024-12-30T23:00:30", "2024-12-30T22:59:48"),
        *("2024-12-30T22:59:30.5", "2024-12-30T23:00:12.000000123", "2024-12-30T23:00+00:00", "nonsense"),
    )
)
moments = st.integers(-(10**12), 2 * 10**13).map(lambda ns: START + pd.Timedelta(ns // 10**8 * 10**8))
times = st.one_of(moments, moments.map(pd.Timestamp.to_pydatetime), moments.map(pd.Timestamp.to_datetime64))
methods = st.sampled_from([None, "nearest", "pad", "ffill", "backfill", "bfill"])


def both(row):
    """Return the same axis with pandas' index and with ours."""
    values = xr.DataArray(np.arange(row.size), dims="epoch")
    plain = values.assign_coords(epoch=("epoch", pd.DatetimeIndex(row.at(np.arange(row.size)))))
    index = epoch_index(row, "epoch", 0)
    return plain, values.assign_coords(xr.Coordinates(index.create_variables(), {"epoch": index}))


def outcome(array, select):
    """Return the positions and times that a selection takes, or the kind of its failure."""
    try:
        taken = select(array)
    except (KeyError, TypeError, ValueError) as error:
        return "refused", error
    return taken.dims, taken.values.tolist(), taken.epoch.values.astype("datetime64[ns]").tolist()


def check_alike(row, select):
    plain, ours = both(row)
    expected, found = outcome(plain, select), outcome(ours, select)
    if expected[0] == "refused":
        assert found[0] == "refused", expected
    else:
        assert found == expected


class TestIndexAnswersAsPandasDoes:
    @given(rows, st.one_of(texts, times))
    def test_one_label(self, row, label):
        check_alike(row, lambda array: array.sel(epoch=label))

    @given(rows, st.integers(0, 199), st.booleans())
    @example(RegularTimes(1_735_599_570_000_000_000, 100_000_000, 1), 0, True)
    def test_one_that_is_there(self, row, position, as_text):
        time = pd.Timestamp(row.at(np.array(position % row.size)).item())
        check_alike(row, lambda array: array.sel(epoch=time.isoformat() if as_text else time))

    @given(rows, st.one_of(st.none(), texts, times), st.one_of(st.none(), texts, times), st.sampled_from([None, 1, 3]))
    def test_a_slice(self, row, first, last, step):
        check_alike(row, lambda array: array.sel(epoch=slice(first, last, step)))

    @given(rows, st.lists(moments, max_size=5), methods, st.sampled_from([None, "1s", np.timedelta64(20, "m")]))
    def test_a_list(self, row, labels, method, tolerance):
        if method is None:
            tolerance = None
        labels = pd.DatetimeIndex(labels, dtype="datetime64[ns]")
        for wanted in (labels, labels.to_numpy(), xr.DataArray(labels.to_numpy(), dims="event")):
            check_alike(row, lambda array, w=wanted: array.sel(epoch=w, method=method, tolerance=tolerance))

    @given(rows, texts, st.sampled_from(["nearest", "pad", "bfill"]))
    def test_a_string_and_a_method(self, row, text, method):
        check_alike(row, lambda array: array.sel(epoch=text, method=method))

    @given(rows, st.lists(st.sampled_from(["2024-12-30T23:00:00", "2024-12-31", "x"]), min_size=1, max_size=3))
    def test_a_list_of_strings(self, row, labels):
        check_alike(row, lambda array: array.sel(epoch=labels))

    @given(rows, st.one_of(st.slices(250), st.integers(-300, 300), st.lists(st.integers(-300, 300), max_size=6)))
    def test_positions(self, row, part):
        positions = np.arange(row.size)
        try:
            positions[np.array(part, int) if isinstance(part, list) else part]
        except IndexError:
            return
        check_alike(row, lambda array: array.isel(epoch=part))

    @given(rows, st.data())
    def test_a_mask(self, row, data):
        mask = np.array(data.draw(st.lists(st.booleans(), min_size=row.size, max_size=row.size)))
        check_alike(row, lambda array: array.isel(epoch=mask))
        check_alike(row, lambda array: array.sel(epoch=mask))
        check_alike(row, lambda array: array.isel(epoch=xr.DataArray(np.flatnonzero(mask), dims="event")))

    @given(rows, rows, st.sampled_from(["inner", "outer", "left", "right"]), st.integers(-50, 50))
    def test_alignment(self, row, other, join, shift):
        other = replace(other, first=other.first + shift * other.step)
        pairs = zip(both(row), both(other), strict=True)
        (a, b), (c, d) = (xr.align(one, two, join=join) for one, two in pairs)
        for expected, found in ((a, c), (b, d)):
            np.testing.assert_array_equal(found.values, expected.values)
            np.testing.assert_array_equal(found.epoch.values, expected.epoch.values.astype("datetime64[ns]"))

    @given(rows, st.integers(0, 200), st.integers(0, 200))
    def test_put_together_again(self, row, first, second):
        for array in both(row):
            parts = [array[:first], array[first:second], array[second:]]
            whole = xr.concat([part for part in parts if part.size], "epoch")
            expected = [part for part in parts if part.size]
            np.testing.assert_array_equal(whole.values, np.concatenate([part.values for part in expected]))
            np.testing.assert_array_equal(whole.epoch.values, np.concatenate([part.epoch.values for part in expected]))

    @given(rows, st.integers(-300, 300))
    def test_roll_shift_and_rename(self, row, shift):
        plain, ours = both(row)
        for rolled in (plain.roll(epoch=shift, roll_coords=True), ours.roll(epoch=shift, roll_coords=True)):
            np.testing.assert_array_equal(rolled.epoch.values.astype(np.int64), np.roll(row.at(plain.values), shift))
        renamed = ours.rename(epoch="time")
        assert renamed.indexes["time"].equals(pd.DatetimeIndex(plain.epoch.values))
        assert isinstance(renamed.xindexes["time"], RegularEpochIndex)

    @given(rows)
    def test_identity_and_pickle(self, row):
        plain, ours = both(row)
        assert pickle.loads(pickle.dumps(ours)).identical(ours)
        assert ours.copy(deep=True).xindexes["epoch"].equals(ours.xindexes["epoch"])
        assert not ours.xindexes["epoch"].equals(both(replace(row, first=row.first + 1))[1].xindexes["epoch"])
        assert not ours.xindexes["epoch"].equals(plain.xindexes["epoch"])
        assert ours.indexes["epoch"].equals(pd.DatetimeIndex(plain.epoch.values))


KINDS = ("pandas", "plain", "computing")
joins = st.sampled_from(["inner", "outer", "left", "right"])


def of_kind(row, kind, name):
    """Return a dataset over an axis with an index of pandas, with our own pandas index, or with one that computes."""
    variables = {name: ("epoch", np.arange(row.size, dtype=float))}
    if kind == "pandas":
        return xr.Dataset(variables, {"epoch": pd.DatetimeIndex(row.at(np.arange(row.size)))})
    index = epoch_index(row, "epoch", 1_000 if kind == "plain" else 0)
    return xr.Dataset(variables, xr.Coordinates(index.create_variables(), {"epoch": index}))


def check_same(found, expected):
    assert found.sizes == expected.sizes
    for name in expected.variables:
        wanted = expected[name].values
        np.testing.assert_array_equal(found[name].values, wanted.astype(found[name].dtype), err_msg=str(name))
    assert found.indexes["epoch"].equals(expected.indexes["epoch"])


@pytest.mark.parametrize("kinds", [(one, other) for one in KINDS for other in KINDS])
class TestKindsOfIndexAlign:
    """Every pair of kinds gives what two pandas indexes give."""

    @pytest.fixture
    def pairs(self, kinds):
        def made(row, other, shift):
            other = replace(other, first=other.first + shift * other.step)
            return [(of_kind(row, one, "a"), of_kind(other, two, "b")) for one, two in (kinds, ("pandas", "pandas"))]

        return made

    @given(row=rows, other=rows, join=joins, shift=st.integers(-50, 50))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
    def test_align_and_merge(self, pairs, row, other, join, shift):
        found, expected = pairs(row, other, shift)
        for one, two in zip(xr.align(*found, join=join), xr.align(*expected, join=join), strict=True):
            check_same(one, two)
        check_same(xr.merge(found, join=join), xr.merge(expected, join=join))

    @given(row=rows, other=rows, shift=st.integers(-50, 50))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
    def test_subtract_and_where(self, pairs, row, other, shift):
        (a, b), (c, d) = pairs(row, other, shift)
        check_same((a.a - b.b).to_dataset(name="x"), (c.a - d.b).to_dataset(name="x"))
        check_same(a.where(b.b > 3), c.where(d.b > 3))
        check_same(a.reindex_like(b), c.reindex_like(d))

    @given(row=rows, shift=st.integers(1, 50))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
    def test_concat(self, pairs, row, shift):
        behind = replace(row, first=row.last + row.step)
        found, expected = pairs(row, behind, shift)
        one, two = ([part.rename_vars(b="a") if "b" in part else part for part in some] for some in (found, expected))
        check_same(xr.concat(one, "epoch"), xr.concat(two, "epoch"))
        beside = [xr.concat(some, "receiver", join="outer") for some in (one, two)]
        check_same(*beside)

    def test_exact(self, pairs):
        row = RegularTimes(START.as_unit("ns").value, 30 * 10**9, 100)
        found, expected = pairs(row, row, 0)
        for one, two in zip(xr.align(*found, join="exact"), xr.align(*expected, join="exact"), strict=True):
            check_same(one, two)
        longer = pairs(row, replace(row, size=101), 0)[0]
        with pytest.raises(ValueError, match="exact"):
            xr.align(*longer, join="exact")

    def test_three_at_once_and_without_order(self, pairs):
        row = RegularTimes(START.as_unit("ns").value, 30 * 10**9, 100)
        found, expected = pairs(row, replace(row, size=40), 10)
        third = of_kind(replace(row, first=row.first + 15 * row.step), "pandas", "c").isel(epoch=[7, 3, 5])
        for join in ("inner", "outer"):
            check_same(xr.merge([*found, third], join=join), xr.merge([*expected, third], join=join))
            check_same(xr.merge([third, *found], join=join), xr.merge([third, *expected], join=join))


def test_a_short_axis_of_ours_does_not_ask_a_long_one_for_all_its_epochs():
    short = of_kind(RegularTimes(TestIndexOfManyEpochs.ROW.first + 10**9, 10**9, 100), "plain", "a")
    index = epoch_index(TestIndexOfManyEpochs.ROW, "epoch")
    long = xr.Dataset(coords=xr.Coordinates(index.create_variables(), {"epoch": index}))
    tracemalloc.start()
    for pair in ((short, long), (long, short)):
        assert [part.sizes["epoch"] for part in xr.align(*pair, join="inner")] == [100, 100]
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


class TestIndexOfManyEpochs:
    """Ten years at 1 s: exact to the nanosecond, and nothing is made of its length."""

    ROW = RegularTimes(START.as_unit("ns").value + 7, 10**9, 315_360_000)

    @pytest.fixture
    def array(self):
        index = epoch_index(self.ROW, "epoch")
        return xr.Dataset(coords=xr.Coordinates(index.create_variables(), {"epoch": index}))

    def test_last_epoch_to_the_nanosecond(self, array):
        last = START + pd.Timedelta(315_359_999, "s") + pd.Timedelta(7, "ns")
        assert array.epoch[-1].values == last.to_datetime64()
        assert array.sel(epoch=last).epoch.values == last.to_datetime64()
        with pytest.raises(KeyError, match="not all values found"):
            array.sel(epoch=last + pd.Timedelta(1, "ns"))

    def test_every_second_of_it(self, array):
        assert array.isel(epoch=slice(None, None, 2)).sizes["epoch"] == 157_680_000

    def test_time_zones_are_refused(self, array):
        for label in ("2025-01-01T00Z", pd.Timestamp("2025-01-01", tz="UTC")):
            with pytest.raises(KeyError, match="without a time zone"):
                array.sel(epoch=label)
        for label in ("2025-01-01T00Z", pd.Timestamp("2025-01-01", tz="UTC")):
            with pytest.raises(ValueError, match="without a time zone"):
                array.sel(epoch=slice(label, None))

    def test_a_slice_takes_no_method(self, array):
        with pytest.raises(NotImplementedError, match="neither method nor tolerance"):
            array.sel(epoch=slice("2025", None), method="nearest")

    def test_it_says_what_it_is(self, array):
        assert "315360000 epochs from 2024-12-30T22:59:30.000000007, every 1 s" in repr(array.xindexes["epoch"])
