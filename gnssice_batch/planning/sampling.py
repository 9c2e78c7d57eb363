"""The grid that epochs of an interval fit: the phase of most, how far the clock lets them stray."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.intervals import DRIFT, FEW_STEPS, Times

STEADY_NS: Final = 5_000_000
"""Tolerance of a receiver whose clock is steered; a phase no larger than this is no phase."""
_MARKS_APART_NS: Final = SECOND_NS
"""Time scales of GNSS differ by whole seconds: what lies steadily this far off has marks of its own."""
_MARGIN: Final = 4
"""The tolerance is so many times what the sample shows."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Some epochs of one file, and how many epochs of it they stand for."""

    times_ns: Times
    """(E,) GPS time in ns since 1980-01-06, ascending."""
    epochs: int


def phase_of(marks: Iterable[Marks], interval_ns: int) -> int:
    """The phase that most epochs have; of a clock that runs freely, that of the finest raster most of them fit.

    Rounded to 1 ms from an interval of 0.1 s on; what is no larger than `STEADY_NS` is 0.
    """
    marks = list(marks)
    if not sum(one.times_ns.size for one in marks):
        return 0
    rest = np.concatenate([one.times_ns for one in marks]) % interval_ns
    weight = np.concatenate([np.full(one.times_ns.size, one.epochs / max(1, one.times_ns.size)) for one in marks])
    for number, width in enumerate(_widths(interval_ns)):
        phases, index = np.unique((rest + width // 2) // width * width % interval_ns, return_inverse=True)
        held = np.bincount(index, weight)
        if held.max() * (2 if number else 4) >= weight.sum():
            phase_ns = int(phases[np.isclose(held, held.max())][0])
            return 0 if min(phase_ns, interval_ns - phase_ns) <= steady_ns(interval_ns) else phase_ns
    return 0


def tolerance_of(marks: Iterable[Marks], interval_ns: int, phase_ns: int) -> int:
    """How far epochs may lie from the grid, going by those of a sample: never more than half an interval.

    Files that lie steadily a second or more off, or jump to and fro, have other marks and do not count.
    """
    shown = max((_stray_ns(one.times_ns, interval_ns, phase_ns) for one in marks), default=0)
    if shown <= steady_ns(interval_ns):
        return steady_ns(interval_ns)
    return min(interval_ns // 2, _rounded_up(_MARGIN * shown))


def steady_ns(interval_ns: int) -> int:
    """Tolerance where nothing shows that more is needed."""
    return min(STEADY_NS, interval_ns // 2)


def offsets_ns(times_ns: Times, interval_ns: int, phase_ns: int) -> Times:
    """(E,) distance of each epoch from the nearest one of the grid."""
    offsets: Times = (times_ns - phase_ns + interval_ns // 2) % interval_ns - interval_ns // 2
    return offsets


def _widths(interval_ns: int) -> Sequence[int]:
    finest = 6 if interval_ns >= SECOND_NS // 10 else 2
    return [10**power for power in range(finest, 14) if interval_ns % 10**power == 0 and 2 * 10**power <= interval_ns]


def _stray_ns(times_ns: Times, interval_ns: int, phase_ns: int) -> int:
    """How far all but one in a hundred epochs of a file lie off at most; 0 for a file with other marks."""
    if not times_ns.size:
        return 0
    stray = float(np.percentile(np.abs(offsets_ns(times_ns, interval_ns, phase_ns)), 99))
    counts = _runs_freely(times_ns, interval_ns) or stray < _MARKS_APART_NS
    return round(stray) if counts else 0


def _runs_freely(times_ns: Times, interval_ns: int) -> bool:
    """Whether the offsets of a file change little by little, set back now and then, and come a long way so."""
    steps: Times = times_ns[1:] - times_ns[:-1]
    changes = offsets_ns(steps, interval_ns, 0)
    jumps = np.abs(changes) > steps / DRIFT + steady_ns(interval_ns)
    gained = abs(int(changes[~jumps].sum()))
    return gained > steady_ns(interval_ns) and int(np.count_nonzero(jumps)) <= jumps.size // FEW_STEPS


def _rounded_up(number: int) -> int:
    """The next of 1, 2, 5, 10, 20 ..."""
    power: int = 10 ** (len(str(number)) - 1)
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= number)
