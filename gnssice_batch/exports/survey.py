"""What the values of a file need: which observables there are, how many decimals, how many digits."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.exports.cells import PHASE, PSEUDORANGE
from gnssice_batch.exports.values import Records
from gnssice_batch.rinex.primitives.jit import kernel

ABSENT: Final = -1
LEVELS: Final = 4
"""A scale factor is 10 to the power of a level below this one; this one is no level: the value is no such decimal."""
KINDS: Final = 4
_WIDEST: Final = 1e10
"""No field holds a value so large; that it is too wide is told, not that its decimals can't be found."""


class Found(NamedTuple):
    """What the epochs looked at so far hold of S signals; the arrays are filled in place."""

    level: npt.NDArray[np.int8]
    """(4, S) by kind of value the least level that all values have, `ABSENT` for no value, `LEVELS` for none."""
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low_at: npt.NDArray[np.int64]
    """(4, S) the time of the lowest value."""
    high_at: npt.NDArray[np.int64]
    odd_at: npt.NDArray[np.int64]
    """(4, S) the time of the first value without a level, -1 for none."""
    zero_at: npt.NDArray[np.int64]
    """(4, S) the time of the first value that is 0, -1 for none."""
    values: npt.NDArray[np.int64]
    """(S,)"""
    indicated: npt.NDArray[np.int64]
    """(S,) indicators that stand with a phase, or with nothing."""
    indicators: npt.NDArray[np.int64]
    """(S,) all of them."""


def nothing_found(signals: int) -> Found:
    """The arrays before anything was looked at."""
    shape = (KINDS, signals)
    return Found(
        np.full(shape, ABSENT, np.int8),
        np.full(shape, np.inf),
        np.full(shape, -np.inf),
        *(np.full(shape, -1, np.int64) for _ in range(4)),
        *(np.zeros(signals, np.int64) for _ in range(3)),
    )


def look_at(records: Records, found: Found) -> None:
    """Look at more epochs."""
    *values, lli, ssi = records.arrays
    for kind, cells in enumerate(values):
        _values(cells, kind, cells.itemsize < 8, records.time_100ns, found)
    _indicators(lli, ssi, values[PHASE], values[PSEUDORANGE], found)


@kernel
def _values(cells: Any, kind: int, narrow: bool, times: Any, found: Any) -> None:  # noqa: FBT001 - kernels take no keywords
    for j in range(cells.shape[1]):
        level: Any = np.int64(found.level[kind, j])
        for e in range(cells.shape[0]):
            value = np.float64(cells[e, j])
            if np.isnan(value):
                continue
            found.values[j] += 1
            if value < found.low[kind, j]:
                found.low[kind, j], found.low_at[kind, j] = value, times[e]
            if value > found.high[kind, j]:
                found.high[kind, j], found.high_at[kind, j] = value, times[e]
            if value == 0 and found.zero_at[kind, j] < 0:
                found.zero_at[kind, j] = times[e]
            level = max(level, 0)
            while level < LEVELS and not _has_level(value, level, narrow):
                level += 1
            if level == LEVELS and found.odd_at[kind, j] < 0:
                found.odd_at[kind, j] = times[e]
        found.level[kind, j] = level


@kernel
def _has_level(value: float, level: int, narrow: bool) -> bool:  # noqa: FBT001 - kernels take no keywords
    """Whether a value is what a reader makes of its digits with a scale factor."""
    if abs(value) >= _WIDEST:
        return True
    factor = 1000.0
    for _ in range(level):
        factor *= 10.0
    again = np.rint(value * factor) / factor
    if narrow:
        return bool(np.float64(np.float32(again)) == value)
    return bool(again == value)


@kernel
def _indicators(lli: Any, ssi: Any, phase: Any, pseudorange: Any, found: Any) -> None:
    for j in range(lli.shape[1]):
        for e in range(lli.shape[0]):
            slipped, strong = lli[e, j] >= 0, ssi[e, j] >= 0
            found.indicators[j] += slipped
            found.indicators[j] += strong
            beside = np.isnan(phase[e, j]) and not np.isnan(pseudorange[e, j])
            found.indicated[j] += slipped
            found.indicated[j] += strong and not beside
