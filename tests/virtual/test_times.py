"""CF units and regular axes, against xarray."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.virtual.times import interval_ns, is_time, times_ns

EPOCH = np.datetime64("1980-01-06", "ns")


def decoded(values, units, calendar="proleptic_gregorian"):
    dataset = xr.Dataset({"t": ("t", values, {"units": units, "calendar": calendar})})
    return xr.decode_cf(dataset).t.values.astype("datetime64[ns]")


@pytest.mark.parametrize(
    "units",
    [
        "seconds since 2023-08-01 00:07:30",
        "seconds since 1980-01-06",
        "milliseconds since 2021-04-28T21:07:00",
        "minutes since 2020-2-9 1:02:03.5",
        "hours since 1970-01-01 00:00:00",
        "days since 2000-01-01",
        "microseconds since 1970-01-01",
    ],
)
@pytest.mark.parametrize("values", [np.arange(5), np.arange(5, dtype="f8") * 0.25, np.array([], "i8")])
def test_times_are_those_of_xarray(units, values):
    found = times_ns(values, {"units": units, "calendar": "proleptic_gregorian"})
    np.testing.assert_array_equal(EPOCH + found.astype("timedelta64[ns]"), decoded(values, units))


def test_fractions_are_rounded_to_the_nearest_nanosecond():
    """xarray multiplies in floating point, a few nanoseconds off: a regular axis would not be one."""
    found = times_ns(np.arange(1000) * 0.1, {"units": "hours since 1980-01-06"})
    np.testing.assert_array_equal(found, np.arange(1000) * 360 * 10**9)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"units": "metres"},
        {"units": "seconds since yesterday"},
        {"units": "months since 2000-01-01"},
        {"units": "seconds since 2000-13-01"},
        {"units": "seconds since 2000-01-01", "calendar": "360_day"},
        {"units": "seconds since 0001-01-01"},
    ],
)
def test_what_is_no_time_axis(attributes):
    assert not is_time(attributes)
    assert times_ns(np.arange(3), attributes) is None


@pytest.mark.parametrize("values", [np.array([np.nan, 1.0]), np.array([1e30]), np.array(["a"])])
def test_values_that_are_no_times(values):
    assert times_ns(values, {"units": "seconds since 2000-01-01"}) is None


@given(st.integers(1, 10**10), st.integers(2, 50), st.integers(0, 10**15))
def test_an_interval_is_found_and_one_that_is_missing_is_not_made_up(step, count, first):
    times = first + np.arange(count, dtype=np.int64) * step
    assert interval_ns(times) == step
    assert interval_ns(times[::-1]) is None
    if count > 3:
        assert interval_ns(np.delete(times, 1)) is None
    assert interval_ns(times[:1]) is None
