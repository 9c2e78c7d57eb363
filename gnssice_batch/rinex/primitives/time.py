"""GPS time as integers of 100 ns since 1980-01-06T00:00:00, from calendar dates of any RINEX time system."""

from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.primitives.jit import kernel

SECOND_100NS: Final = 10_000_000
MINUTE_100NS: Final = 60 * SECOND_100NS
DAY_100NS: Final = 86_400 * SECOND_100NS

GPS_EPOCH: Final = datetime(1980, 1, 6)  # noqa: DTZ001 - GPS time has no time zone
BDT_BEHIND_GPST_S: Final = 14

TIME_SYSTEMS: Final = ("GPS", "GLO", "GAL", "QZS", "BDT", "IRN")

_LEAP_DATES: Final = (
    (1981, 7), (1982, 7), (1983, 7), (1985, 7), (1988, 1), (1990, 1), (1991, 1), (1992, 7), (1993, 7),
    (1994, 7), (1996, 1), (1997, 7), (1999, 1), (2006, 1), (2009, 1), (2012, 7), (2015, 7), (2017, 1),
)  # fmt: skip


def leap_table() -> npt.NDArray[np.int64]:
    """Return the UTC calendar times, in 100 ns, from which on UTC is one more second behind GPS time."""
    return np.array([_calendar_100ns(year, month) for year, month in _LEAP_DATES], dtype=np.int64)


def _calendar_100ns(year: int, month: int) -> int:
    return (datetime(year, month, 1) - GPS_EPOCH).days * DAY_100NS  # noqa: DTZ001 - a date


def shift_100ns(time_system: str) -> int:
    """Return what is added to a time system to get GPS time, leap seconds apart."""
    return BDT_BEHIND_GPST_S * SECOND_100NS if time_system == "BDT" else 0


def to_gpst_100ns(calendar_100ns: int, time_system: str) -> int:
    """Return GPS time of a calendar time that is no leap second."""
    leaps = int(np.searchsorted(leap_table(), calendar_100ns, side="right")) if time_system == "GLO" else 0
    return calendar_100ns + shift_100ns(time_system) + leaps * SECOND_100NS


@kernel
def days_in_month(year: int, month: int) -> int:
    """Return the number of days of a month of the Gregorian calendar."""
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month in (4, 6, 9, 11) else 31


@kernel
def days_since_gps_epoch(year: int, month: int, day: int) -> int:
    """Return the days from 1980-01-06 to a date of the Gregorian calendar, which must be valid."""
    shifted = year - 1 if month <= 2 else year
    era_year = shifted % 400
    month_from_march = (month + 9) % 12
    day_of_year = (153 * month_from_march + 2) // 5 + day - 1
    day_of_era = era_year * 365 + era_year // 4 - era_year // 100 + day_of_year
    return (shifted // 400) * 146_097 + day_of_era - 723_125


@kernel
def leap_seconds(table: npt.NDArray[np.int64], calendar_100ns: int) -> int:
    """Return how many leap seconds UTC is behind GPS time at a UTC calendar time."""
    count = 0
    while count < table.size and table[count] <= calendar_100ns:
        count += 1
    return count
