"""Times of a NetCDF file: CF units, a regular axis."""

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_UNITS: Final = re.compile(
    r"\s*(?P<unit>[a-zA-Zµ]+)\s+since\s+(?P<date>\d{4}-\d{1,2}-\d{1,2})"
    r"(?:[T ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?:Z|UTC|\+?00:?00)?\s*"
)
"""CF conventions, section 4.4; other forms than these are not taken for a time axis."""

_UNIT_NS: Final = {
    **dict.fromkeys(("nanosecond", "nanoseconds", "ns"), 1),
    **dict.fromkeys(("microsecond", "microseconds", "us", "µs"), 1_000),
    **dict.fromkeys(("millisecond", "milliseconds", "msec", "ms"), 1_000_000),
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), 1_000_000_000),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), 60_000_000_000),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), 3_600_000_000_000),
    **dict.fromkeys(("day", "days", "d"), 86_400_000_000_000),
}
_CALENDARS: Final = frozenset({"standard", "gregorian", "proleptic_gregorian"})
_GPS_EPOCH: Final = np.datetime64("1980-01-06", "ns")
_PACKING: Final = frozenset({"scale_factor", "add_offset", "_Unsigned"})
"""Attributes of times that are not what is stored: these are left to xarray."""
_EARLIEST, _LATEST = 1700, 2250
"""Years between which nanoseconds since 1980 fit into 64 bits, and calendars agree."""


def is_time(attributes: dict[str, Any]) -> bool:
    """Whether attributes of an array say that it holds times that this program reads."""
    return _parsed(attributes) is not None


def times_ns(values: npt.NDArray[Any], attributes: dict[str, Any]) -> npt.NDArray[np.int64] | None:
    """Times (N,) in ns since 1980-01-06 from values (N,) and their CF attributes; None where some are no times.

    Fractions are rounded to the nearest nanosecond.
    """
    parsed = _parsed(attributes)
    if parsed is None or values.dtype.kind not in "iuf" or (values.dtype.kind == "f" and not np.isfinite(values).all()):
        return None
    unit_ns, base_ns = parsed
    most = np.iinfo(np.int64).max // 2
    if values.size and float(np.abs(values.astype(np.float64)).max()) * unit_ns > most:
        return None
    if values.dtype.kind == "f":
        whole = np.floor(values)
        counted = whole.astype(np.int64) * unit_ns + np.rint((values - whole) * unit_ns).astype(np.int64)
    else:
        counted = values.astype(np.int64) * unit_ns
    return np.asarray(counted + base_ns, np.int64)


def interval_ns(times: npt.NDArray[np.int64]) -> int | None:
    """The interval of times (N,) that are one interval after the other; None for others, or fewer than two."""
    steps = np.diff(times)
    if not steps.size or steps[0] <= 0 or (steps != steps[0]).any():
        return None
    return int(steps[0])


def _parsed(attributes: dict[str, Any]) -> tuple[int, int] | None:
    """Nanoseconds of the unit, and of its reference since 1980-01-06."""
    found = _UNITS.fullmatch(str(attributes.get("units", "")))
    if (
        found is None
        or not _PACKING.isdisjoint(attributes)
        or str(attributes.get("calendar", "standard")).lower() not in _CALENDARS
    ):
        return None
    unit_ns = _UNIT_NS.get(found["unit"].lower())
    date = "-".join(part.zfill(2) for part in found["date"].split("-"))
    if unit_ns is None or not _EARLIEST <= int(date[:4]) <= _LATEST:
        return None
    clock = ":".join((found[part] or "0").zfill(2) for part in ("hour", "minute", "second"))
    try:
        base = np.datetime64(f"{date}T{clock}", "ns") + np.timedelta64(
            int((found["fraction"] or "0").ljust(9, "0")), "ns"
        )
    except ValueError:
        return None
    return unit_ns, int((base - _GPS_EPOCH).astype(np.int64))
