"""Satellite lines and clock lines of CRINEX: differences undone on integers (kernels)."""

from typing import Final

import numpy as np

from gnssice_batch.rinex.buffers import MAX_ORDER, Arcs, Output, Tables
from gnssice_batch.rinex.codes import BAD_VALUE, COMPACT_MAJOR, LINE, POSITION, PSEUDO_OBSERVABLE, RINEX_MAJOR
from gnssice_batch.rinex.epoch import State, offend
from gnssice_batch.rinex.fields import (
    MINUS,
    SPACE,
    SPACES,
    ZERO,
    Bytes,
    U,
    bytes_before,
    decimal8,
    int64,
    load8,
    not_digits,
)
from gnssice_batch.rinex.jit import inlined, kernel
from gnssice_batch.rinex.observations import MISSING
from gnssice_batch.rinex.row import put_value

AMPERSAND: Final = 38
DAMAGED: Final = -1
LARGEST: Final = 10_000_000_000_000
"""No observable has more digits than F14.3 holds."""

_ALL_ZEROS: Final = U(0x3030303030303030)

type Run = tuple[State, Tables, Output, Arcs]


@inlined
def integer(buffer: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Read a signed integer; return it and the index behind it, `DAMAGED` if there is none or it is too long.

    What the next field waits for is kept short: one load, and no branch that the length or the sign decides.
    """
    negative = int64(buffer[at] == MINUS)
    begin = at + negative
    number = 0
    marks = U(0)
    if at + 8 <= buffer.size:
        word = load8(buffer, at)
        negative = int64(word & U(0xFF) == U(MINUS))
        begin = at + negative
        word = (word >> U(8 * negative)) | (U(ZERO * negative) << U(56))
        marks = not_digits(word)
    if marks:
        length = bytes_before(marks)
        number = decimal8((word << U(8 * (8 - length))) | (_ALL_ZEROS >> U(8 * length))) if length else 0
        at = begin + length
    else:
        number, at = _rest(buffer, begin, stop, 0)
    if at == begin or at - begin > 17:
        return 0, DAMAGED
    return (number ^ -negative) + negative, at


@inlined
def _rest(buffer: Bytes, at: int, stop: int, number: int) -> tuple[int, int]:
    """Read digits one by one."""
    last = min(stop, at + 17)
    while at < last and ZERO <= buffer[at] <= ZERO + 9:
        number = number * 10 + buffer[at] - ZERO
        at += 1
    return number, at


@inlined
def take_satellite_line(buffer: Bytes, stop: int, code: int, row: int, run: Run) -> bool:
    """Decode a satellite's line from ``state[POSITION]`` to `stop` into a row; False if it is damaged."""
    state, tables, output, arcs = run
    system = code // 100
    at = state[POSITION]
    strange = 0
    for j in range(tables.type_count[system]):
        if at >= stop or buffer[at] == SPACE:
            arcs.order[code, j] = -1
            at += at < stop
            continue
        number, at = take_difference(buffer, at, stop, (code, j), arcs)
        if at == DAMAGED or number >= LARGEST or number <= -LARGEST:
            return False
        if at < stop:
            strange |= int64(buffer[at]) ^ SPACE
            at += 1
        column = int64(tables.column_of[system, j])
        if column < 0:
            output.counts[PSEUDO_OBSERVABLE] += 1
        else:
            put_value(state, output, row, column, number, tables.zero_counts[system, j])
    if strange:
        return False
    if at < stop:
        change_indicators(buffer, at, stop, code, run)
    put_indicators(code, row, run)
    return True


@inlined
def take_difference(buffer: Bytes, at: int, stop: int, field: tuple[int, int], arcs: Arcs) -> tuple[int, int]:
    """Decode one observable; return it and the index behind it, or `DAMAGED`."""
    code, j = field
    if at + 1 < stop and buffer[at + 1] == AMPERSAND:
        return begin_arc(buffer, at, stop, field, arcs)
    number, at = integer(buffer, at, stop)
    order = int64(arcs.order[code, j])
    if at == DAMAGED or order < 0:
        return 0, DAMAGED
    difference = arcs.difference[code, j]
    if order == 3 and arcs.arc_order[code, j] == 3:
        difference[2] += number
        difference[1] += difference[2]
        difference[0] += difference[1]
    else:
        if order < arcs.arc_order[code, j]:
            order += 1
            arcs.order[code, j] = order
        integrate(difference, order, number)
    return difference[0], at


@inlined
def integrate(difference: np.ndarray, order: int, number: int) -> None:
    """Undo one step of differences of an order."""
    difference[order] = number
    for m in range(order, 0, -1):
        difference[m - 1] += difference[m]


@inlined
def begin_arc(buffer: Bytes, at: int, stop: int, field: tuple[int, int], arcs: Arcs) -> tuple[int, int]:
    """Decode a value given whole, ``3&23713320178``, that begins an arc of the order before the ampersand."""
    code, j = field
    greatest = int64(buffer[at]) - ZERO
    if not 0 <= greatest <= MAX_ORDER or at + 2 >= stop:
        return 0, DAMAGED
    number, at = integer(buffer, at + 2, stop)
    if at == DAMAGED:
        return 0, DAMAGED
    arcs.order[code, j] = 0
    arcs.arc_order[code, j] = greatest
    arcs.difference[code, j, 0] = number
    return number, at


@inlined
def change_indicators(buffer: Bytes, at: int, stop: int, code: int, run: Run) -> None:
    """Apply the text difference of the indicators: a blank leaves one, an ampersand blanks it."""
    state, tables, output, arcs = run
    system = code // 100
    last = min(stop - at, 2 * tables.type_count[system])
    i = 0
    while i < last:
        if at + i + 8 <= buffer.size and load8(buffer, at + i) == SPACES:
            i += 8
            continue
        byte = int64(buffer[at + i])
        column = int64(tables.column_of[system, i // 2])
        if byte != SPACE and column >= 0:
            number = indicator_of(byte)
            if number < -1:
                offend(state, output, BAD_VALUE, state[LINE] + 1, state[POSITION])
            (arcs.ssi if i % 2 else arcs.lli)[code, column] = max(number, -1)
        i += 1


@inlined
def indicator_of(byte: int) -> int:
    """Return the indicator that a character of a text difference sets: -1 is a blank, -2 stands for no indicator."""
    if byte == AMPERSAND:
        return -1
    number = byte - ZERO
    return number if 0 <= number <= 9 else -2


@inlined
def put_indicators(code: int, row: int, run: Run) -> None:
    """Store the indicators of a row; in CRINEX 1 a blank observable takes its indicators with it."""
    state, tables, output, arcs = run
    if state[COMPACT_MAJOR] < 3:
        system = code // 100
        for j in range(tables.type_count[system]):
            column = int64(tables.column_of[system, j])
            if column >= 0 and arcs.order[code, j] < 0:
                arcs.lli[code, column] = -1
                arcs.ssi[code, column] = -1
    for k in range(output.lli.shape[1]):
        output.lli[row, k] = arcs.lli[code, k]
        output.ssi[row, k] = arcs.ssi[code, k]


@kernel
def take_clock_line(buffer: Bytes, at: int, stop: int, state: State, arcs: Arcs) -> tuple[int, int]:
    """Decode the receiver clock offset; return picoseconds (`MISSING` if blank) and the index behind, or `DAMAGED`."""
    if at >= stop or buffer[at] == SPACE:
        arcs.clock[MAX_ORDER + 1] = -1
        return MISSING, at
    order = arcs.clock[MAX_ORDER + 1]
    if at + 1 < stop and buffer[at + 1] == AMPERSAND:
        arcs.clock[MAX_ORDER + 2] = int64(buffer[at]) - ZERO
        order = -1
        at += 2
    elif order < 0:
        return MISSING, DAMAGED
    greatest = arcs.clock[MAX_ORDER + 2]
    number, at = integer(buffer, at, stop)
    if not 0 <= greatest <= MAX_ORDER or at == DAMAGED:
        return MISSING, DAMAGED
    order = min(order + 1, greatest)
    arcs.clock[MAX_ORDER + 1] = order
    integrate(arcs.clock, order, number)
    return arcs.clock[0] * (1000 if state[RINEX_MAJOR] < 3 else 1), at
