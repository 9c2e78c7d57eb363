"""The arrays that the kernels read from or write to."""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.kernels.numbers import EPOCHS, FIRST_REASON, REASONS, ROWS
from gnssice_batch.rinex.observations.values import MISSING, MISSING_INDICATOR
from gnssice_batch.rinex.primitives.time import leap_table
from gnssice_batch.signals import SYSTEMS

SV_CODES = 100 * len(SYSTEMS)
"""A satellite's code is 100 times the number of its system plus its own number."""

SVS = tuple(f"{system}{number:02d}" for system in SYSTEMS for number in range(100))
"""Satellites by their codes."""

MAX_ORDER = 5
"""Highest order of difference in CRINEX."""

ARC = MAX_ORDER
"""Where the mark of an arc stands, behind its value and the differences that are needed again."""


class Tables(NamedTuple):
    """What the header says, in the form the kernels look it up. T is the greatest number of types of a system."""

    system_of: npt.NDArray[np.int8]
    """(256,) number of the system by its letter, -1 for other characters."""
    type_count: npt.NDArray[np.int64]
    """(systems,) declared types, 0 where the system is not declared."""
    column_of: npt.NDArray[np.int16]
    """(systems, T) column that a declared type is stored in; where it is not, ``-1 - r`` for reason number r."""
    leap_100ns: npt.NDArray[np.int64]
    """UTC calendar times of the leap seconds."""


class Output(NamedTuple):
    """The observations read so far, E epochs, R rows and K columns at most."""

    time_100ns: npt.NDArray[np.int64]
    epoch_flag: npt.NDArray[np.int8]
    clock_ps: npt.NDArray[np.int64]
    time_ps: npt.NDArray[np.int32]
    first_row: npt.NDArray[np.int64]
    row_sv: npt.NDArray[np.int16]
    value: npt.NDArray[np.int64]
    lli: npt.NDArray[np.int8]
    ssi: npt.NDArray[np.int8]
    lli_blocks: npt.NDArray[np.int64]
    """(R, K / BLOCK) the same memory as `lli`."""
    ssi_blocks: npt.NDArray[np.int64]
    sv_index: npt.NDArray[np.int16]
    """(SV_CODES,) index of a satellite in order of appearance, -1 before."""
    sv_codes: npt.NDArray[np.int16]
    """(SV_CODES,) codes of the satellites in order of appearance."""
    sv_epoch: npt.NDArray[np.int64]
    """(SV_CODES,) serial number of the epoch that a satellite last had a row in."""
    line_counts: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    @classmethod
    def allocate(cls, epochs: int, rows: int, columns: int) -> Self:
        """Return empty output for whole blocks of columns; memory is taken as pages are written to."""
        lli, ssi = np.empty((rows, columns), np.int8), np.empty((rows, columns), np.int8)
        return cls(
            time_100ns=np.empty(epochs, np.int64),
            epoch_flag=np.empty(epochs, np.int8),
            clock_ps=np.empty(epochs, np.int64),
            time_ps=np.empty(epochs, np.int32),
            first_row=np.zeros(epochs + 1, np.int64),
            row_sv=np.empty(rows, np.int16),
            value=np.empty((rows, columns), np.int64),
            lli=lli,
            ssi=ssi,
            lli_blocks=lli.view(np.int64),
            ssi_blocks=ssi.view(np.int64),
            sv_index=_NO_INDEX.copy(),
            sv_codes=np.zeros(SV_CODES, np.int16),
            sv_epoch=_NEVER.copy(),
            line_counts=np.zeros(FIRST_REASON + len(REASONS), np.int64),
            counts=np.zeros(len(REASONS), np.int64),
        )

    def resized(self, state: npt.NDArray[np.int64], columns: int, *, factor: int = 1) -> "Output":
        """Return the same content in arrays of more rows, epochs or columns."""
        epochs, rows = int(state[EPOCHS]) + 1, int(state[ROWS])
        larger = Output.allocate(factor * self.time_100ns.size, factor * self.row_sv.size, columns)
        narrow = self.value.shape[1]
        for name in ("time_100ns", "epoch_flag", "clock_ps", "time_ps"):
            getattr(larger, name)[:epochs] = getattr(self, name)[:epochs]
        larger.row_sv[:rows] = self.row_sv[:rows]
        larger.first_row[: epochs + 1] = self.first_row[: epochs + 1]
        for name, missing in (("value", MISSING), ("lli", MISSING_INDICATOR), ("ssi", MISSING_INDICATOR)):
            target = getattr(larger, name)
            target[:rows, :narrow] = getattr(self, name)[:rows]
            target[:rows, narrow:] = missing
        kept = {name: getattr(self, name) for name in ("sv_index", "sv_codes", "sv_epoch", "line_counts", "counts")}
        return larger._replace(**kept)


class Arcs(NamedTuple):
    """What a CRINEX decoder remembers of the epoch before; T types at most."""

    difference: npt.NDArray[np.int64]
    """(SV_CODES, T, ARC + 1) the value, its differences, and what `crinex_row.arc_mark` says of the arc."""
    lli: npt.NDArray[np.int8]
    """(SV_CODES, K) indicators that text differences refer to."""
    ssi: npt.NDArray[np.int8]
    lli_blocks: npt.NDArray[np.int64]
    """(SV_CODES, K / BLOCK) the same memory as `lli`."""
    ssi_blocks: npt.NDArray[np.int64]
    serial: npt.NDArray[np.int64]
    """(SV_CODES,) number of the epoch that a satellite was last seen in."""
    text: npt.NDArray[np.uint8]
    """The epoch line that differences refer to."""
    clock: npt.NDArray[np.int64]
    """(MAX_ORDER + 4,) differences of the receiver clock offset, then its order and greatest order."""

    @classmethod
    def allocate(cls, types: int, columns: int) -> Self:
        """Return arcs of which none has begun."""
        lli, ssi = np.empty((SV_CODES, columns), np.int8), np.empty((SV_CODES, columns), np.int8)
        return cls(
            difference=np.empty((SV_CODES, types, ARC + 1), np.int64),
            lli=lli,
            ssi=ssi,
            lli_blocks=lli.view(np.int64),
            ssi_blocks=ssi.view(np.int64),
            serial=_NEVER.copy(),
            text=_BLANK_TEXT.copy(),
            clock=_NO_CLOCK.copy(),
        )


def system_numbers() -> npt.NDArray[np.int8]:
    """Return `Tables.system_of`."""
    numbers = np.full(256, -1, np.int8)
    for number, letter in enumerate(SYSTEMS):
        numbers[ord(letter)] = number
    return numbers


_NO_INDEX = np.full(SV_CODES, -1, np.int16)
_NEVER = np.full(SV_CODES, -1, np.int64)
_BLANK_TEXT = np.full(4096, ord(" "), np.uint8)
_NO_CLOCK = np.array([0] * (MAX_ORDER + 1) + [-1, -1, 0], np.int64)

LEAP_100NS = leap_table()
SYSTEM_OF = system_numbers()
