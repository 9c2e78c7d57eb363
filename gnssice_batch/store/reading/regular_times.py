"""A regular sequence of times as arithmetic: positions, intersections."""

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd, lcm
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

type Method = Literal["nearest", "pad", "ffill", "backfill", "bfill"]

_FAR: Final = 1 << 61
"""A value this far beyond either end (73 years of nanoseconds) is as good as any further one, and can't overflow."""


@dataclass(frozen=True, slots=True)
class RegularTimes:
    """The `size` numbers ``first, first + step, first + 2 step ...``; `step` is positive."""

    first: int
    step: int
    size: int

    @property
    def last(self) -> int:
        """The last number; below `first` where there is none."""
        return self.first + (self.size - 1) * self.step

    def at(self, positions: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """The numbers at positions of any shape; negative ones count from the end."""
        counted = np.where(positions < 0, positions + self.size, positions)
        return np.asarray(self.first + counted.astype(np.int64) * self.step, np.int64)

    def sliced(self, part: slice) -> "RegularTimes":
        """The numbers of a slice with a positive step."""
        taken = range(self.size)[part]
        return RegularTimes(self.first + taken.start * self.step, self.step * taken.step, len(taken))

    def below(self, number: int, *, inclusive: bool) -> int:
        """How many numbers lie below a number, or below and at it."""
        before = number - self.first
        count = before // self.step + 1 if inclusive else -(-before // self.step)
        return min(max(count, 0), self.size)

    def locate(
        self, numbers: npt.NDArray[np.int64], method: Method | None = None, tolerance: int | None = None
    ) -> npt.NDArray[np.int64]:
        """Positions of numbers of any shape, -1 where there is none.

        Parameters
        ----------
        numbers
            What to look for.
        method
            None: exactly; else what to take instead, as pandas means it (``nearest`` prefers the larger of two).
        tolerance
            Largest distance of what is taken instead.
        """
        near = np.clip(numbers, self.first - _FAR, self.last + _FAR)
        position = _CHOICES[method](*np.divmod(near - self.first, self.step), self)
        wrong = (position < 0) | (position >= self.size)
        if tolerance is not None:
            wrong |= np.abs(self.at(position) - near) > tolerance
        return np.where(wrong, -1, position)

    def positions(self, others: "RegularTimes") -> npt.NDArray[np.int64]:
        """Positions of the numbers of another such row, -1 where one is not among these; nothing else is made."""
        both = self.intersection(others)
        start, stride = (both.first - self.first) // self.step, both.step // self.step
        found = np.arange(start, start + both.size * stride, stride, dtype=np.int64)
        if both.size == others.size:
            return found
        spread = np.full(others.size, -1, np.int64)
        first, apart = (both.first - others.first) // others.step, both.step // others.step
        spread[first : first + both.size * apart : apart] = found
        return spread

    def intersection(self, other: "RegularTimes") -> "RegularTimes":
        """The numbers that both hold."""
        step, common = lcm(self.step, other.step), gcd(self.step, other.step)
        turns, off = divmod(other.first - self.first, common)
        if off:
            return RegularTimes(self.first, step, 0)
        meeting = self.first + turns * pow(self.step // common, -1, other.step // common) * self.step
        first = meeting - (meeting - max(self.first, other.first)) // step * step
        return RegularTimes(first, step, max(0, (min(self.last, other.last) - first) // step + 1))

    def union(self, other: "RegularTimes") -> "RegularTimes | None":
        """The numbers that either holds; None where those are not evenly spaced."""
        both = self.intersection(other)
        for small, large in ((self, other), (other, self)):
            if both.size == small.size:
                return large
        overlapping = max(self.first, other.first) <= min(self.last, other.last) + self.step
        if self.step != other.step or (self.first - other.first) % self.step or not overlapping:
            return None
        first, last = min(self.first, other.first), max(self.last, other.last)
        return RegularTimes(first, self.step, (last - first) // self.step + 1)


type _Positions = npt.NDArray[np.int64]


def _exact(turns: _Positions, rest: _Positions, _: RegularTimes) -> _Positions:
    return np.where(rest == 0, turns, -1)


def _pad(turns: _Positions, _: _Positions, row: RegularTimes) -> _Positions:
    return np.minimum(turns, row.size - 1)


def _backfill(turns: _Positions, rest: _Positions, _: RegularTimes) -> _Positions:
    return np.maximum(turns + (rest > 0), 0)


def _nearest(turns: _Positions, rest: _Positions, row: RegularTimes) -> _Positions:
    return np.clip(turns + (rest >= row.step - rest), 0, row.size - 1)


_CHOICES: Final[dict[Method | None, Callable[[_Positions, _Positions, RegularTimes], _Positions]]] = {
    None: _exact,
    "nearest": _nearest,
    "pad": _pad,
    "ffill": _pad,
    "backfill": _backfill,
    "bfill": _backfill,
}
