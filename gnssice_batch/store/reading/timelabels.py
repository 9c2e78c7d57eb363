"""The meaning of time labels, as in pandas: a moment, or the span that a partial string names."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

_UNITS_NS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_NO_ZONE: Final = "epochs are GPS time without a time zone"
_RESOLUTIONS_NS: Final = (86_400 * 10**9, 3_600 * 10**9, 60 * 10**9, 10**9, 10**6, 10**3, 1)


@dataclass(frozen=True, slots=True)
class Moments:
    """From a nanosecond to another one, both included, since 1970."""

    first_ns: int
    last_ns: int

    def is_partial(self, resolution_ns: int) -> bool:
        """Whether this is the span of a string that is coarser than an axis."""
        return self.last_ns - self.first_ns + 1 > resolution_ns


def resolution_ns(first_ns: int, step_ns: int) -> int:
    """The finest unit of day, hour ... nanosecond that the times of an axis need."""
    return next(unit for unit in _RESOLUTIONS_NS if first_ns % unit == 0 and step_ns % unit == 0)


def bound(label: object) -> Moments:
    """What a label means as the start or the end of a slice.

    Raises
    ------
    TypeError
        When it is no time.
    ValueError
        When it is a string that names none, or has a time zone.
    """
    value = label.values if hasattr(label, "values") else label
    if isinstance(value, np.ndarray):
        value = value[()]
    if isinstance(value, str):
        return named(value)
    if not isinstance(value, date | np.datetime64):
        msg = f"{label!r} can't bound a slice of epochs: use a time, or a string such as '2025-01-01T06'"
        raise TypeError(msg)
    moment_ns = _moment_ns(pd.Timestamp(value))
    return Moments(moment_ns, moment_ns)


def named(text: str) -> Moments:
    """The span that a string names: ``2025-01`` is that month.

    Raises
    ------
    ValueError
        When it names none, or has a time zone.
    """
    if pd.Timestamp(text).tz is not None:
        raise ValueError(_NO_ZONE)
    period = pd.Period(text)
    return Moments(_moment_ns(period.start_time), _moment_ns((period + 1).start_time) - 1)


def moments_ns(labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Labels of any shape as nanoseconds since 1970, NaT as the smallest integer.

    Raises
    ------
    TypeError, ValueError
        When they are no times, or have a time zone.
    """
    if labels.dtype.kind not in "MOUT":
        msg = f"labels of type {labels.dtype} are no times"
        raise TypeError(msg)
    times = pd.DatetimeIndex(labels.ravel() if labels.dtype.kind == "M" else labels.ravel().astype(object))
    if times.tz is not None:
        raise ValueError(_NO_ZONE)
    return times.as_unit("ns").to_numpy().astype(np.int64).reshape(labels.shape)


def _moment_ns(moment: pd.Timestamp) -> int:
    """Nanoseconds since 1970 of a moment that may lie beyond what 64 bits of them reach."""
    if moment.tz is not None:
        raise ValueError(_NO_ZONE)
    return int(moment.asm8.astype(np.int64)) * _UNITS_NS[moment.unit]
