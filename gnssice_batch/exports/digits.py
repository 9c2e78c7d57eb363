"""Numbers written as digits of fixed places into a buffer of bytes (kernels)."""

from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.primitives.jit import inlined

type Bytes = npt.NDArray[np.uint8]

ZERO: Final = np.uint8(ord("0"))
BLANK: Final = np.uint8(ord(" "))
NEWLINE: Final = np.uint8(ord("\n"))
_MINUS: Final = np.uint8(ord("-"))
_DOT: Final = np.uint8(ord("."))
_TEN: Final = np.uint64(10)
"""Division without a sign is several times as fast."""


@inlined
def blank(buffer: Bytes, start: int, end: int) -> None:
    """Fill a part of the buffer with blanks."""
    for at in range(start, end):
        buffer[at] = BLANK


@inlined
def padded(buffer: Bytes, at: int, places: int, number: int) -> None:
    """Write a number that is not negative with leading zeros."""
    for place in range(places):
        buffer[at + places - 1 - place] = ZERO + np.uint8(number % 10)
        number //= 10


@inlined
def cardinal(buffer: Bytes, end: int, number: int) -> None:
    """Write a number that is not negative so that it ends before a place."""
    while True:
        end -= 1
        buffer[end] = ZERO + np.uint8(number % 10)
        number //= 10
        if number == 0:
            return


@inlined
def decimal(buffer: Bytes, start: int, end: int, number: int, decimals: int) -> None:
    """Write an integer with a point before its last places, between two places.

    At least one digit stands before the point, and blanks from `start` on.
    """
    rest = np.uint64(abs(number))
    for place in range(decimals):
        buffer[end - 1 - place] = ZERO + np.uint8(rest % _TEN)
        rest //= _TEN
    at = end - decimals - 1
    buffer[at] = _DOT
    while True:
        at -= 1
        buffer[at] = ZERO + np.uint8(rest % _TEN)
        rest //= _TEN
        if rest == 0:
            break
    if number < 0:
        at -= 1
        buffer[at] = _MINUS
    blank(buffer, start, at)
