"""Integers or fixed-point numbers of a whole file at once, by arithmetic on their bytes."""

from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.plain.values import Bytes, DeclinedError, Integers

_SPACE, _MINUS, _DOT, _ZERO = 32, 45, 46, 48
_MOST_DIGITS: Final = 16
_BITS_BEFORE: Final = np.array([8 * max(8 - digits, 0) for digits in range(_MOST_DIGITS + 1)], np.uint64)
"""By the number of digits, how much of the word that ends with them stands before them."""
_ZEROS: Final = np.uint64(0x3030303030303030)
_HALVES: Final = (
    (8, np.uint64(0x00FF00FF00FF00FF)),
    (16, np.uint64(0x0000FFFF0000FFFF)),
    (32, np.uint64(0x00000000FFFFFFFF)),
)
"""Of eight digits in a word, the first one lowest: bits of a number of one, two, four digits, and every other one."""
FIELD: Final = 16
"""Columns of an observation: F14.3 and two indicators."""
_POINT: Final = 10
_WIDTH: Final = 14


def integers(text: Bytes, begin: Integers, end: Integers) -> Integers:
    """(N,) the integers, with a minus sign or without, that stand from `begin` to `end`.

    Raises
    ------
    DeclinedError
        If one of them is no such number.
    """
    negative = text[begin] == _MINUS
    digits = end - begin - negative
    if digits.size and not 1 <= digits.min() <= digits.max() <= _MOST_DIGITS:
        raise DeclinedError("a field that is no integer")
    number = _last_eight(text, end, digits)
    long = np.flatnonzero(digits > 8)
    number[long] += 10**8 * _last_eight(text, end[long] - 8, digits[long] - 8)
    return np.where(negative, -number, number)


def _last_eight(text: Bytes, end: Integers, digits: Integers) -> Integers:
    """(N,) the numbers that the last eight digits before `end` are, or as many as there are."""
    words: npt.NDArray[np.uint64] = np.ndarray((text.size - 7,), "<u8", text.data, strides=(1,))
    before = _BITS_BEFORE[digits]
    number = words[end - 8]
    number ^= _ZEROS
    number >>= before
    number <<= before
    if number.size and number.view(np.uint8).max() > 9:
        raise DeclinedError("a field that is no integer")
    for bits, low in _HALVES:
        high = number & low
        high *= np.uint64(10 ** (bits // 8))
        number >>= np.uint64(bits)
        number &= low
        number += high
    return number.view(np.int64)


def observables(fields: Bytes, missing: int) -> Integers:
    """(N,) F14.3 in thousandths, from the N fields of 16 bytes; `missing` where blank.

    Parameters
    ----------
    fields
        (16, N) the first byte of every field, the second, and so on.

    Raises
    ------
    DeclinedError
        If a field is neither blank nor a number with its point in its column.
    """
    blank = (fields[:_WIDTH] == _SPACE).all(axis=0)
    digit = fields[:_WIDTH] - np.uint8(_ZERO)
    is_digit = digit <= 9
    sound = (fields[_POINT] == _DOT) & is_digit[_POINT + 1 :].all(axis=0) & _right_justified(fields, is_digit)
    if not (sound | blank).all():
        raise DeclinedError("a value that is no F14.3")
    digit *= is_digit
    places = [*range(_POINT), *range(_POINT + 1, _WIDTH)]
    low, high = (_number(digit, part) for part in (places[-8:], places[:-8]))
    number = 10**8 * high.astype(np.int64) + low
    negative = (fields[:_POINT] == _MINUS).any(axis=0)
    np.negative(number, out=number, where=negative)
    number[blank] = missing
    return number


def _right_justified(fields: Bytes, is_digit: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(N,) whether there are blanks, then at most one sign, then digits up to the point."""
    sound = np.ones(fields.shape[1], np.bool_)
    for at in range(_POINT):
        before_blank = fields[at - 1] == _SPACE if at else np.bool_(True)  # noqa: FBT003 - a column of ones
        sign_or_blank = (fields[at] == _SPACE) | (fields[at] == _MINUS)
        sound &= is_digit[at] | (sign_or_blank & before_blank)
    return sound


def _number(digit: Bytes, places: list[int]) -> npt.NDArray[np.int32]:
    """(N,) the number that eight digits or fewer are."""
    number = np.zeros(digit.shape[1], np.int32)
    for at in places:
        number *= 10
        number += digit[at]
    return number


def indicators(characters: Bytes, blank: int) -> npt.NDArray[np.int8]:
    """(N,) digits as they are, `blank` for a blank.

    Raises
    ------
    DeclinedError
        If a character is neither.
    """
    digit = characters - np.uint8(_ZERO)
    is_digit = digit <= 9
    if not (is_digit | (characters == _SPACE)).all():
        raise DeclinedError("an indicator that is no digit")
    return np.where(is_digit, digit.view(np.int8), np.int8(blank))
