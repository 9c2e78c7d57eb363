"""Calendar dates of the satellite systems as GPS time, in nanoseconds since 1980-01-06."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.primitives.time import BDT_BEHIND_GPST_S, leap_table

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
WEEK_NS: Final = 7 * DAY_NS
NO_TIME: Final = int(np.iinfo(np.int64).min)
"""Stands for a date that there is not."""

_GPS_DAY_0: Final = np.datetime64("1980-01-06", "D")
BDT_WEEK_0: Final = 1356
"""GPS week in which BeiDou begins to count weeks."""
_LEAPS_NS: Final = leap_table() * 100

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LeapSeconds:
    """What a header says of leap seconds: it counts where it is newer than the leap seconds known here."""

    now: int | None = None
    """GPS time minus UTC when the file was made."""
    then: int | None = None
    """The same from `from_ns` on."""
    from_ns: int = NO_TIME
    """UTC calendar time of the change."""


def calendar_ns(fields: npt.NDArray[np.float64]) -> Times:
    """Return the times of calendar dates, counted without leap seconds.

    Parameters
    ----------
    fields
        (N, 6): year, month, day, hour, minute, second; two-digit years from 80 on are in the last century.

    Returns
    -------
    ndarray
        (N,) ns since 1980-01-06; `NO_TIME` for a date that there is not, or one before.
    """
    top = np.array([9999, 12, 31, 24, 59, 60.999])
    valid = ((fields >= (0, 1, 1, 0, 0, 0)) & (fields <= top)).all(axis=1)
    year, month, day, hour, minute = (np.where(valid, fields[:, at], 1).astype(np.int64) for at in range(5))
    year = np.where(year < 80, year + 2000, np.where(year < 100, year + 1900, year))
    months = (year - 1970) * 12 + month - 1
    first = months.astype("M8[M]").astype("M8[D]")
    valid &= day <= ((months + 1).astype("M8[M]").astype("M8[D]") - first).astype(np.int64)
    days = (first - _GPS_DAY_0).astype(np.int64) + day - 1
    valid &= (days >= 0) & (days < 100_000)
    seconds = np.rint(np.where(valid, fields[:, 5], 0) * SECOND_NS).astype(np.int64)
    times: Times = np.where(valid, days, 0) * DAY_NS + (hour * 60 + minute) * 60 * SECOND_NS + seconds
    return np.where(valid, times, NO_TIME)


def from_utc(utc_ns: Times, leaps: LeapSeconds) -> Times:
    """Return GPS time of UTC calendar times."""
    known = np.searchsorted(_LEAPS_NS, utc_ns, side="right")
    latest = len(_LEAPS_NS)
    beyond = np.zeros_like(utc_ns)
    if leaps.now is not None and leaps.now > latest:
        beyond[:] = leaps.now - latest
    if leaps.then is not None and leaps.then > latest and leaps.from_ns > _LEAPS_NS[-1]:
        beyond[utc_ns >= leaps.from_ns] = leaps.then - latest
    return utc_ns + (known + np.where(utc_ns >= _LEAPS_NS[-1], beyond, 0)) * SECOND_NS


def to_utc(gps_ns: Times) -> Times:
    """Return UTC calendar times of GPS times, as far as leap seconds are known here."""
    steps = _LEAPS_NS + np.arange(1, len(_LEAPS_NS) + 1) * SECOND_NS
    return gps_ns - np.searchsorted(steps, gps_ns, side="right") * SECOND_NS


def from_bdt(bdt_ns: Times) -> Times:
    """Return GPS time of BeiDou calendar times."""
    return bdt_ns + BDT_BEHIND_GPST_S * SECOND_NS


def to_bdt(gps_ns: Times) -> Times:
    """Return BeiDou calendar times of GPS times."""
    return gps_ns - BDT_BEHIND_GPST_S * SECOND_NS


def nearest(seconds: npt.NDArray[np.float64], period_ns: int, near_ns: Times) -> Times:
    """Return the times of a second of the week or day that are nearest to other times, whatever the week's number."""
    past = np.rint(seconds * SECOND_NS).astype(np.int64) - near_ns
    return near_ns + (past + period_ns // 2) % period_ns - period_ns // 2


def declared_leaps(line: bytes) -> LeapSeconds:
    """Read ``LEAP SECONDS``: now, then, week and day of the change; the week is of BeiDou where it says ``BDS``."""
    try:
        now = int(line[:6])
    except ValueError:
        return LeapSeconds()
    try:
        then, week, day = (int(line[at : at + 6]) for at in (6, 12, 18))
    except ValueError:
        return LeapSeconds(now)
    if line[24:27] == b"BDS":
        now, then, week, day = now + BDT_BEHIND_GPST_S, then + BDT_BEHIND_GPST_S, week + BDT_WEEK_0, day + 1
    return LeapSeconds(now, then, week * WEEK_NS + day * DAY_NS)
