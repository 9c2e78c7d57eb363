"""The lines of a RINEX 2 epoch, checked against its satellite list before they are read.

The lines of an epoch bear no names: which satellite and which types a line belongs to follows from its number alone. So
one line too few or too many makes all of them uncertain, and where it went missing can't be known (kernels).
"""

from typing import Final

from gnssice_batch.rinex.kernels.buffers import Tables
from gnssice_batch.rinex.kernels.epoch import State, has_label, is_comment, satellite_code
from gnssice_batch.rinex.kernels.numbers import (
    DEFAULT_SYSTEM,
    LINE_COUNT,
    MOST_NAMES,
    NAMES,
    POSITION,
    TRUNCATED,
)
from gnssice_batch.rinex.kernels.row import FIELD_WIDTH, POINT_COLUMN, WHOLE_FIELDS
from gnssice_batch.rinex.primitives.fields import DOT, SPACE, ZERO, Bytes, digit, is_blank, line_end, text_end
from gnssice_batch.rinex.primitives.jit import inlined, kernel

FIELDS_A_LINE: Final = 5
FITS: Final = -1
"""Stands for no reason to refuse an epoch."""

CLOCK_COLUMN: Final = 68
"""Where the receiver clock offset of an epoch record stands, behind its list of satellites."""

_LIST_COLUMN: Final = 32
_NO_LIMIT: Final = 1 << 30


@inlined
def is_epoch_line(buffer: Bytes, start: int, stop: int) -> bool:
    """Whether a line has the form of an epoch record, whatever its numbers: a date, or blanks before an event flag."""
    if stop - start < 29 or buffer[start] != SPACE or buffer[start + 3] != SPACE:
        return False
    dated = buffer[start + 6] == SPACE and buffer[start + POINT_COLUMN] != DOT
    if buffer[start + 18] != DOT and digit(buffer, start + 2, stop) >= 0:
        dated = has_date(buffer, start, stop)
    elif buffer[start + 18] != DOT:
        dated = ZERO + 2 <= buffer[start + 28] <= ZERO + 6 and is_blank(buffer, start, start + 28)
    return dated and not has_label(buffer, start, stop)


@kernel
def has_date(buffer: Bytes, start: int, stop: int) -> bool:
    """Whether there are blanks between two-digit numbers up to the seconds, which may be written without a point."""
    for at in range(start + 3, start + 13, 3):  # noqa: SIM110 - kernels know no generators
        if buffer[at] != SPACE or digit(buffer, at + 2, stop) < 0:
            return False
    return True


@kernel
def is_lettered(buffer: Bytes, at: int, stop: int, tables: Tables) -> bool:
    """Whether a satellite with the letter of its system stands at a place."""
    return at + 3 <= stop and buffer[at] != SPACE and satellite_code(buffer, at, -1, tables) >= 0


@kernel
def read_list(buffer: Bytes, count: int, state: State, tables: Tables) -> tuple[int, int]:
    """Note in `NAMES` where the satellites of the epoch record at the current line stand.

    Further lines belong to the list if their first 32 columns are blank (table A2: 32X, 12(A1,I2)). All that a line
    lists is taken, though it may be more than 12; comments between are passed over.

    Returns
    -------
    tuple
        How many are listed, and where the line behind the list begins.
    """
    start = state[POSITION]
    end = line_end(buffer, start)
    stop = text_end(buffer, start, end)
    if not is_lettered(buffer, start + CLOCK_COLUMN, stop, tables):
        stop = text_end(buffer, start, min(stop, start + CLOCK_COLUMN))
    listed = note_names(buffer, (start, stop), 0, count, state, tables)
    behind = min(end + 1, buffer.size)
    while listed < count:
        start = behind_comments(buffer, behind)
        end = line_end(buffer, start)
        stop = text_end(buffer, start, end)
        if not goes_on_with_list(buffer, start, stop):
            break
        listed = note_names(buffer, (start, stop), listed, count, state, tables)
        behind = min(end + 1, buffer.size)
    return listed, behind


@kernel
def note_names(buffer: Bytes, line: tuple[int, int], listed: int, count: int, state: State, tables: Tables) -> int:
    """Note the places of a line of the list; beyond the declared number only what is a satellite without doubt."""
    start, stop = line
    at = start + _LIST_COLUMN
    while at < stop and listed < MOST_NAMES and (listed < count or is_lettered(buffer, at, stop, tables)):
        state[NAMES + listed] = at if at + 3 <= stop else -1
        listed += 1
        at += 3
    return listed


@kernel
def behind_comments(buffer: Bytes, at: int) -> int:
    """Return where the next line begins that is no comment."""
    while at < buffer.size:
        end = line_end(buffer, at)
        if not is_comment(buffer, at, text_end(buffer, at, end)):
            break
        at = min(end + 1, buffer.size)
    return at


@inlined
def goes_on_with_list(buffer: Bytes, start: int, stop: int) -> bool:
    """Whether a line may go on with a list: 32 blank columns, then no value."""
    if stop - start < _LIST_COLUMN + 3 or not is_blank(buffer, start, start + _LIST_COLUMN):
        return False
    for at in range(start + _LIST_COLUMN, stop):  # noqa: SIM110 - kernels know no generators
        if buffer[at] == DOT:
            return False
    return True


@kernel
def misfit(buffer: Bytes, at: int, satellites: int, types: int, state: State, tables: Tables) -> int:
    """Return `FITS` if just the lines that so many satellites need stand behind a list, else why the epoch is refused.

    They are followed by an epoch record, a header record, the end of the file, or something that is no observations.
    """
    each = (types + FIELDS_A_LINE - 1) // FIELDS_A_LINE
    room = FIELD_WIDTH * (types - FIELDS_A_LINE * (each - 1)) if each > 1 else _NO_LIMIT
    first, needed, found = at, satellites * each, 0
    while at < buffer.size:
        end = line_end(buffer, at)
        stop = text_end(buffer, at, end)
        if is_epoch_line(buffer, at, stop):
            return FITS if found == needed else LINE_COUNT
        if has_label(buffer, at, stop):
            if not is_comment(buffer, at, stop):
                return FITS if found == needed else LINE_COUNT
        elif found == needed:
            return misfit_of_surplus(buffer, first, at, needed)
        elif end == buffer.size and stop > at and (stop - at) % FIELD_WIDTH not in WHOLE_FIELDS:
            return TRUNCATED
        elif is_misplaced(buffer, at, stop, room if found % each == each - 1 else _NO_LIMIT, state, tables):
            return LINE_COUNT
        else:
            found += 1
        at = end + 1
    return FITS if found == needed else TRUNCATED


@inlined
def is_misplaced(buffer: Bytes, at: int, stop: int, room: int, state: State, tables: Tables) -> bool:
    """Whether a line can't stand where it does: one of a list, or one that is longer than its fields."""
    if stop - at > room:
        return True
    listing: bool = goes_on_with_list(buffer, at, stop)
    return listing and satellite_code(buffer, at + _LIST_COLUMN, state[DEFAULT_SYSTEM], tables) >= 0


@kernel
def misfit_of_surplus(buffer: Bytes, first: int, surplus: int, needed: int) -> int:
    """Return `FITS` if a line, behind those that an epoch needs, shows nothing against them.

    What is no line of an epoch does not. Blank lines do not if no line before them can be the one too many: none is
    blank, none stands there twice.
    """
    at, blank = surplus, True
    while at < buffer.size and blank:
        end = line_end(buffer, at)
        stop = text_end(buffer, at, end)
        blank = stop == at or is_comment(buffer, at, stop)
        if not blank and (is_observations(buffer, at, stop) or goes_on_with_list(buffer, at, stop)):
            return LINE_COUNT
        if not blank and at == surplus:
            return FITS
        at = end + 1
    return FITS if has_none_to_spare(buffer, first, needed) else LINE_COUNT


@kernel
def is_observations(buffer: Bytes, at: int, stop: int) -> bool:
    """Whether a line can be one of observations: it has a point in its place, or indicators only."""
    for point in range(at + POINT_COLUMN, stop, FIELD_WIDTH):
        if buffer[point] == DOT:
            return True
    for start in range(at, stop, FIELD_WIDTH):  # noqa: SIM110 - kernels know no generators
        if not is_blank(buffer, start, min(start + 14, stop)):
            return False
    return True


@kernel
def has_none_to_spare(buffer: Bytes, at: int, lines: int) -> bool:
    """Whether each of so many lines says something, and something else than the one before it."""
    before, size, found = at, 0, 0
    while found < lines:
        end = line_end(buffer, at)
        stop = text_end(buffer, at, end)
        if not is_comment(buffer, at, stop):
            if stop == at or (stop - at == size and is_same(buffer, before, at, size)):
                return False
            before, size = at, stop - at
            found += 1
        at = end + 1
    return True


@kernel
def is_same(buffer: Bytes, one: int, other: int, size: int) -> bool:
    """Whether so many bytes from two places on are the same."""
    for i in range(size):  # noqa: SIM110 - kernels know no generators
        if buffer[one + i] != buffer[other + i]:
            return False
    return True
