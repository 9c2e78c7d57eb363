"""Which positions a label, a span or a part of a computing axis takes, and what is left of the axis."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from xarray.indexes import CoordinateTransform, PandasIndex

from gnssice_batch.store.reading.regular_times import RegularTimes
from gnssice_batch.store.reading.timeindex import EpochTransform, RegularEpochIndex, epoch_index

SECOND = 10**9
DAY = 86_400 * SECOND
NEW_YEAR = 1_735_689_600 * SECOND
ROW = RegularTimes(NEW_YEAR, 30 * SECOND, 10)
"""2025-01-01T00:00:00 to 00:04:30."""


def index_of(row=ROW, name="epoch", dim="epoch"):
    return RegularEpochIndex(EpochTransform(row, name, dim), 0)


def taken(label, row=ROW, **more):
    """Return what a label takes of an axis."""
    return index_of(row).sel({"epoch": label}, **more).dim_indexers["epoch"]


def time_of(text):
    return np.datetime64(text, "ns")


class TestTransform:
    def test_gives_times_of_positions_and_positions_of_times(self):
        transform = EpochTransform(ROW, "epoch", "row")
        times = transform.forward({"row": np.array([[0, 1], [9, -1]])})
        assert times["epoch"].tolist() == ROW.at(np.array([[0, 1], [9, 9]])).tolist()
        assert times["epoch"].dtype == "datetime64[ns]"
        assert transform.reverse({"epoch": times["epoch"]})["row"].tolist() == [[0, 1], [9, 9]]
        assert transform.reverse({"epoch": np.array(["2025-01-01T00:00:31"])})["row"].tolist() == [-1]
        assert transform.generate_coords()["epoch"].tolist() == ROW.at(np.arange(10)).tolist()
        assert (transform.dtype, transform.dim_size) == (np.dtype("datetime64[ns]"), {"row": 10})

    def test_is_the_same_with_the_same_times_and_names_alone(self):
        transform = EpochTransform(ROW, "epoch", "row")
        assert transform.equals(EpochTransform(RegularTimes(NEW_YEAR, 30 * SECOND, 10), "epoch", "row"))
        assert not transform.equals(EpochTransform(RegularTimes(NEW_YEAR, 30 * SECOND, 9), "epoch", "row"))
        assert not transform.equals(EpochTransform(ROW, "time", "row"))
        assert not transform.equals(EpochTransform(ROW, "epoch", "epoch"))

    def test_is_not_another_program_s_of_the_same_names(self):
        class Other(CoordinateTransform):
            times_ns = ROW

        assert not EpochTransform(ROW, "epoch", "row").equals(Other(["epoch"], {"row": 10}))


class TestOneLabel:
    @pytest.mark.parametrize(
        ("label", "more", "position"),
        [
            ("2025-01-01T00:00:00", {}, 0),
            (pd.Timestamp("2025-01-01T00:00:30"), {}, 1),
            (time_of("2025-01-01T00:04:30"), {}, 9),
            (np.datetime64("2025-01-01", "D"), {}, 0),
            ("2025-01-01T00:00:31", {"method": "pad"}, 1),
            ("2025-01-01", {"method": "nearest"}, 0),
            ("2025-01-01T00:00:44", {"method": "nearest", "tolerance": "14s"}, 1),
            ("2025-01-01T00:00:44", {"method": "nearest", "tolerance": np.timedelta64(14, "s")}, 1),
            (pd.Timestamp("2031-01-01"), {"method": "nearest"}, 9),
        ],
    )
    def test_takes_one_position(self, label, more, position):
        found = taken(label, **more)
        assert (type(found), found) == (int, position)

    @pytest.mark.parametrize(
        ("label", "more"),
        [
            ("2025-01-01T00:00:31", {}),
            ("2025-01-01T00:05:00", {}),
            ("2024", {}),
            ("2025-01-01T01", {}),
            ("2024-12-31", {}),
            ("nonsense", {}),
            (5, {}),
            (np.datetime64("NaT", "ns"), {}),
            ("2025-01-01T00Z", {}),
            ("2025-01-01T00:00:44", {"method": "nearest", "tolerance": "13s"}),
            (["2025-01-01T00:00:30", "2025-01-01T00:00:31"], {}),
        ],
    )
    def test_that_is_not_there_is_refused(self, label, more):
        with pytest.raises(KeyError):
            taken(label, **more)

    def test_is_told_why_it_is_refused(self):
        with pytest.raises(KeyError, match="labels of type int64 are no times"):
            taken(5)
        with pytest.raises(KeyError, match=r"not all values found in index 'epoch': .*10 epochs"):
            taken(pd.Timestamp("2025-01-01T00:00:31"))
        with pytest.raises(KeyError, match=r"none of it is in index 'epoch': .*10 epochs"):
            taken("2024")


class TestPartialStrings:
    @pytest.mark.parametrize(
        ("label", "part"),
        [
            ("2025", slice(0, 10)),
            ("2025-01-01", slice(0, 10)),
            ("2025-01-01T00:00", slice(0, 2)),
            ("2025-01-01T00:01", slice(2, 4)),
            ("2025-01-01T00:04", slice(8, 10)),
        ],
    )
    def test_take_all_of_their_unit(self, label, part):
        assert taken(label) == part

    def test_are_a_moment_where_the_axis_is_as_coarse(self):
        assert taken("2025-01-01", RegularTimes(NEW_YEAR, DAY, 3)) == 0
        assert taken("2025-01-01", RegularTimes(NEW_YEAR, 30 * SECOND, 1)) == 0
        assert taken("2025-01-01", RegularTimes(NEW_YEAR, 30 * SECOND, 2)) == slice(0, 2)

    def test_take_an_epoch_at_either_end_of_their_unit(self):
        assert taken("2024-12-31", RegularTimes(NEW_YEAR - 1, SECOND, 3)) == slice(0, 1)
        assert taken("2025-01-01", RegularTimes(NEW_YEAR - 2 * SECOND, SECOND, 3)) == slice(2, 3)

    def test_take_nothing_of_an_empty_axis(self):
        with pytest.raises(KeyError, match="none of it"):
            taken("2025", RegularTimes(NEW_YEAR + DAY, SECOND, 0))


class TestSpans:
    @pytest.mark.parametrize(
        ("label", "part"),
        [
            (slice(None), slice(0, 10)),
            (slice("2025-01-01T00:00:30", None), slice(1, 10)),
            (slice("2025-01-01T00:00:31", None), slice(2, 10)),
            (slice(None, "2025-01-01T00:01"), slice(0, 4)),
            (slice(None, pd.Timestamp("2025-01-01T00:01")), slice(0, 3)),
            (slice("2025-01-01T00:01", "2025-01-01T00:02", 2), slice(2, 6, 2)),
            (slice("2025-01-01T00:03", "2025-01-01T00:01"), slice(6, 6)),
            (slice("2026", None), slice(10, 10)),
            (slice(None, "2024"), slice(0, 0)),
        ],
    )
    def test_hold_both_their_ends(self, label, part):
        assert taken(label) == part

    @pytest.mark.parametrize("more", [{"method": "nearest"}, {"tolerance": "1s"}])
    def test_take_neither_method_nor_tolerance(self, more):
        with pytest.raises(NotImplementedError, match="neither method nor tolerance"):
            taken(slice("2025", None), **more)


class TestManyLabels:
    TEXTS = ("2025-01-01T00:00:30", "2025-01-01T00:01:00")

    def test_take_one_position_each_in_their_shape(self):
        assert taken(list(self.TEXTS)).tolist() == [1, 2]
        assert taken(np.array([self.TEXTS], "datetime64[ns]")).tolist() == [[1, 2]]
        assert taken(pd.DatetimeIndex(self.TEXTS)).tolist() == [1, 2]

    def test_of_a_variable_keep_its_dimension(self):
        found = taken(xr.Variable("event", np.array(self.TEXTS, "datetime64[ns]")))
        assert isinstance(found, xr.Variable)
        assert (found.dims, found.values.tolist()) == (("event",), [1, 2])

    def test_of_a_data_array_keep_its_coordinates(self):
        times = np.array(self.TEXTS, "datetime64[ns]")
        found = taken(xr.DataArray(times, dims="event"))
        assert (found.dims, found.values.tolist(), list(found.coords)) == (("event",), [1, 2], [])
        wanted = xr.DataArray(times, {"mark": ("event", ["a", "b"]), "event": [7, 8]}, "event")
        xr.testing.assert_identical(taken(wanted), wanted.copy(data=[1, 2]))

    def test_a_mask_is_taken_as_it_is(self):
        mask = np.arange(10) % 3 == 0
        assert taken(mask).tolist() == mask.tolist()


class TestParts:
    @pytest.mark.parametrize(
        ("part", "expected"),
        [
            (slice(None), ROW),
            (slice(2, 5), RegularTimes(NEW_YEAR + 60 * SECOND, 30 * SECOND, 3)),
            (slice(1, None, 4), RegularTimes(NEW_YEAR + 30 * SECOND, 120 * SECOND, 3)),
            (slice(None, None, 1), ROW),
        ],
    )
    def test_a_slice_is_a_computing_axis_again(self, part, expected):
        found = index_of().isel({"epoch": part})
        assert isinstance(found, RegularEpochIndex)
        assert (found.times_ns, found.name, found.dim, found.pandas_limit) == (expected, "epoch", "epoch", 0)

    @pytest.mark.parametrize(
        ("part", "positions"),
        [
            (slice(None, 6, -1), [9, 8, 7]),
            (np.array([5, 3, -1]), [5, 3, 9]),
            ([4, 4], [4, 4]),
            (np.arange(10) % 4 == 1, [1, 5, 9]),
            (xr.Variable("epoch", [2, 0]), [2, 0]),
        ],
    )
    def test_other_positions_are_a_pandas_index_of_their_times(self, part, positions):
        found = index_of().isel({"epoch": part})
        assert isinstance(found, PandasIndex)
        assert (found.dim, found.index.name) == ("epoch", "epoch")
        assert found.index.asi8.tolist() == ROW.at(np.array(positions)).tolist()

    @pytest.mark.parametrize(
        "part", [3, np.array(3), np.array([[1, 2]]), xr.Variable("event", [1, 2]), xr.Variable((), 3)]
    )
    def test_no_axis_is_left_of_one_epoch_or_along_another_dimension(self, part):
        assert index_of().isel({"epoch": part}) is None

    def test_a_short_part_is_a_pandas_index(self):
        long = RegularEpochIndex(EpochTransform(ROW, "time", "epoch"), 5)
        assert isinstance(long.isel({"epoch": slice(0, 6)}), RegularEpochIndex)
        short = long.isel({"epoch": slice(0, 5)})
        assert isinstance(short, PandasIndex)
        assert (short.index.name, short.dim) == ("time", "epoch")


class TestIndexOfAnAxis:
    @pytest.mark.parametrize(
        ("size", "limit", "computing"),
        [(10, 10, False), (10, 9, True), (10, 11, False), (10, 0, True), (1, 1, False), (0, 0, True), (0, 5, False)],
    )
    def test_is_pandas_own_up_to_the_limit(self, size, limit, computing):
        index = epoch_index(RegularTimes(NEW_YEAR, SECOND, size), "epoch", limit)
        assert isinstance(index, RegularEpochIndex) is computing
        assert len(index.to_pandas_index()) == size

    def test_has_the_name_of_its_dimension_or_its_own(self):
        assert (epoch_index(ROW, "row", 0).name, epoch_index(ROW, "row", 0).dim) == ("row", "row")
        assert (epoch_index(ROW, "row", 0, "epoch").name, epoch_index(ROW, "row", 0, "epoch").dim) == ("epoch", "row")
        assert epoch_index(ROW, "row", 10, "epoch").index.name == "epoch"

    def test_in_memory_it_is_all_its_times(self):
        for times in (index_of().to_pandas_index(), index_of().index):
            assert (times.name, times.asi8.tolist()) == ("epoch", ROW.at(np.arange(10)).tolist())
        assert index_of().coord_dtype == "datetime64[ns]"

    def test_its_coordinate_has_the_attributes_and_encoding_of_an_earlier_one(self):
        earlier = xr.Variable("epoch", np.arange(10), {"axis": "T"}, {"dtype": "int64"})
        found = index_of().create_variables({"epoch": earlier})["epoch"]
        assert (found.attrs, found.encoding) == ({"axis": "T"}, {"dtype": "int64"})
        assert (index_of().create_variables()["epoch"].attrs, found.times_ns) == ({}, ROW)

    def test_its_names_are_changed_one_by_one(self):
        named = index_of().rename({"epoch": "time"}, {})
        turned = index_of().rename({}, {"epoch": "row"})
        assert (named.name, named.dim, named.times_ns) == ("time", "epoch", ROW)
        assert (turned.name, turned.dim, turned.pandas_limit) == ("epoch", "row", 0)

    def test_it_says_what_it_is_in_as_many_letters_as_there_is_room_for(self):
        row = RegularTimes(NEW_YEAR, 1_500_000_000, 10)
        said = "RegularEpochIndex(10 epochs from 2025-01-01T00:00:00.000000000, every 1.5 s)"
        assert repr(index_of(row)) == index_of(row)._repr_inline_(200) == said
        assert index_of(row)._repr_inline_(20) == said[:20]

    def test_rolled_it_is_in_memory(self):
        rolled = index_of().roll({"epoch": 3})
        assert rolled.index.asi8.tolist() == np.roll(ROW.at(np.arange(10)), 3).tolist()
