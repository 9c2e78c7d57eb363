"""The body of a CRINEX file: epoch lines repaired, differences summed, indicators carried on (Hatanaka 2008)."""

from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.plain.body import (
    SPACE,
    ZERO,
    Body,
    Epoch,
    Lines,
    Rows,
    cardinal,
    flag_of,
    picoseconds,
    skip_event,
)
from gnssice_batch.rinex.plain.header import Header
from gnssice_batch.rinex.plain.integers import integers
from gnssice_batch.rinex.plain.times import gps_time
from gnssice_batch.rinex.plain.values import BLANK, MISSING, Bytes, DeclinedError, Integers

type Booleans = npt.NDArray[np.bool_]

AMPERSAND: Final = 38
LARGEST: Final = 9_999_999_999_999
"""No observable has more digits than F14.3 holds."""

_KEEPS: Final = bytes(255 if byte == SPACE else 0 for byte in range(256))
"""By character of a text difference, all bits of the one before that stay."""
_TELLS: Final = bytes({SPACE: 0, AMPERSAND: SPACE}.get(byte, byte) for byte in range(256))
"""By character of a text difference, what it puts in the place of the one before."""
_SAME: Final = -2
"""An indicator that is as it was."""


def find_compact(lines: Lines, header: Header) -> Body:
    """Repair the epoch lines one after the other: they say how many lines belong to each epoch.

    Raises
    ------
    DeclinedError
        If anything is not as the format says.
    """
    epochs, clock = list[Epoch](), _Clock(header)
    mark, base, listed = (b"&", 29, 32) if header.major < 3 else (b">", 32, 41)
    number, text, chain = 0, b"", 0
    while number < len(lines):
        line = lines.line(number)
        whole = line[:1] == mark
        if not whole and (not text or line[:1] == b"&"):
            raise DeclinedError("an epoch line without one that it goes on from")
        text, chain = _repaired(b"" if whole else text, line), chain + whole
        flag, count = flag_of(text[base - 1 : base]), cardinal(text[base : base + 3])
        if flag > 1:
            number, text = skip_event(lines, number + 1, count), b""
            continue
        names = text[listed : listed + 3 * count]
        if len(names) < 3 * count or number + 2 + count > len(lines):
            raise DeclinedError("an epoch that is not all there")
        offset = clock.take(lines.line(number + 1))
        epochs.append(Epoch(_time(text, header), flag, names, number + 2, *offset, chain))
        number += 2 + count
    return Body(epochs)


def _repaired(before: bytes, change: bytes) -> bytes:
    """The text that a difference makes of the one before: a blank leaves a character, an ampersand blanks it.

    All characters at once, as the bytes of one long integer.
    """
    size = max(len(before), len(change))
    kept, told = change.ljust(size).translate(_KEEPS), change.ljust(size).translate(_TELLS)
    text = int.from_bytes(before.ljust(size)) & int.from_bytes(kept) | int.from_bytes(told)
    return text.to_bytes(size)


def _time(text: bytes, header: Header) -> int:
    if header.major < 3:
        return gps_time(text[1:3], text[3:15], text[15:26].strip(), header.time_system)
    return gps_time(text[2:6], text[6:18], text[18:29].strip(), header.time_system)


class _Clock:
    """The receiver clock offset, an arc of its own."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.unit_ps = 1000 if header.major < 3 else 1
        self.order = 0
        self.newest: list[int] = []
        """The last value, its first difference, its second, as many as there are yet."""

    def take(self, line: bytes) -> tuple[int, int]:
        """Offset and picoseconds of the time (CRINEX 3.1) from a clock line."""
        word, _, rest = line.partition(b" ")
        if not word:
            self.newest = []
        else:
            self.newest = self._next(word)
        return self.newest[0] * self.unit_ps if word else MISSING, picoseconds(rest, self.header)

    def _next(self, word: bytes) -> list[int]:
        """What `newest` is after a value that begins an arc, or a difference."""
        try:
            if word[1:2] == b"&":
                self.order = int(word[:1])
                return [int(word[2:])]
            difference = int(word)
        except ValueError:
            self.newest = []
        if not self.newest:
            raise DeclinedError("a receiver clock offset that is no difference")
        return [*accumulate([difference, *reversed(self.newest[: self.order])])][::-1]


def links(rows: Rows, body: Body) -> Booleans:
    """(R,) whether a record goes on from the one before: same satellite, next epoch, no whole epoch line between."""
    chain = np.array([epoch.chain for epoch in body.epochs], np.intp)[rows.epoch]
    goes_on = (np.diff(rows.sv) == 0) & (np.diff(rows.epoch) == 1) & (np.diff(chain) == 0)
    return np.concatenate(([False], goes_on))[: rows.sv.size]


class Fields(NamedTuple):
    """Where the observables of R satellite lines stand, K a line, and their indicators behind them."""

    begin: Integers
    """(K, R)"""
    end: Integers
    """(K, R) as `begin` where an observable is missing."""
    indicators: Integers
    """(R,)"""
    line_end: Integers
    """(R,)"""


def fields_of(lines: Lines, spaces: Integers, rows: Rows, types: int) -> Fields:
    """Find the fields of satellite lines: each ends with a blank, or with the line.

    Parameters
    ----------
    spaces
        Where the text has a blank, and a place behind all of it.
    """
    line_start, line_end = lines.start[rows.line], lines.end[rows.line]
    first = np.searchsorted(spaces, line_start)
    end = spaces.take(first + np.arange(types)[:, None], mode="clip")
    np.minimum(end, line_end, out=end)
    begin = np.empty_like(end)
    begin[0] = line_start
    np.minimum(end[:-1] + 1, end[1:], out=begin[1:])
    return Fields(begin, end, end[-1] + 1, line_end)


def values_of(text: Bytes, fields: Fields, link: Booleans) -> Integers:
    """(K, R) observables in thousandths: the differences of each arc summed up, `MISSING` where there is none.

    Raises
    ------
    DeclinedError
        If a field is no number, or there is nothing that a difference goes on from.
    """
    value = np.full(fields.end.shape, MISSING)
    at = np.flatnonzero(fields.end > fields.begin)
    begin, end = fields.begin.reshape(-1)[at], fields.end.reshape(-1)[at]
    starts = text[begin + 1] == AMPERSAND
    order = text[begin[starts]].astype(np.int64) - ZERO
    goes_on = np.concatenate(([False], np.diff(at) == 1))[: at.size] & link[at % max(link.size, 1)]
    if not (starts | goes_on).all() or ((order < 0) | (order > 9)).any():
        raise DeclinedError("a difference without a value that it goes on from")
    number = _summed(integers(text, begin + 2 * starts, end), np.flatnonzero(starts), order)
    if number.size and max(-number.min(), number.max()) > LARGEST:
        raise DeclinedError("a value with more digits than there is room for")
    value.reshape(-1)[at] = number
    return value


def _summed(number: Integers, start: Integers, order: Integers) -> Integers:
    """Undo differences: arc a begins at ``start[a]`` with a value, and has differences of up to ``order[a]`` behind it.

    The k-th number of an arc is a difference of order k, or of the arc's order if that is less: so the sums of
    differences of order p + 1 are those of order p from the p-th number on.
    """
    length = np.diff(start, append=number.size)
    place = np.arange(number.size) - np.repeat(start, length)
    most = np.repeat(order, length)
    for p in range(int(order.max(initial=0)) - 1, -1, -1):
        number = _cumulated(number, np.flatnonzero((place <= p) | (most <= p)))
    return number


def _cumulated(number: Integers, anew: Integers) -> Integers:
    """Cumulative sums that begin anew at some places, the first of all among them."""
    total = np.cumsum(number)
    return total - np.repeat(total[anew] - number[anew], np.diff(anew, append=number.size))


def indicators_of(text: Bytes, fields: Fields, link: Booleans, *, only_with_values: bool) -> npt.NDArray[np.int8]:
    """(2 K, R) both indicators of each observable in turn: what a line does not change is as in the record before.

    Parameters
    ----------
    only_with_values
        Whether a missing observable has taken its indicators with it (CRINEX 1).

    Raises
    ------
    DeclinedError
        If one is no digit.
    """
    types, records = fields.end.shape
    change = np.full((2 * types, records), _SAME, np.int8)
    change[:, ~link] = BLANK
    length = np.maximum(fields.line_end - fields.indicators, 0)
    record = np.repeat(np.arange(records), length)
    place = np.arange(record.size) - np.repeat(np.cumsum(length) - length, length)
    character = text[fields.indicators[record] + place]
    told = np.flatnonzero((character != SPACE) & (place < 2 * types))
    digit = np.where(character[told] == AMPERSAND, BLANK, character[told].astype(np.int16) - ZERO)
    if digit.size and not BLANK <= digit.min() <= digit.max() <= 9:
        raise DeclinedError("an indicator that is no digit")
    change[place[told], record[told]] = digit
    if only_with_values:
        change.reshape(types, 2, records)[:] = np.where(
            (fields.end > fields.begin)[:, None], change.reshape(types, 2, records), BLANK
        )
    at = np.flatnonzero(change != _SAME)
    return np.repeat(change.reshape(-1)[at], np.diff(at, append=change.size)).reshape(change.shape)
