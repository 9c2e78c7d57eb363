"""Epoch times as written, to GPS time."""

from datetime import date
from functools import lru_cache
from typing import Final

from gnssice_batch.rinex.plain.values import MISSING, DeclinedError

SECOND_100NS: Final = 10**7
_GPS_DAY_0: Final = date(1980, 1, 6).toordinal()
_LEAPS: Final = tuple(
    date(year, month, 1).toordinal()
    for year, month in (
        *((1981, 7), (1982, 7), (1983, 7), (1985, 7), (1988, 1), (1990, 1), (1991, 1), (1992, 7), (1993, 7)),
        *((1994, 7), (1996, 1), (1997, 7), (1999, 1), (2006, 1), (2009, 1), (2012, 7), (2015, 7), (2017, 1)),
    )
)
"""The days from which on UTC is one more second behind GPS time."""
_BDT_BEHIND_S: Final = 14


def gps_time(year: bytes, rest: bytes, seconds: bytes, time_system: str) -> int:
    """GPS time in 100 ns of an epoch record's fields.

    Parameters
    ----------
    year
        Four digits, or two, of which 80 to 99 are in the last century.
    rest
        Month, day, hour and minute, 1X and I2 each.
    seconds
        F11.7 without the blanks around it; decimals, or the digits before the point, may be left out.
    time_system
        ``GPS``, ``UTC`` or ``BDT``.

    Raises
    ------
    DeclinedError
        If there is no such time.
    """
    whole, _, fraction = seconds.partition(b".")
    try:
        minute_s, minute_end_s = _minute_s(year, rest, time_system)
    except ValueError as error:
        raise DeclinedError("an epoch without a time") from error
    sound = (whole + fraction).isdigit() and len(fraction) <= 7
    if not sound or minute_s + int(whole or b"0") >= minute_end_s:
        raise DeclinedError("an epoch without a time")
    return (minute_s + int(whole or b"0")) * SECOND_100NS + int(fraction.ljust(7, b"0"))


@lru_cache(maxsize=4096)
def _minute_s(year: bytes, rest: bytes, time_system: str) -> tuple[int, int]:
    """GPS time in seconds of the begin and the end of a minute: one of UTC may have 61."""
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= 80 else 2000
    fields = [int(rest[at + 1 : at + 3]) for at in range(0, 12, 3)]
    if rest[0::3].strip() or not 0 <= fields[2] < 24 or not 0 <= fields[3] < 60:
        raise ValueError(rest)
    day = date(number, fields[0], fields[1]).toordinal()
    second = fields[2] * 3600 + fields[3] * 60
    end = second + 60
    begin_s = (day - _GPS_DAY_0) * 86_400 + second + _ahead_s(day, time_system)
    next_s = (day - _GPS_DAY_0) * 86_400 + end + _ahead_s(day + end // 86_400, time_system)
    if begin_s < 0:
        raise ValueError(year)
    return begin_s, next_s


def _ahead_s(day: int, time_system: str) -> int:
    """How far GPS time is ahead of a time system."""
    if time_system == "UTC":
        return sum(day >= first for first in _LEAPS)
    return _BDT_BEHIND_S if time_system == "BDT" else 0


def clock_offset_ps(field: bytes) -> int:
    """Receiver clock offset in seconds, as a decimal number, in picoseconds; `MISSING` if blank."""
    text = field.strip()
    if not text:
        return MISSING
    whole, _, fraction = text.lstrip(b"+-").partition(b".")
    if len(fraction) > 12 or not (whole + fraction).isdigit():
        raise DeclinedError("a receiver clock offset that is no number")
    number = int(whole + fraction.ljust(12, b"0"))
    return -number if text[:1] == b"-" else number
