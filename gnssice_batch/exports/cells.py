"""One observation with its indicators as the 16 characters of RINEX (kernels)."""

from typing import Any, Final

import numpy as np

from gnssice_batch.exports.digits import BLANK, ZERO, Bytes, decimal
from gnssice_batch.rinex.primitives.jit import inlined

SNR: Final = 0
PSEUDORANGE: Final = 1
PHASE: Final = 2
DOPPLER: Final = 3
_DECIMALS: Final = 3
_NUMBER_BYTES: Final = 14


@inlined
def put_cell(buffer: Bytes, at: int, e: int, column: tuple[int, int], layout: Any, arrays: Any) -> int:
    """Write a column (satellite, number); return the characters up to the last that is none.

    Loss of lock stands with the phase, signal strength with the phase, else with the pseudorange. Indicators without
    a value stand beside a phase of 0, which is a missing one: the program that makes CRINEX refuses them beside blanks.
    """
    j = layout.place[column]
    if j < 0:
        return 0
    kind, factor = layout.kind[column], layout.factor[column]
    snr, pseudorange, phase, doppler, _, _ = arrays
    if kind == PHASE:
        return _put_phase(buffer, at, (e, j), factor, arrays)
    if kind == PSEUDORANGE:
        if np.isnan(pseudorange[e, j]):
            return 0
        decimal(buffer, at, at + _NUMBER_BYTES, _units(pseudorange[e, j], factor), _DECIMALS)
        return _put_indicators(buffer, at, -1, np.int64(arrays[5][e, j]) if np.isnan(phase[e, j]) else -1)
    value = np.float64(snr[e, j]) if kind == SNR else np.float64(doppler[e, j])
    if np.isnan(value):
        return 0
    decimal(buffer, at, at + _NUMBER_BYTES, _units(value, factor), _DECIMALS)
    return _NUMBER_BYTES


@inlined
def _put_phase(buffer: Bytes, at: int, cell: tuple[int, int], factor: float, arrays: Any) -> int:
    _, pseudorange, phase, _, lli, ssi = arrays
    there = not np.isnan(phase[cell])
    strength = np.int64(ssi[cell]) if there or np.isnan(pseudorange[cell]) else -1
    if not there and lli[cell] < 0 and strength < 0:
        return 0
    decimal(buffer, at, at + _NUMBER_BYTES, _units(phase[cell], factor) if there else 0, _DECIMALS)
    return _put_indicators(buffer, at, np.int64(lli[cell]), strength)


@inlined
def _units(value: float, factor: float) -> Any:
    """Return the integer that stands before the last three decimals are cut off by the point."""
    return np.int64(np.rint(value * factor))


@inlined
def _put_indicators(buffer: Bytes, at: int, lli: Any, ssi: Any) -> int:
    if lli >= 0 or ssi >= 0:
        buffer[at + _NUMBER_BYTES] = ZERO + np.uint8(lli) if lli >= 0 else BLANK
    if ssi >= 0:
        buffer[at + _NUMBER_BYTES + 1] = ZERO + np.uint8(ssi)
        return _NUMBER_BYTES + 2
    return _NUMBER_BYTES + 1 if lli >= 0 else _NUMBER_BYTES
