"""The regular epoch grid of a receiver: pure arithmetic on integer nanoseconds of GPS time."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ConfigError

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
GPS_EPOCH = np.datetime64("1980-01-06T00:00:00", "ns")
LAST_NS = int(np.iinfo(np.int64).max - GPS_EPOCH.astype(np.int64))
"""The last nanosecond since then that a time can have, in 2262."""

READ_UNIT_LIMIT = 17_280
"""Longest inner chunk along epoch; it divides a day and the 34,560 of canvodpy's readers at every usual interval."""


@dataclass(frozen=True, slots=True)
class Grid:
    """``index = (t - origin - phase) / interval``; fixed when the group is made, but for `origin_ns` and `size`."""

    interval_ns: int
    phase_ns: int
    """Offset of the sampling marks from the grid of absolute GPS time, in [0, interval)."""
    origin_ns: int
    """Start of write unit 0, a write-unit boundary of absolute GPS time, in ns since 1980-01-06."""
    size: int
    """Epochs on the axis: a whole number of write units."""
    unit: int
    """Epochs of a write unit (shard)."""
    read_unit: int
    """Epochs of a read unit (inner chunk)."""

    @property
    def unit_ns(self) -> int:
        """Duration of a write unit in ns."""
        return self.unit * self.interval_ns

    @property
    def units(self) -> int:
        """Number of write units on the axis."""
        return self.size // self.unit

    @property
    def end_ns(self) -> int:
        """End (exclusive) of the axis, phase left out."""
        return self.origin_ns + self.size * self.interval_ns

    def slot(self, time_ns: int) -> int:
        """Index of the grid epoch nearest to a time; may lie outside the axis."""
        return (time_ns - self.origin_ns - self.phase_ns + self.interval_ns // 2) // self.interval_ns

    def slots(self, time_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Indices of the grid epochs nearest to (E,) times; may lie outside the axis."""
        slots: npt.NDArray[np.int64] = (
            time_ns - (self.origin_ns + self.phase_ns - self.interval_ns // 2)
        ) // self.interval_ns
        return slots

    def time_ns(self, slot: int) -> int:
        """GPS time of a grid epoch in ns since 1980-01-06."""
        return self.origin_ns + self.phase_ns + slot * self.interval_ns

    def covering(self, first_ns: int, end_ns: int) -> "Grid":
        """This grid, extended by whole write units so that it holds the times of [first, end)."""
        if end_ns <= first_ns:
            return self
        first_unit = self.slot(first_ns) // self.unit
        last_unit = self.slot(end_ns - 1) // self.unit
        before = max(0, -first_unit)
        units = max(self.units, last_unit + 1) + before
        return replace(self, origin_ns=self.origin_ns - before * self.unit_ns, size=units * self.unit)


def empty_grid(interval_ns: int, phase_ns: int, wanted_unit: int, near_ns: int) -> Grid:
    """A grid without epochs, its origin on the write-unit boundary at or before a time."""
    unit = write_unit(interval_ns, wanted_unit)
    unit_ns = unit * interval_ns
    marks_ns = near_ns - phase_ns + interval_ns // 2
    return Grid(interval_ns, phase_ns, marks_ns // unit_ns * unit_ns, 0, unit, read_unit(interval_ns, unit))


def epochs_per_day(interval_ns: int) -> int:
    """Grid epochs of a day.

    Raises
    ------
    ConfigError
        When the interval does not divide a day.
    """
    if interval_ns <= 0 or DAY_NS % interval_ns:
        msg = (
            f"an interval of {interval_ns / SECOND_NS:g} s does not divide a day: set grid.interval_s to one that does"
        )
        raise ConfigError(msg)
    return DAY_NS // interval_ns


def write_unit(interval_ns: int, wanted: int) -> int:
    """Epochs of a write unit: `wanted` where it is whole days or divides a day, else the next smaller that does."""
    daily = epochs_per_day(interval_ns)
    if wanted % daily == 0 or daily % wanted == 0:
        return wanted
    return largest_divisor(daily, wanted)


def read_unit(interval_ns: int, unit: int) -> int:
    """Epochs of an inner chunk: the largest divisor of the write unit not above a day's epochs and 17,280."""
    return largest_divisor(unit, min(epochs_per_day(interval_ns), READ_UNIT_LIMIT))


def largest_divisor(number: int, limit: int) -> int:
    """Largest divisor of `number` that is not above `limit`."""
    return next(d for d in range(min(number, limit), 0, -1) if number % d == 0)


def gps_datetime(time_ns: int) -> np.datetime64:
    """Nanoseconds since 1980-01-06 as a datetime64[ns]."""
    return GPS_EPOCH + np.timedelta64(time_ns, "ns")
