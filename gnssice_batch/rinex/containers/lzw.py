"""Decompression of Unix ``compress`` files (``.Z``), LZW with codes of 9 to 16 bits (kernels).

Damaged files must not end the process: the libraries for this format write outside of their buffers on some of them.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.primitives.fields import Bytes, int64
from gnssice_batch.rinex.primitives.jit import inlined, kernel

WHOLE: Final = 0
FULL: Final = 1
DAMAGED: Final = 2

_HEADER_BYTES: Final = 3
_FEWEST_BITS: Final = 9
_MOST_BITS: Final = 16
_CLEAR: Final = 256

_BIT: Final = 0
"""Where the next code begins."""
_SECTION: Final = 1
"""Bit where codes began to have their width, or the table was cleared last."""
_WIDTH: Final = 2
_FREE: Final = 3
"""The next code to be given."""
_SIZE: Final = 4
"""Bytes unpacked."""
_LAST: Final = 5
"""Where the string of the last code begins in what is unpacked; -1 before the first."""

type Integers = npt.NDArray[np.int64]


def unpack_lzw(content: bytes, limit: int) -> tuple[bytes, int]:
    """Unpack a file, to one byte more than the limit at most.

    Returns
    -------
    tuple
        What could be unpacked, and `WHOLE`, `FULL` (there is more than the limit) or `DAMAGED`. The format has no end
        mark and no checksum: the end of the content is taken for the end of the file.
    """
    if len(content) < _HEADER_BYTES or not _FEWEST_BITS <= content[2] & 31 <= _MOST_BITS:
        return b"", DAMAGED
    source = np.frombuffer(content, np.uint8)
    state = np.array([8 * _HEADER_BYTES, 8 * _HEADER_BYTES, _FEWEST_BITS, 256 + (content[2] >> 7), 0, -1], np.int64)
    begin, length = np.zeros(1 << _MOST_BITS, np.int64), np.zeros(1 << _MOST_BITS, np.int64)
    target = np.empty(min(limit + 1, 4 * len(content) + 4096), np.uint8)
    while (outcome := int(walk_codes(source, state, begin, length, target))) == FULL and target.size <= limit:
        larger = np.empty(min(limit + 1, 2 * target.size), np.uint8)
        larger[: state[_SIZE]] = target[: state[_SIZE]]
        target = larger
    return target[: state[_SIZE]].tobytes(), outcome


@kernel
def walk_codes(source: Bytes, state: Integers, begin: Integers, length: Integers, target: Bytes) -> int:
    """Parser on over the codes; `begin` and `length` say where in `target` the string of a code stands."""
    most_codes = 1 << (int64(source[2]) & 31)
    while True:
        widen(state, most_codes)
        if state[_BIT] + state[_WIDTH] > 8 * source.size:
            return WHOLE
        code = code_at(source, state[_BIT], state[_WIDTH])
        if code == _CLEAR and source[2] & 128 and state[_LAST] >= 0:
            state[_BIT] += state[_WIDTH]
            begin_section(state, _FEWEST_BITS)
            state[_FREE] = _CLEAR
            continue
        if code >= 256 and (state[_LAST] < 0 or code > state[_FREE] or code >= most_codes):
            return DAMAGED
        if not put_string(code, most_codes, state, (begin, length), target):
            return FULL
        state[_BIT] += state[_WIDTH]


@inlined
def widen(state: Integers, most_codes: int) -> None:
    """Make codes one bit wider when those of this width are used up; nine bits become ten even if nine are the most."""
    width = state[_WIDTH]
    if state[_FREE] >= 1 << width and (1 << width < most_codes or width == _FEWEST_BITS):
        begin_section(state, width + 1)


@inlined
def begin_section(state: Integers, width: int) -> None:
    """Begin codes of another width: those before were written in groups of eight."""
    group = 8 * state[_WIDTH]
    state[_BIT] = state[_SECTION] + -(-(state[_BIT] - state[_SECTION]) // group) * group
    state[_SECTION] = state[_BIT]
    state[_WIDTH] = width


@inlined
def code_at(source: Bytes, bit: int, width: int) -> int:
    """Return the code that begins at a bit, the lowest bits first."""
    at = bit // 8
    word = int64(source[at]) | int64(source[at + 1]) << 8
    if at + 2 < source.size:
        word |= int64(source[at + 2]) << 16
    return (word >> (bit % 8)) & ((1 << width) - 1)


@inlined
def put_string(code: int, most_codes: int, state: Integers, strings: tuple[Integers, Integers], target: Bytes) -> bool:
    """Append the string of a code, and give the next code to the one before and its first byte; False if it is full.

    The string that a code was given to stands where it came up: one string and the first byte of the next.
    """
    begin, length = strings
    free, size, last = state[_FREE], state[_SIZE], state[_LAST]
    given = last >= 0 and free < most_codes
    if given:
        begin[free] = last
        length[free] = size - last + 1
    count = 1 if code < 256 else length[code]
    if size + count > target.size:
        return False
    if code < 256:
        target[size] = code
    for i in range(count if code >= 256 else 0):
        target[size + i] = target[begin[code] + i]
    state[_FREE] += given
    state[_LAST] = size
    state[_SIZE] = size + count
    return True
