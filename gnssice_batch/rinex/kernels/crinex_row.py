"""Satellite lines, clock lines of CRINEX: differences undone on integers (kernels)."""

from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.kernels.buffers import ARC, MAX_ORDER, Arcs, Output, Tables
from gnssice_batch.rinex.kernels.epoch import State, offend
from gnssice_batch.rinex.kernels.numbers import (
    BAD_VALUE,
    COMPACT_MAJOR,
    LINE,
    POSITION,
    RINEX_MAJOR,
    SERIAL,
)
from gnssice_batch.rinex.kernels.row import lose_value, put_value
from gnssice_batch.rinex.observations.values import MISSING
from gnssice_batch.rinex.primitives.fields import (
    MINUS,
    NEWLINE,
    SPACE,
    WINDOW,
    ZERO,
    ZEROS,
    Bytes,
    U,
    above_nine,
    int64,
    load8,
    number8,
    window,
)
from gnssice_batch.rinex.primitives.instructions import trailing_zeros
from gnssice_batch.rinex.primitives.jit import inlined, kernel

AMPERSAND: Final = 38
DAMAGED: Final = -1
LARGEST: Final = 9_999_999_999_999
"""No observable has more digits than F14.3 holds."""

type Run = tuple[State, Tables, Output, Arcs]


@inlined
def integer(word: np.uint64, buffer: Bytes, at: int, end: int) -> tuple[int, bool]:
    """Read the signed integer of at most 17 characters that a field is; return it and whether it is one.

    `word` are the first eight bytes of the field.
    """
    length = end - at
    negative = int64(word & U(0xFF) == U(MINUS))
    digits = word ^ ZEROS ^ U(negative * (MINUS ^ ZERO))
    if length > 8:
        return long_integer(digits, buffer, at, end, negative)
    digits <<= U(8 * (8 - length))
    return (number8(digits) ^ -negative) + negative, above_nine(digits) == U(0) and negative < length


@kernel
def long_integer(digits: np.uint64, buffer: Bytes, at: int, end: int, negative: int) -> tuple[int, bool]:
    """Read on behind the first eight digits of an `integer`."""
    number = number8(digits)
    sound = above_nine(digits) == U(0) and end - at <= 17
    for i in range(at + 8, min(end, at + 17)):
        digit = int64(buffer[i]) - ZERO
        sound &= 0 <= digit <= 9
        number = number * 10 + digit
    return (number ^ -negative) + negative, sound


@inlined
def word_at(buffer: Bytes, at: int) -> np.uint64:
    """Return eight bytes as a word; what lies behind the buffer is made of line feeds."""
    return load8(buffer, at) if at + 8 <= buffer.size else _last_word(buffer, at)


@kernel
def _last_word(buffer: Bytes, at: int) -> np.uint64:
    word = U(0)
    for i in range(8):
        byte = int64(buffer[at + i]) if at + i < buffer.size else NEWLINE
        word |= U(byte) << U(8 * i)
    return word


@inlined
def take_satellite_line(buffer: Bytes, stop: int, code: int, row: int, run: Run) -> bool:
    """Decode a satellite's line from ``state[POSITION]`` to `stop` into a row; False if it is damaged."""
    state, tables, _, _ = run
    types = int64(tables.type_count[code // 100])
    at, j = int64(state[POSITION]), 0
    while j < types and at < stop:
        at, j = take_observables(buffer, (at, stop), (j, types), (code, row), run)
        if at == DAMAGED:
            return False
    if at < stop:
        change_indicators(buffer, at, stop, code, run)
    put_indicators(code, row, run)
    return True


@inlined
def take_observables(
    buffer: Bytes, line: tuple[int, int], types: tuple[int, int], place: tuple[int, int], run: Run
) -> tuple[int, int]:
    """Decode the observables that end within `WINDOW` bytes; return where the next field begins, and its type.

    An observable ends with a blank, a missing one is that blank alone: so its place says which type it is. Where they
    all stand is known before any is decoded.
    """
    at, stop = line
    j, last = types
    base = at
    bits = ~window(buffer, base, SPACE)
    if stop - base < WINDOW:
        bits &= (U(1) << U(stop - base)) - U(1)
    begins = bits & ~(bits << U(1))
    while begins:
        begin = base + int64(trailing_zeros(begins))
        end = begin + int64(trailing_zeros(~(bits >> U(begin - base))))
        if j + begin - at >= last:
            break
        j += begin - at
        if end == base + WINDOW and end < stop:
            return (begin if begin > base else DAMAGED), j
        if not take_observable(buffer, begin, end, (place[0], place[1], j), run):
            return DAMAGED, j
        at = min(end + 1, stop)
        j += 1
        begins &= begins - U(1)
    blanks = min(min(base + WINDOW, stop) - at, last - j)
    return at + blanks, j + blanks


@inlined
def take_observable(buffer: Bytes, begin: int, end: int, field: tuple[int, int, int], run: Run) -> bool:
    """Decode one observable and store it where its type's column is, if it has one; False if it is damaged."""
    state, tables, output, arcs = run
    code, row, j = field
    number, sound = take_difference(buffer, begin, end, arcs.difference[code, U(j)], state[SERIAL])
    if not sound or U(number + LARGEST) > U(2 * LARGEST):
        return False
    system = code // 100
    column = int64(tables.column_of[system, U(j)])
    if column < 0:
        if number != 0:
            lose_value(state, output, column)
    else:
        put_value(output, row, column, number)
    return True


@inlined
def take_difference(
    buffer: Bytes, begin: int, end: int, difference: npt.NDArray[np.int64], serial: int
) -> tuple[int, bool]:
    """Undo the difference that a field is; return the observable, and False if it is damaged."""
    word = word_at(buffer, begin)
    if (word >> U(8)) & U(0xFF) == U(AMPERSAND):
        return begin_arc(buffer, begin, end, difference, serial)
    number, sound = integer(word, buffer, begin, end)
    mark = difference[ARC]
    if mark == arc_mark(serial - 1, 3, 3):
        difference[2] += number
        difference[1] += difference[2]
        difference[0] += difference[1]
    elif mark // 64 == serial - 1:
        greatest = mark // 8 % 8
        order = min(mark % 8 + 1, greatest)
        integrate(difference, order, number)
        mark = arc_mark(serial - 1, greatest, order)
    else:
        sound = False
    difference[ARC] = mark + 64
    return difference[0], sound


@inlined
def arc_mark(serial: int, greatest: int, order: int) -> int:
    """Return an arc's last epoch, its greatest order and the order it has reached, as one number."""
    return 64 * serial + 8 * greatest + order


@inlined
def integrate(difference: np.ndarray, order: int, number: int) -> None:
    """Undo a difference of an order; the highest one is not needed again."""
    for m in range(order - 1, -1, -1):
        difference[m] += number if m == order - 1 else difference[m + 1]
    if order < MAX_ORDER:
        difference[order] = number


@inlined
def begin_arc(buffer: Bytes, begin: int, end: int, difference: npt.NDArray[np.int64], serial: int) -> tuple[int, bool]:
    """Decode a value given whole, ``3&23713320178``, that begins an arc of the order before the ampersand."""
    greatest = int64(buffer[begin]) - ZERO
    if not 0 <= greatest <= MAX_ORDER or begin + 2 >= end:
        return 0, False
    difference[0], sound = integer(word_at(buffer, begin + 2), buffer, begin + 2, end)
    difference[ARC] = arc_mark(serial, greatest, 0)
    return difference[0], sound


@inlined
def change_indicators(buffer: Bytes, at: int, stop: int, code: int, run: Run) -> None:
    """Apply the text difference of the indicators: a blank leaves one, an ampersand blanks it."""
    last = min(stop - at, 2 * int64(run[1].type_count[code // 100]))
    for first in range(0, last, WINDOW):
        changed = ~window(buffer, at + first, SPACE)
        if last - first < WINDOW:
            changed &= (U(1) << U(last - first)) - U(1)
        while changed:
            i = first + int64(trailing_zeros(changed))
            change_indicator(int64(buffer[at + i]), code, i, run)
            changed &= changed - U(1)


@inlined
def change_indicator(byte: int, code: int, i: int, run: Run) -> None:
    """Apply one character of the text difference: two of them are for a type."""
    state, tables, output, arcs = run
    column = int64(tables.column_of[code // 100, i // 2])
    if column >= 0:
        number = indicator_of(byte)
        if number < -1:
            offend(state, output, BAD_VALUE, state[LINE] + 1, state[POSITION])
        (arcs.ssi if i % 2 else arcs.lli)[code, column] = max(number, -1)


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
            if column >= 0 and arcs.difference[code, j, ARC] // 64 != state[SERIAL]:
                arcs.lli[code, column] = -1
                arcs.ssi[code, column] = -1
    for block in range(output.lli_blocks.shape[1]):
        output.lli_blocks[row, block] = arcs.lli_blocks[code, block]
        output.ssi_blocks[row, block] = arcs.ssi_blocks[code, block]


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
    end = at
    while end < stop and buffer[end] != SPACE:
        end += 1
    number, sound = integer(word_at(buffer, at), buffer, at, end)
    if not 0 <= greatest <= MAX_ORDER or not sound:
        return MISSING, DAMAGED
    order = min(order + 1, greatest)
    arcs.clock[MAX_ORDER + 1] = order
    integrate(arcs.clock, order, number)
    return arcs.clock[0] * (1000 if state[RINEX_MAJOR] < 3 else 1), end
