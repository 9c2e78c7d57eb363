"""Epochs as the text of a RINEX 3 body (kernels)."""

from typing import Any, Final

import numpy as np

from gnssice_batch.exports.cells import put_cell
from gnssice_batch.exports.digits import NEWLINE, ZERO, Bytes, blank, cardinal, decimal, padded
from gnssice_batch.exports.values import NO_CLOCK
from gnssice_batch.rinex.primitives.jit import kernel

EPOCH_BYTES: Final = 57
"""Of an epoch record with a clock offset, its line end included."""
_SHORT_EPOCH_BYTES: Final = 36
"""Of one without."""
_MARK: Final = np.uint8(ord(">"))


@kernel
def write_epochs(buffer: Bytes, first: int, last: int, told: Any, layout: Any, arrays: Any) -> int:
    """Write epochs ``first:last`` from the start of a buffer that is large enough; return their bytes."""
    at = 0
    for e in range(first, last):
        start, count = at, 0
        has_clock = told.clock_ps[e] != NO_CLOCK
        at += EPOCH_BYTES if has_clock else _SHORT_EPOCH_BYTES
        for satellite in range(layout.columns.size):
            after = _satellite(buffer, at, e, satellite, layout, arrays)
            count += after > at
            at = after
        _epoch(buffer, start, e, count, told)
    return at


@kernel
def _epoch(buffer: Bytes, at: int, e: int, count: int, told: Any) -> None:
    """Write ``> 2025 01 01 00 00  0.0000000  0 nn``, and the clock offset as F15.12 from column 42."""
    has_clock = told.clock_ps[e] != NO_CLOCK
    end = at + (EPOCH_BYTES if has_clock else _SHORT_EPOCH_BYTES) - 1
    blank(buffer, at, end)
    buffer[at] = _MARK
    padded(buffer, at + 2, 4, told.calendar[e, 0])
    for part in range(1, 5):
        padded(buffer, at + 4 + 3 * part, 2, told.calendar[e, part])
    decimal(buffer, at + 18, at + 29, told.calendar[e, 5], 7)
    buffer[at + 31] = ZERO + np.uint8(told.flag[e])
    cardinal(buffer, at + 35, count)
    if has_clock:
        decimal(buffer, end - 15, end, told.clock_ps[e], 12)
    buffer[end] = NEWLINE


@kernel
def _satellite(buffer: Bytes, at: int, e: int, satellite: int, layout: Any, arrays: Any) -> int:
    """Write the record of a satellite that has anything; return where the next one begins."""
    begin = at + 3
    end = begin
    for k in range(layout.columns[satellite]):
        field = begin + 16 * k
        length = put_cell(buffer, field, e, (satellite, k), layout, arrays)
        if length:
            blank(buffer, end, field)
            end = field + length
    if end == begin:
        return at
    for place in range(3):
        buffer[at + place] = layout.names[satellite, place]
    buffer[end] = NEWLINE
    return end + 1
