"""Times as calendar dates, GPS time as it is written."""

import numpy as np
import numpy.typing as npt

_GPS_EPOCH = np.datetime64("1980-01-06", "D")
_MINUTE_100NS = 60 * 10**7
_DAY_100NS = 86_400 * 10**7


def calendars(time_100ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Year, month, day, hour, minute, and the 100 ns since that minute, of (E,) times, (E, 6)."""
    days = _GPS_EPOCH + (time_100ns // _DAY_100NS).astype("m8[D]")
    months, years = days.astype("M8[M]"), days.astype("M8[Y]")
    minutes = time_100ns % _DAY_100NS // _MINUTE_100NS
    parts = [
        years.astype(np.int64) + 1970,
        (months - years.astype("M8[M]")).astype(np.int64) + 1,
        (days - months.astype("M8[D]")).astype(np.int64) + 1,
        minutes // 60,
        minutes % 60,
        time_100ns % _MINUTE_100NS,
    ]
    return np.stack(parts, axis=1)


def calendar_of(time_100ns: int) -> tuple[int, int, int, int, int, int]:
    """The same of one time."""
    year, month, day, hour, minute, rest = calendars(np.array([time_100ns])).tolist()[0]
    return year, month, day, hour, minute, rest
