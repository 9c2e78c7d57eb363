"""Numbers in fixed columns, many lines at a time."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

LINE_BYTES: Final = 80

_EXPONENTS: Final = bytes.maketrans(b"Dd", b"ee")
_IN_NUMBERS: Final = np.isin(np.arange(256), np.frombuffer(b" 0123456789+-.eE", np.uint8))
_BLANK: Final = ord(" ")
_LARGEST: Final = 1e30


def as_columns(lines: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    """Return lines as (N, 80) characters, short ones filled with blanks, Fortran's exponent D written as e."""
    padded = b"".join([line[:LINE_BYTES].ljust(LINE_BYTES) for line in lines])
    return np.frombuffer(padded.translate(_EXPONENTS), np.uint8).reshape(-1, LINE_BYTES)


def numbers(fields: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the numbers of fields of characters.

    Parameters
    ----------
    fields
        (..., W) characters, W columns a field.

    Returns
    -------
    ndarray
        (...) float64; NaN for a field that is blank, no number, or one larger than any that is meant.
    """
    width = fields.shape[-1]
    flat = np.ascontiguousarray(fields).reshape(-1, width)
    usable = _IN_NUMBERS[flat].all(axis=1) & (flat != _BLANK).any(axis=1)
    found = np.full(len(flat), np.nan)
    texts = flat[usable].view(f"S{width}")[:, 0]
    try:
        found[usable] = texts.astype(np.float64)
    except ValueError:
        found[usable] = [_number(text) for text in texts]
    found[~(np.abs(found) < _LARGEST)] = np.nan
    return found.reshape(fields.shape[:-1])


def numbers_at(lines: npt.NDArray[np.uint8], places: Sequence[tuple[int, int]]) -> npt.NDArray[np.float64]:
    """Return the numbers between some columns of (N, W) lines, (N, P); NaN as in `numbers`."""
    width = max(end - start for start, end in places)
    columns = np.array([[*[-1] * (width - end + start), *range(start, end)] for start, end in places])
    return numbers(np.where(columns < 0, np.uint8(_BLANK), lines[:, columns]))


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
