"""Signal strength indicators that dense arrays have no place for: they hold one a signal."""

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.observations.values import Column, Observations
from gnssice_batch.rinex.primitives.jit import kernel


def differing_ssi(observations: Observations) -> int:
    """Return how many signals, over all epochs, have another indicator with the pseudorange than with the phase.

    `dense` and the store keep the phase's then (RINEX 3 table A3 writes one to each observable).
    """
    pairs = {system: _pairs(columns) for system, columns in observations.columns.items()}
    most = max((len(found) for found in pairs.values()), default=0)
    if not most or not observations.svs:
        return 0
    beside = np.full((len(observations.svs), most, 2), -1, np.int16)
    for index, sv in enumerate(observations.svs):
        found = pairs.get(sv[0], [])
        if found:
            beside[index, : len(found)] = found
    return int(_count(observations.row_sv, observations.ssi, beside))


def _pairs(columns: tuple[Column, ...]) -> list[tuple[int, int]]:
    """Return phase and pseudorange of each signal, by column."""
    ranges = [(k, column) for k, column in enumerate(columns) if column.kind == "C"]
    phases = [(k, column) for k, column in enumerate(columns) if column.kind == "L"]
    return [(k, j) for k, phase in phases for j, other in ranges if other.code[1:] == phase.code[1:]]


@kernel
def _count(row_sv: npt.NDArray[np.int16], ssi: npt.NDArray[np.int8], beside: npt.NDArray[np.int16]) -> int:
    """Count the pairs of columns whose indicators are both there and differ."""
    found = 0
    for row in range(row_sv.size):
        sv = row_sv[row]
        for pair in range(beside.shape[1]):
            phase, other = beside[sv, pair, 0], beside[sv, pair, 1]
            if phase < 0:
                break
            first, second = ssi[row, phase], ssi[row, other]
            found += (first >= 0) & (second >= 0) & (first != second)
    return found
