"""Which columns of each satellite carry values, found in one pass over all rows."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.observations.values import BLOCK, MISSING, MISSING_INDICATOR, Observations
from gnssice_batch.rinex.primitives.fields import U
from gnssice_batch.rinex.primitives.instructions import equal_bytes, equal_octets, equal_words
from gnssice_batch.rinex.primitives.jit import kernel

_WORD_BYTES = 8


class Presence(NamedTuple):
    """What a look at all rows shows."""

    present: npt.NDArray[np.uint64]
    """(svs, K / 64) per satellite a bit for each column that carries a value in any of its rows."""
    unpaired: bool
    """Whether any row has an indicator beside a missing value."""


def presence_of(observations: Observations) -> Presence:
    """Look at all rows, once, for what their places need."""
    marks, unpaired = _marks(observations)
    present = np.zeros((len(observations.svs), _WORD_BYTES * words(observations.value.shape[1])), np.uint8)
    _mark_present(observations.row_sv, marks, present)
    return Presence(present.view("<u8"), unpaired)


def values_per_row(observations: Observations) -> npt.NDArray[np.int64]:
    """(R,) number of values in each row."""
    return np.bitwise_count(_marks(observations)[0]).sum(1, dtype=np.int64)


def has_unpaired_indicators(observations: Observations) -> bool:
    """Return whether any row has an indicator beside a missing value."""
    return _marks(observations)[1]


def _marks(observations: Observations) -> tuple[npt.NDArray[np.uint8], bool]:
    """(R, K / BLOCK) a bit for each value, and whether any row has an indicator beside a missing value."""
    value, lli, ssi = observations.value, observations.lli, observations.ssi
    marks = np.empty((len(value), -(-value.shape[1] // BLOCK)), np.uint8)
    whole = value.flags.c_contiguous and lli.flags.c_contiguous and ssi.flags.c_contiguous
    if whole and value.shape[1] % BLOCK == 0:
        return marks, bool(look_through(value, lli, ssi, marks))
    marks[:] = np.packbits(value != MISSING, axis=1, bitorder="little")
    return marks, bool(((value == MISSING) & ((lli & ssi) != MISSING_INDICATOR)).any())


def words(columns: int) -> int:
    """Number of words that have a bit for each column."""
    return -(-columns // (BLOCK * _WORD_BYTES))


@kernel
def look_through(
    value: npt.NDArray[np.int64], lli: npt.NDArray[np.int8], ssi: npt.NDArray[np.int8], marks: npt.NDArray[np.uint8]
) -> np.uint64:
    """Set a bit for each value, 8 columns a byte; return bits, any of them set if an indicator has no value."""
    unpaired, cells, flat = U(0), value.size, marks.reshape(-1)
    for at in range(0, cells - 63, 64):
        told = ~(equal_bytes(lli, at, MISSING_INDICATOR) & equal_bytes(ssi, at, MISSING_INDICATOR))
        values = U(0)
        for block in range(8):
            here = equal_words(value, at + BLOCK * block, MISSING) ^ U(255)
            flat[at // BLOCK + block] = here
            values |= here << U(BLOCK * block)
        unpaired |= told & ~values
    for at in range(cells - cells % 64, cells, BLOCK):
        here = equal_words(value, at, MISSING) ^ U(255)
        flat[at // BLOCK] = here
        told = ~(equal_octets(lli, at, MISSING_INDICATOR) & equal_octets(ssi, at, MISSING_INDICATOR))
        unpaired |= told & U(255) & ~here
    return unpaired


@kernel
def _mark_present(row_sv: npt.NDArray[np.int16], marks: npt.NDArray[np.uint8], present: npt.NDArray[np.uint8]) -> None:
    """Gather the bits of all rows of a satellite."""
    for row in range(row_sv.size):
        for block in range(marks.shape[1]):
            present[row_sv[row], block] |= marks[row, block]
