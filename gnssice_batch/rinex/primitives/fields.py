"""Fixed-width fields of RINEX text, read eight bytes at a time (kernels)."""

from collections.abc import Callable
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.primitives.instructions import equal_bytes, trailing_zeros
from gnssice_batch.rinex.primitives.jit import inlined, kernel

type Bytes = npt.NDArray[np.uint8]

U = np.uint64
int64: Callable[[object], int] = cast("Callable[[object], int]", np.int64)
"""Makes a signed integer of a byte, whose arithmetic would otherwise be unsigned."""

GOOD: Final = 0
BLANK: Final = 1
BAD: Final = 2

SPACE: Final = 32
MINUS: Final = 45
DOT: Final = 46
ZERO: Final = 48
NEWLINE: Final = 10

WINDOW: Final = 64
"""Bytes that are looked at together: as many as a word has bits."""

ZEROS: Final = U(0x3030303030303030)
SPACES: Final = U(0x2020202020202020)
_ABOVE_NINE: Final = U(0x7676767676767676)
_HIGH_BITS: Final = U(0x8080808080808080)
_DOT_AT_10: Final = U(DOT)
_SIGN: Final = U(MINUS ^ SPACE)
_SPARE: Final = U(0x202020)


@inlined
def load8(buffer: Bytes, at: int) -> np.uint64:
    """Return eight bytes as a little-endian word (compiles to a single load)."""
    i = U(at)
    return (
        U(buffer[i])
        | (U(buffer[i + U(1)]) << U(8))
        | (U(buffer[i + U(2)]) << U(16))
        | (U(buffer[i + U(3)]) << U(24))
        | (U(buffer[i + U(4)]) << U(32))
        | (U(buffer[i + U(5)]) << U(40))
        | (U(buffer[i + U(6)]) << U(48))
        | (U(buffer[i + U(7)]) << U(56))
    )


@inlined
def bytes_before(marks: np.uint64) -> int:
    """Return the number of bytes before the first one with its high bit set; 8 if there is none."""
    return int64(trailing_zeros(marks) >> U(3))


@inlined
def window(buffer: Bytes, at: int, byte: int) -> np.uint64:
    """Return a bit for each of the `WINDOW` bytes from an index on: set where it is the byte, and in the buffer."""
    return equal_bytes(buffer, at, byte) if at + WINDOW <= buffer.size else _last_window(buffer, at, byte)


@kernel
def _last_window(buffer: Bytes, at: int, byte: int) -> np.uint64:
    bits = U(0)
    for i in range(min(WINDOW, buffer.size - at)):
        bits |= U(buffer[at + i] == byte) << U(i)
    return bits


@inlined
def line_end(buffer: Bytes, start: int) -> int:
    """Return the index of the next line feed, or the size of the buffer."""
    at = start
    while at < buffer.size:
        found = window(buffer, at, NEWLINE)
        if found:
            return at + int64(trailing_zeros(found))
        at += WINDOW
    return int64(buffer.size)


@inlined
def text_end(buffer: Bytes, start: int, end: int) -> int:
    """Return the end of a line without carriage returns, trailing blanks and NUL bytes."""
    while end > start and buffer[end - 1] <= SPACE:
        end -= 1
    return end


@inlined
def decimal8(word: np.uint64) -> int:
    """Return the number that eight ASCII digits are."""
    return number8(word & U(0x0F0F0F0F0F0F0F0F))


@inlined
def number8(digits: np.uint64) -> int:
    """Return the number that eight bytes of 0 to 9 are."""
    word = (digits * U(2561)) >> U(8)
    word = ((word & U(0x00FF00FF00FF00FF)) * U(6553601)) >> U(16)
    return int64(((word & U(0x0000FFFF0000FFFF)) * U(42949672960001)) >> U(32))


@inlined
def not_digits(word: np.uint64) -> np.uint64:
    """Return a word with the high bit set in every byte that is no digit."""
    return above_nine(word ^ ZEROS)


@inlined
def above_nine(digits: np.uint64) -> np.uint64:
    """Return a word with the high bit set in every byte, up to the first such, that is more than 9."""
    return ((digits + _ABOVE_NINE) | digits) & _HIGH_BITS


@inlined
def _prefix_length(marks: np.uint64) -> int:
    """Return the number of bytes up to the last marked one."""
    length = 0
    while marks:
        marks >>= U(8)
        length += 1
    return length


@inlined
def _signed8(word: np.uint64, marks: np.uint64) -> tuple[int, int]:
    """Read eight right-justified characters as (number without its sign, sign); sign 0 means they are no number."""
    length = _prefix_length(marks)
    if length == 8:
        return 0, 1 if word == SPACES else (-1 if word == SPACES ^ (_SIGN << U(56)) else 0)
    mask = (U(1) << U(8 * length)) - U(1)
    strange = (word ^ SPACES) & mask
    digits = decimal8((word & ~mask) | (ZEROS & mask))
    if strange == U(0):
        return digits, 1
    return digits, -1 if strange == _SIGN << U(8 * length - 8) else 0


@inlined
def observable(buffer: Bytes, at: int) -> tuple[int, int]:
    """Read an F14.3 field that lies whole in its line.

    Returns
    -------
    tuple
        The value in 0.001 of its unit, and `GOOD`, `BLANK` or `BAD`. Only right-justified numbers with the point
        in its column are good: anything else is a damaged or shifted field, whose digits can't be trusted.
    """
    first = load8(buffer, at)
    last = load8(buffer, at + 6)
    if (last >> U(32)) & U(0xFF) != _DOT_AT_10:
        return 0, BLANK if first == SPACES and last == SPACES else BAD
    low = ((first >> U(40)) & U(0xFF)) | ((last & U(0xFFFFFFFF)) << U(8)) | (last & U(0xFFFFFF0000000000))
    high = (first << U(24)) | _SPARE
    marks = not_digits(low)
    if high == SPACES and marks == U(0):
        return decimal8(low), GOOD
    return _observable_with_prefix(low, high, marks)


@inlined
def _observable_with_prefix(low: np.uint64, high: np.uint64, marks: np.uint64) -> tuple[int, int]:
    """Read an observable with blanks or a sign in its last eight digits, or with more than eight digits."""
    if marks >> U(40):
        return 0, BAD
    if marks:
        number, sign = _signed8(low, marks)
        return number * sign, GOOD if sign != 0 and high == SPACES else BAD
    number, sign = _signed8(high, not_digits(high))
    return sign * (number * 100_000_000 + decimal8(low)), GOOD if sign != 0 else BAD


@inlined
def is_blank(buffer: Bytes, start: int, end: int) -> bool:
    """Whether there is nothing but blanks and control characters in the range."""
    for at in range(start, end):  # noqa: SIM110 - kernels know no generators
        if buffer[at] > SPACE:
            return False
    return True


@kernel
def cardinal(buffer: Bytes, start: int, end: int) -> int:
    """Read digits with blanks before them; -1 where there is no such number."""
    number = -1
    for at in range(start, end):
        byte = buffer[at]
        if ZERO <= byte <= ZERO + 9:
            number = byte - ZERO if number < 0 else number * 10 + byte - ZERO
        elif byte != SPACE or number >= 0:
            return -1
    return number


@kernel
def left_cardinal(buffer: Bytes, start: int, end: int) -> int:
    """Read a `cardinal` that blanks may follow in its field, as some writers have it in the number of satellites."""
    return cardinal(buffer, start, text_end(buffer, start, max(start, end)))


@inlined
def digit(buffer: Bytes, at: int, end: int) -> int:
    """Read one character: its digit, -1 if blank or past the line, -2 if it is anything else."""
    if at >= end or buffer[at] == SPACE:
        return -1
    number = int64(buffer[at]) - ZERO
    return number if 0 <= number <= 9 else -2


@kernel
def fixed_point(buffer: Bytes, start: int, end: int, decimals: int) -> tuple[int, int]:
    """Read a signed decimal number of any width as an integer of its last decimal, and `GOOD`, `BLANK` or `BAD`.

    Missing decimals are zeros; more decimals than asked for must be zeros.
    """
    end = text_end(buffer, start, end)
    while start < end and buffer[start] == SPACE:
        start += 1
    if start == end:
        return 0, BLANK
    negative = buffer[start] == MINUS
    if negative or buffer[start] == MINUS - 2:
        start += 1
    number, status = _unsigned(buffer, start, end, decimals)
    return -number if negative else number, status


@kernel
def _unsigned(buffer: Bytes, start: int, end: int, decimals: int) -> tuple[int, int]:
    """Read digits with at most one point; at most 18 of them count."""
    number, digits, left = 0, 0, -1
    for at in range(start, end):
        value = int64(buffer[at]) - ZERO
        if value == DOT - ZERO and left < 0:
            left = decimals
        elif not 0 <= value <= 9 or (left == 0 and value != 0) or digits > 17:
            return 0, BAD
        elif left != 0:
            number = number * 10 + value
            digits += 1
            left -= 1 if left > 0 else 0
    for _ in range(decimals if left < 0 else left):
        number *= 10
    return number, GOOD if digits > 0 else BAD
