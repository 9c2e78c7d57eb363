"""What a label of time means: a moment, or all of a day, an hour, a month."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gnssice_batch.store.reading.timelabels import Moments, bound, moments_ns, named, resolution_ns

SECOND = 10**9
DAY = 86_400 * SECOND
NEW_YEAR = 1_735_689_600 * SECOND
"""2025-01-01T00:00:00."""
ZONED = pd.Timestamp("2025-01-01", tz="UTC")


@pytest.mark.parametrize(
    ("first", "step", "expected"),
    [
        (NEW_YEAR, 0, DAY),
        (NEW_YEAR, 2 * DAY, DAY),
        (NEW_YEAR, DAY // 2, DAY // 24),
        (NEW_YEAR + DAY // 24, DAY, DAY // 24),
        (NEW_YEAR, 120 * SECOND, 60 * SECOND),
        (NEW_YEAR, 30 * SECOND, SECOND),
        (NEW_YEAR + SECOND, 60 * SECOND, SECOND),
        (NEW_YEAR, 20_000_000, 1_000_000),
        (NEW_YEAR + 5_000, SECOND, 1_000),
        (NEW_YEAR, SECOND + 7, 1),
    ],
)
def test_an_axis_needs_the_finest_unit_of_its_start_and_step(first, step, expected):
    assert resolution_ns(first, step) == expected


def test_a_string_is_a_span_only_where_it_is_coarser_than_the_axis():
    day = Moments(NEW_YEAR, NEW_YEAR + DAY - 1)
    assert day.is_partial(DAY - 1)
    assert not day.is_partial(DAY)
    assert not day.is_partial(DAY + 1)


@pytest.mark.parametrize(
    ("text", "first", "length"),
    [
        ("2025", NEW_YEAR, 365 * DAY),
        ("2025-01", NEW_YEAR, 31 * DAY),
        ("2025-01-01", NEW_YEAR, DAY),
        ("2025-01-01T06", NEW_YEAR + DAY // 4, DAY // 24),
        ("2025-01-01T00:01", NEW_YEAR + 60 * SECOND, 60 * SECOND),
        ("2025-01-01 00:00:30", NEW_YEAR + 30 * SECOND, SECOND),
        ("2025-01-01T00:00:00.000000007", NEW_YEAR + 7, 1),
    ],
)
def test_a_string_names_all_of_its_unit(text, first, length):
    assert named(text) == bound(text) == Moments(first, first + length - 1)


def test_a_year_beyond_what_nanoseconds_of_64_bits_reach():
    assert named("1500") == Moments(-14_831_769_600 * SECOND, (-14_831_769_600 + 365 * 86_400) * SECOND - 1)


@pytest.mark.parametrize(
    "label",
    [
        pd.Timestamp("2025-01-01T00:00:30"),
        datetime(2025, 1, 1, 0, 0, 30),  # noqa: DTZ001 - epochs have no zone
        np.datetime64("2025-01-01T00:00:30"),
        np.array("2025-01-01T00:00:30", "datetime64[ns]"),
        xr.DataArray(np.datetime64("2025-01-01T00:00:30", "ns")),
        xr.Variable((), np.datetime64("2025-01-01T00:00:30", "ns")),
    ],
)
def test_a_moment_bounds_a_slice_by_itself(label):
    assert bound(label) == Moments(NEW_YEAR + 30 * SECOND, NEW_YEAR + 30 * SECOND)


def test_a_date_is_its_midnight_and_an_array_of_text_is_its_text():
    assert bound(date(2025, 1, 1)) == Moments(NEW_YEAR, NEW_YEAR)
    assert bound(xr.DataArray("2025-01-01")) == bound(np.array("2025-01-01")) == named("2025-01-01")


@pytest.mark.parametrize("label", [5, 5.0, np.int64(5), ("2025",), np.timedelta64(1, "s")])
def test_what_is_no_time_bounds_nothing(label):
    with pytest.raises(TypeError, match="can't bound a slice of epochs"):
        bound(label)


@pytest.mark.parametrize("label", ["2025-01-01T00Z", "2025-01-01T00+01:00", ZONED, ZONED.to_pydatetime()])
def test_a_time_zone_is_refused(label):
    with pytest.raises(ValueError, match="without a time zone"):
        bound(label)
    with pytest.raises(ValueError, match="without a time zone"):
        moments_ns(np.array([label], object))


def test_a_string_that_names_no_time():
    with pytest.raises(ValueError, match="nonsense"):
        named("nonsense")


@pytest.mark.parametrize(
    "labels",
    [
        np.array([["2025-01-01"], ["2025-01-02"]], "datetime64[D]"),
        np.array([["2025-01-01"], ["2025-01-02"]], "datetime64[ns]"),
        np.array([["2025-01-01"], ["2025-01-02"]]),
        np.array([["2025-01-01"], ["2025-01-02"]], np.dtypes.StringDType()),
        np.array([["2025-01-01"], ["2025-01-02"]], object),
        np.array([[datetime(2025, 1, 1)], [datetime(2025, 1, 2)]]),  # noqa: DTZ001 - epochs have no zone
    ],
)
def test_labels_of_any_type_and_shape_become_nanoseconds(labels):
    found = moments_ns(labels)
    assert (found.dtype, found.tolist()) == (np.int64, [[NEW_YEAR], [NEW_YEAR + DAY]])


def test_no_time_is_the_smallest_integer_and_labels_of_no_shape_keep_it():
    assert moments_ns(np.array(["NaT"], "datetime64[s]")).tolist() == [np.iinfo(np.int64).min]
    assert moments_ns(np.array("2025-01-01")).shape == ()


@pytest.mark.parametrize("labels", [np.array([1]), np.array([1.5]), np.array([True]), np.array([1], "timedelta64[s]")])
def test_labels_of_another_type_are_no_times(labels):
    with pytest.raises(TypeError, match="are no times"):
        moments_ns(labels)


def test_a_label_beyond_64_bits_of_nanoseconds_is_refused():
    with pytest.raises(ValueError, match="20000"):
        moments_ns(np.array(["20000-01-01"], "datetime64[s]"))
