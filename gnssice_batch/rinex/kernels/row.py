"""The observation fields of one satellite, put into their row (kernels)."""

from typing import Final

from gnssice_batch.rinex.kernels.buffers import Output, Tables
from gnssice_batch.rinex.kernels.epoch import State, offend
from gnssice_batch.rinex.kernels.numbers import BAD_VALUE, LINE, POSITION, PSEUDO_OBSERVABLE
from gnssice_batch.rinex.primitives.fields import BAD, BLANK, GOOD, Bytes, digit, int64, is_blank, observable
from gnssice_batch.rinex.primitives.jit import inlined

FIELD_WIDTH: Final = 16
"""F14.3 and two indicators."""

POINT_COLUMN: Final = 10
"""Where in a field the point of a value stands."""

WHOLE_FIELDS: Final = (0, 14, 15)
"""Columns of the last field that a line may end behind without cutting a value."""


@inlined
def put_value(output: Output, row: int, column: int, value: int) -> None:
    """Store a value; 0.0 is a missing one, whatever the observable (RINEX 2 table A2, RINEX 3 table A3)."""
    if value != 0:
        output.value[row, column] = value


@inlined
def lose_value(state: State, output: Output, column: int) -> None:
    """Count a value of a column that is not stored."""
    if column == -1 - PSEUDO_OBSERVABLE:
        output.counts[PSEUDO_OBSERVABLE] += 1
    else:
        offend(state, output, -1 - column, state[LINE] + 1, state[POSITION])


@inlined
def put_indicators(buffer: Bytes, at: int, stop: int, cell: tuple[int, int], state: State, output: Output) -> None:
    """Store the loss-of-lock indicator at `at` and the signal strength indicator behind it."""
    row, column = cell
    lli = digit(buffer, at, stop)
    ssi = digit(buffer, at + 1, stop)
    if lli < -1 or ssi < -1:
        offend(state, output, BAD_VALUE, state[LINE] + 1, state[POSITION])
    output.lli[row, column] = max(lli, -1)
    output.ssi[row, column] = max(ssi, -1)


@inlined
def take_field(buffer: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Read an F14.3 field that the end of the line may cut off."""
    if at + 14 <= stop:
        return observable(buffer, at)
    return 0, BLANK if is_blank(buffer, at, stop) else BAD


@inlined
def take_fields(
    buffer: Bytes, start: int, stop: int, row: int, types: tuple[int, int, int], run: tuple[State, Tables, Output]
) -> None:
    """Read the 16-column fields between `start` and `stop` into a row; `types` is (system, first type, end)."""
    state, tables, output = run
    system, first, last = types
    last = min(last, first + (stop - start + FIELD_WIDTH - 1) // FIELD_WIDTH)
    at = start
    for j in range(first, last):
        value, status = take_field(buffer, at, stop)
        column = int64(tables.column_of[system, j])
        if column < 0:
            if status == GOOD and value != 0:
                lose_value(state, output, column)
        else:
            if status == GOOD:
                put_value(output, row, column, value)
            put_indicators(buffer, at + 14, stop, (row, column), state, output)
        if status == BAD:
            offend(state, output, BAD_VALUE, state[LINE] + 1, state[POSITION])
        at += FIELD_WIDTH
    if at < stop and not is_blank(buffer, at, stop):
        offend(state, output, BAD_VALUE, state[LINE] + 1, state[POSITION])
