"""The observations of one RINEX file as rows of integers; nothing rounded, nothing invented."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason
from gnssice_batch.rinex.header.values import Header

MISSING = np.iinfo(np.int64).min
"""The integer that stands for a missing value in `Observations.value` and `Observations.rx_clock_offset_ps`."""

MISSING_INDICATOR = -1
"""The integer that stands for a blank indicator in `Observations.lli` and `Observations.ssi`."""


BLOCK = 8
"""Rows have whole blocks of columns, so that the indicators of a block are one word."""


class Column(NamedTuple):
    """One declared observable of a satellite system."""

    code: str
    """RINEX 3 observation code the column is read as, e.g. ``C1C`` (a RINEX 2 ``P2`` is ``C2W``)."""
    kind: str
    """First letter of the code: C pseudorange, L phase, D Doppler, S signal strength."""
    band: str
    """Name of the band, e.g. ``L1`` or ``E5a``."""
    letter: str
    """Tracking letter, e.g. ``C``."""
    scale: int = 1
    """SYS / SCALE FACTOR: stored integers are 0.001 / scale of the observable's unit."""
    rank: int = 0
    """Above 0 for a further declared observable of the same signal, which has a value only where no lower one has."""


@dataclass(frozen=True, slots=True)
class Offence:
    """The first thing in a file that lost observations."""

    reason: Reason
    line: int
    """Line number in the unpacked text or CRINEX, counted from 1."""
    first_bytes: bytes
    detail: str = ""
    """What the reason alone does not say, e.g. in which member of a container it is."""


@dataclass(frozen=True, slots=True)
class Accounting:
    """What was skipped in a file and why; every line of the file is in exactly one category."""

    lines: int
    """Lines of the unpacked file (text or CRINEX), the header included."""
    line_counts: Mapping[str, int]
    """Lines by category: header, epoch, observation, and the reason of every other line; sums up to `lines`."""
    counts: Mapping[Reason, int] = field(default_factory=dict)
    """Skipped things by reason (lines, epochs or values, as the reason says)."""
    offence: Offence | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """The observations of one station in one file, E epochs, R satellite records, at most K columns a system.

    Physical values are ``value / (1000 * columns[system][k].scale)``: metres, cycles, Hz, dB-Hz.
    """

    header: Header
    time_100ns: npt.NDArray[np.int64]
    """(E,) GPS time in units of 100 ns since 1980-01-06T00:00:00, in file order."""
    time_ps: npt.NDArray[np.int32]
    """(E,) picoseconds past `time_100ns`, 0 to 99999 (RINEX 4.02 on); 0 where the file gives none."""
    epoch_flag: npt.NDArray[np.int8]
    """(E,) 0 or 1 (power failure before this epoch)."""
    rx_clock_offset_ps: npt.NDArray[np.int64]
    """(E,) receiver clock offset in picoseconds, `MISSING` where the field is blank."""
    first_row: npt.NDArray[np.int64]
    """(E + 1,) the rows of epoch e are ``first_row[e]:first_row[e + 1]``."""
    svs: tuple[str, ...]
    """The satellites of the file, in order of appearance, e.g. ``G01``."""
    row_sv: npt.NDArray[np.int16]
    """(R,) index into `svs`."""
    value: npt.NDArray[np.int64]
    """(R, K) observables in 0.001 / scale of their unit, `MISSING` where blank or 0.0."""
    lli: npt.NDArray[np.int8]
    """(R, K) loss-of-lock indicator as written, -1 where blank."""
    ssi: npt.NDArray[np.int8]
    """(R, K) signal strength indicator as written, -1 where blank."""
    columns: Mapping[str, tuple[Column, ...]]
    """Per system letter what column k of `value` holds; columns past its length are `MISSING`."""
    accounting: Accounting


class Rows(NamedTuple):
    """The arrays of observations that kernels work on."""

    first_row: npt.NDArray[np.int64]
    row_sv: npt.NDArray[np.int16]
    value: npt.NDArray[np.int64]
    lli: npt.NDArray[np.int8]
    ssi: npt.NDArray[np.int8]


def rows_of(observations: Observations) -> Rows:
    """Return the arrays of observations, not copied."""
    return Rows(observations.first_row, observations.row_sv, observations.value, observations.lli, observations.ssi)
