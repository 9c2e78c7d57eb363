"""The values of the plain reader: epochs, with what each satellite has along them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.signals import SignalColumn

MISSING: Final = np.iinfo(np.int64).min
"""Stands for a missing value and for a missing receiver clock offset."""

BLANK: Final = -1
"""Stands for a missing indicator."""

type Bytes = npt.NDArray[np.uint8]
type Integers = npt.NDArray[np.int64]


class DeclinedError(Exception):
    """A file holds what the plain reader does not do; the message says what."""


@dataclass(frozen=True, slots=True)
class Block:
    """R records of some satellites of one system, satellite by satellite, each in the order of the file; K signals."""

    svs: tuple[str, ...]
    """The satellites, e.g. ``G01``."""
    sv: npt.NDArray[np.intp]
    """(R,) index into `svs`."""
    epoch: npt.NDArray[np.intp]
    """(R,) index of the epoch."""
    columns: tuple[SignalColumn, ...]
    """(K,) the signal of each row of the arrays."""
    scales: tuple[int, ...]
    """(K,) values are 0.001 / scale of their unit."""
    value: npt.NDArray[np.int64]
    """(K, R) `MISSING` where there is none."""
    lli: npt.NDArray[np.int8]
    """(K, R) loss-of-lock indicator, `BLANK` where there is none."""
    ssi: npt.NDArray[np.int8]
    """(K, R) signal strength indicator, `BLANK` where there is none."""

    def observed(self) -> npt.NDArray[np.bool_]:
        """(K, V) whether a satellite has any value of a signal."""
        first = np.flatnonzero(np.diff(self.sv, prepend=-1))
        return np.logical_or.reduceat(self.value != MISSING, first, axis=1)


@dataclass(frozen=True, slots=True)
class Series:
    """The observations of one station in one file, E epochs in the order of the file."""

    time_100ns: npt.NDArray[np.int64]
    """(E,) GPS time in units of 100 ns since 1980-01-06T00:00:00."""
    time_ps: npt.NDArray[np.int32]
    """(E,) picoseconds past it (RINEX 4.02)."""
    epoch_flag: npt.NDArray[np.int8]
    """(E,) 0, or 1 for a power failure before the epoch."""
    rx_clock_offset_ps: npt.NDArray[np.int64]
    """(E,) receiver clock offset in picoseconds, `MISSING` where blank."""
    blocks: tuple[Block, ...]
    """Every satellite in one of them."""
