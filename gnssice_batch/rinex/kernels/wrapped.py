"""RINEX 3 satellite lines that a writer wrapped at 80 columns, against the format (kernels).

The first line of a satellite has its name and four fields; those after it are indented by the three columns of the name
and have four more, or are not indented and have five. Lines are joined only where it is certain how: the file has no
satellite line beyond 80 columns, the points stand where fields of that indentation have them, and types are left.
"""

from typing import Final

from gnssice_batch.rinex.kernels.buffers import Output, Tables
from gnssice_batch.rinex.kernels.epoch import State, satellite_code
from gnssice_batch.rinex.kernels.numbers import EPOCH_POSITION, EPOCHS, POSITION, REFUSED_AT, ROWS, WRAPPED
from gnssice_batch.rinex.kernels.row import FIELD_WIDTH, POINT_COLUMN, take_fields
from gnssice_batch.rinex.primitives.fields import DOT, NEWLINE, SPACE, Bytes, line_end, text_end
from gnssice_batch.rinex.primitives.jit import kernel

_WIDTH: Final = 80
_NAME_WIDTH: Final = 3
_FIRST_FIELDS: Final = 4
_LOOKED_AT_BYTES: Final = 1 << 16
_MOST_LINES: Final = 32


@kernel
def join_line(buffer: Bytes, stop: int, state: State, tables: Tables, output: Output) -> bool:
    """Take a line that goes on with the fields of the satellite before it; False if it is no such line."""
    start = state[POSITION]
    row = state[ROWS] - 1
    indentation = indentation_of(buffer, start, stop)
    if indentation < 0 or row < output.first_row[state[EPOCHS]] or state[REFUSED_AT] == state[ROWS]:
        return False
    name, lines = satellite_before(buffer, start, state[EPOCH_POSITION])
    code = satellite_code(buffer, name, -1, tables) if name >= 0 else -1
    if code < 0 or output.sv_codes[output.row_sv[row]] != code or not is_wrapped(buffer, state, tables):
        return False
    system = code // 100
    each = _FIRST_FIELDS if indentation else _FIRST_FIELDS + 1
    first = _FIRST_FIELDS + each * lines
    last = min(first + each, tables.type_count[system])
    if first >= last:
        return False
    take_fields(buffer, start + indentation, stop, row, (system, first, last), (state, tables, output))
    return True


@kernel
def indentation_of(buffer: Bytes, start: int, stop: int) -> int:
    """Return 0 or 3 by the columns of the points in a line; -1 if it can't be the rest of a satellite's fields."""
    found = -1
    if stop - start > _WIDTH or buffer[start] != SPACE:
        return -1
    for at in range(start, stop):
        if buffer[at] != DOT:
            continue
        indentation = (at - start - POINT_COLUMN) % FIELD_WIDTH
        if (indentation not in (0, _NAME_WIDTH)) or found not in (-1, indentation):
            return -1
        found = indentation
    return found


@kernel
def satellite_before(buffer: Bytes, start: int, first: int) -> tuple[int, int]:
    """Return where the line of a satellite begins that comes before `start`, and how many lines are between; or -1."""
    for lines in range(_MOST_LINES):
        begin = line_before(buffer, start)
        if begin <= first:
            return -1, 0
        if buffer[begin] != SPACE and text_end(buffer, begin, start) > begin:
            return begin, lines
        start = begin
    return -1, 0


@kernel
def line_before(buffer: Bytes, start: int) -> int:
    """Return the beginning of the line before the one that begins at `start`; -1 if it is too long or there is none."""
    at = start - 1
    while at > 0 and buffer[at - 1] != NEWLINE:
        at -= 1
        if start - at > 4 * _WIDTH:
            return -1
    return at


@kernel
def is_wrapped(buffer: Bytes, state: State, tables: Tables) -> bool:
    """Whether no satellite line from the open epoch on, as far as is looked, is longer than 80 columns."""
    if state[WRAPPED] == 0:
        state[WRAPPED] = 1
        at = state[EPOCH_POSITION]
        limit = min(buffer.size, at + _LOOKED_AT_BYTES)
        while at < limit:
            end = line_end(buffer, at)
            if text_end(buffer, at, end) - at > _WIDTH and satellite_code(buffer, at, -1, tables) >= 0:
                state[WRAPPED] = -1
            at = end + 1
    return bool(state[WRAPPED] == 1)
