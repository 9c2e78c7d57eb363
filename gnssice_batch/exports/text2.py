"""Epochs as the text of a RINEX 2 body (kernels)."""

from typing import Any, Final

import numpy as np

from gnssice_batch.exports.cells import put_cell
from gnssice_batch.exports.digits import NEWLINE, ZERO, Bytes, blank, cardinal, decimal, padded
from gnssice_batch.exports.values import NO_CLOCK
from gnssice_batch.rinex.primitives.jit import kernel

FIELDS_A_LINE: Final = 5
NAMES_A_LINE: Final = 12
_NAMES_AT: Final = 32
_CLOCK_END: Final = 80


@kernel
def write_epochs(buffer: Bytes, first: int, last: int, told: Any, layout: Any, arrays: Any) -> int:
    """Write epochs ``first:last`` from the start of a buffer that is large enough; return their bytes."""
    at = 0
    for e in range(first, last):
        at = _epoch(buffer, at, e, told, layout, arrays)
        for satellite in range(layout.columns.size):
            if _is_there(e, satellite, layout, arrays):
                at = _satellite(buffer, at, e, satellite, layout, arrays)
    return at


@kernel
def _epoch(buffer: Bytes, at: int, e: int, told: Any, layout: Any, arrays: Any) -> int:
    """Write `` 25  1  1  0  0  0.0000000  0 nn`` and the satellites, twelve a line; the clock offset as F12.9."""
    start, count = at, 0
    blank(buffer, at, at + _CLOCK_END)
    padded(buffer, at + 1, 2, told.calendar[e, 0] % 100)
    for part in range(1, 5):
        cardinal(buffer, at + 3 + 3 * part, told.calendar[e, part])
    decimal(buffer, at + 15, at + 26, told.calendar[e, 5], 7)
    buffer[at + 28] = ZERO + np.uint8(told.flag[e])
    end = at + _NAMES_AT
    for satellite in range(layout.columns.size):
        if not _is_there(e, satellite, layout, arrays):
            continue
        if count and count % NAMES_A_LINE == 0:
            end = _line_end(buffer, start, end, e, told) if count == NAMES_A_LINE else _plain_end(buffer, end)
            at = end
            blank(buffer, at, at + _CLOCK_END)
            end = at + _NAMES_AT
        for place in range(3):
            buffer[end + place] = layout.names[satellite, place]
        end += 3
        count += 1
    end = _line_end(buffer, start, end, e, told) if count <= NAMES_A_LINE else _plain_end(buffer, end)
    cardinal(buffer, start + 32, count)
    return end


@kernel
def _line_end(buffer: Bytes, start: int, end: int, e: int, told: Any) -> int:
    """End the first line of an epoch, with its clock offset if it has one."""
    if told.clock_ps[e] != NO_CLOCK:
        end = start + _CLOCK_END
        decimal(buffer, end - 12, end, told.clock_ps[e] // 1000, 9)
    return _plain_end(buffer, end)


@kernel
def _plain_end(buffer: Bytes, end: int) -> int:
    buffer[end] = NEWLINE
    return end + 1


@kernel
def _is_there(e: int, satellite: int, layout: Any, arrays: Any) -> bool:
    """Whether a satellite has a value or an indicator."""
    snr, pseudorange, phase, doppler, lli, ssi = arrays
    for k in range(layout.columns[satellite]):
        j = layout.place[satellite, k]
        if j < 0:
            continue
        if not (np.isnan(snr[e, j]) and np.isnan(pseudorange[e, j])):
            return True
        if not (np.isnan(phase[e, j]) and np.isnan(doppler[e, j])) or lli[e, j] >= 0 or ssi[e, j] >= 0:
            return True
    return False


@kernel
def _satellite(buffer: Bytes, at: int, e: int, satellite: int, layout: Any, arrays: Any) -> int:
    """Write the lines of a satellite; return where the next one begins."""
    columns, end = layout.columns[satellite], at
    for k in range(columns):
        if k and k % FIELDS_A_LINE == 0:
            at = _plain_end(buffer, end)
            end = at
        field = at + 16 * (k % FIELDS_A_LINE)
        length = put_cell(buffer, field, e, (satellite, k), layout, arrays)
        if length:
            blank(buffer, end, field)
            end = field + length
    return _plain_end(buffer, end)
