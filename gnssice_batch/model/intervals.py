"""The interval that epochs fit, whatever the receiver's clock does."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.grid import DAY_NS

type Times = npt.NDArray[np.int64]

DRIFT: Final = 1_000
"""A free-running clock is off by less than one part in so many."""
FEW_STEPS: Final = 10
"""With fewer steps than this between epochs a stated interval is believed, if it fits them; a clock that runs freely is
set back less often than once in so many."""
_DIGITS: Final = 6


def interval_of(times_ns: Times, stated_ns: int = 0) -> int:
    """The interval that the epochs of a file fit; 0 where nothing tells it.

    A free-running clock or rounded time tags do not show in it: an interval close by that divides a day is preferred.

    Parameters
    ----------
    times_ns
        (E,) epochs, in any order.
    stated_ns
        Interval that the header states (RINEX 3 table A2, INTERVAL), believed where the epochs are few; 0: none.
    """
    ordered = np.unique(times_ns)
    steps: Times = ordered[1:] - ordered[:-1]
    if stated_ns and steps.size < FEW_STEPS and _are_multiples(steps, stated_ns):
        return stated_ns
    if not steps.size:
        return 0
    usual, share = _usual(steps)
    single = steps[(steps > usual / 2) & (steps < 3 * usual / 2)]
    wanted = [usual] if share > 0.6 else [usual, round(float(single.mean()))]
    found = [_rounded_to_day(step) for step in wanted]
    return min(found, key=lambda step: (DAY_NS % step > 0, abs(int((single - step).sum()))))


def _usual(steps: Times) -> tuple[int, float]:
    """The step that most steps are near, and the part of comparable steps that are."""
    ordered = np.sort(steps)
    count = np.searchsorted(ordered, ordered + ordered // DRIFT, "right") - np.arange(ordered.size)
    first = int(np.argmax(count))
    usual = int(ordered[first + (int(count[first]) - 1) // 2])
    comparable = np.count_nonzero((steps > usual / 2) & (steps < 3 * usual / 2))
    return usual, int(count[first]) / comparable


def _rounded_to_day(step_ns: int) -> int:
    """The step if it divides a day, else the roundest number close by, preferably one that does."""
    if DAY_NS % step_ns == 0:
        return step_ns
    close = [number for number in _round_numbers(step_ns) if abs(number - step_ns) <= step_ns / DRIFT]
    return next((number for number in close if DAY_NS % number == 0), close[0] if close else step_ns)


def _round_numbers(step_ns: int) -> Iterator[int]:
    for digits in range(1, _DIGITS + 1):
        unit = 10 ** max(0, len(str(step_ns)) - digits)
        yield (step_ns + unit // 2) // unit * unit


def _are_multiples(steps: Times, interval_ns: int) -> bool:
    turns = np.maximum(np.round(steps / interval_ns), 1)
    return bool((np.abs(steps - turns * interval_ns) <= interval_ns / 20).all())
