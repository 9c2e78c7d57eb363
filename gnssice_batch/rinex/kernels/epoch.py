"""Epoch records, with the steps that the kernels of all formats share (kernels)."""

from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.kernels.buffers import Output, Tables
from gnssice_batch.rinex.kernels.numbers import (
    BAD_VALUE,
    COMMENT,
    DECLARED,
    EPOCH_LINE,
    EPOCH_POSITION,
    EPOCHS,
    FIRST_REASON,
    LINE,
    LINE_EPOCH,
    LINE_OBSERVATION,
    OFFENCE,
    OFFENCE_LINE,
    OFFENCE_POSITION,
    OPEN,
    PICOSECONDS,
    POSITION,
    ROWS,
    SATELLITE_COUNT,
    SEEN,
    SERIAL,
    SHIFT_100NS,
    SVS,
    TRUNCATED,
    UTC,
)
from gnssice_batch.rinex.observations.values import BLOCK, MISSING
from gnssice_batch.rinex.primitives.fields import (
    BAD,
    BLANK,
    GOOD,
    SPACE,
    ZERO,
    Bytes,
    U,
    cardinal,
    digit,
    fixed_point,
    int64,
    load8,
)
from gnssice_batch.rinex.primitives.jit import inlined, kernel
from gnssice_batch.rinex.primitives.time import (
    DAY_100NS,
    MINUTE_100NS,
    SECOND_100NS,
    days_in_month,
    days_since_gps_epoch,
    leap_seconds,
)

type State = npt.NDArray[np.int64]

_COMMENT: Final = U(int.from_bytes(b"COMMENT", "little"))

MARK: Final = 62
"""The ``>`` that an epoch record of RINEX 3 and 4 begins with."""

NO_TIME: Final = -1
"""Stands for a date that does not exist; times before 1980-01-06 are none either."""


@inlined
def count_line(state: State, output: Output, category: int) -> None:
    """Put the current line into a category."""
    output.line_counts[category] += 1
    state[LINE] += 1


@kernel
def offend(state: State, output: Output, reason: int, line: int, position: int) -> None:
    """Count one thing that loses observations; the first one is remembered with its place."""
    output.counts[reason] += 1
    if state[OFFENCE] < 0:
        state[OFFENCE] = reason
        state[OFFENCE_LINE] = line
        state[OFFENCE_POSITION] = position


@kernel
def refuse_line(state: State, output: Output, reason: int) -> None:
    """Put the current line into the category of a reason that loses observations, and count it."""
    offend(state, output, reason, state[LINE] + 1, state[POSITION])
    count_line(state, output, FIRST_REASON + reason)


@kernel
def _seconds_100ns(buffer: Bytes, at: int, end: int) -> int:
    """Read F11.7 by its value, as Fortran does: fewer decimals, or no digit before the point; -1 if it is no number.

    Without a point it is whole seconds: that is what writers mean, though Fortran would take digits for decimals.
    """
    number, status = fixed_point(buffer, at, min(at + 11, end), 7)
    return number if status == GOOD else -1


@inlined
def flag_of(buffer: Bytes, at: int, stop: int) -> int:
    """Read an epoch flag: a blank one is 0, -2 is none.

    The two columns before it are skipped whatever they hold (2X). But one of 2 to 6 in the column before a blank flag
    says that what follows may be no observations: that is no flag either.
    """
    flag = digit(buffer, at, stop)
    if flag == -1:
        return -2 if 1 < digit(buffer, at - 1, stop) <= 6 else 0
    return flag if 0 <= flag <= 6 else -2


@kernel
def _leaps(calendar_minute: int, seconds_100ns: int, table: npt.NDArray[np.int64]) -> int:
    """Return the leap seconds at a UTC time; -1 for a second 60 where none was inserted."""
    before = leap_seconds(table, calendar_minute)
    if seconds_100ns >= MINUTE_100NS and leap_seconds(table, calendar_minute + MINUTE_100NS) == before:
        return -1
    return before


@kernel
def gps_time(year: int, buffer: Bytes, at: int, end: int, state: State, tables: Tables) -> int:
    """Read month, day, hour, minute (each 1X, I2) and F11.7 from `at`; GPS time in 100 ns, `NO_TIME` if invalid."""
    month = cardinal(buffer, at + 1, at + 3)
    day = cardinal(buffer, at + 4, at + 6)
    hour = cardinal(buffer, at + 7, at + 9)
    minute = cardinal(buffer, at + 10, at + 12)
    seconds = _seconds_100ns(buffer, at + 12, end)
    longest = 61 if state[UTC] else 60
    if not (1 <= month <= 12 and 0 <= hour < 24 and 0 <= minute < 60 and 0 <= seconds < longest * SECOND_100NS):
        return NO_TIME
    if year < 1980 or not 1 <= day <= days_in_month(year, month):
        return NO_TIME
    calendar = days_since_gps_epoch(year, month, day) * DAY_100NS + (hour * 60 + minute) * MINUTE_100NS
    leaps = _leaps(calendar, seconds, tables.leap_100ns) if state[UTC] else 0
    return NO_TIME if leaps < 0 else max(calendar + seconds + leaps * SECOND_100NS + state[SHIFT_100NS], NO_TIME)


@kernel
def clock_offset_ps(buffer: Bytes, start: int, end: int) -> int:
    """Read a receiver clock offset in picoseconds, `MISSING` if blank, `MISSING + 1` if unreadable."""
    if start >= end:
        return MISSING
    number, status = fixed_point(buffer, start, end, 12)
    if status == BLANK:
        return MISSING
    return MISSING + 1 if status == BAD else number


@kernel
def take_clock(buffer: Bytes, start: int, stop: int, state: State, output: Output) -> None:
    """Store the receiver clock offset of the open epoch."""
    clock = clock_offset_ps(buffer, start, stop)
    if clock == MISSING + 1:
        offend(state, output, BAD_VALUE, state[LINE] + 1, state[POSITION])
        clock = MISSING
    output.clock_ps[state[EPOCHS]] = clock


@kernel
def take_picoseconds(buffer: Bytes, start: int, stop: int, state: State, output: Output) -> None:
    """Store the five digits of an epoch's time below 100 ns, where there are any.

    Before RINEX 4.02 nothing has its place there: what stands in it is no part of a time.
    """
    if start >= stop:
        return
    number = cardinal(buffer, start, min(start + 5, stop)) if state[PICOSECONDS] else -1
    if number >= 0 and stop == start + 5:
        output.time_ps[state[EPOCHS]] = number
    else:
        offend(state, output, BAD_VALUE, state[LINE] + 1, state[POSITION])


@kernel
def satellite_code(buffer: Bytes, at: int, default_system: int, tables: Tables) -> int:
    """Read A1, I2 as 100 times the system's number plus the satellite's; -1 if it is no satellite."""
    letter = buffer[at]
    system = default_system if letter == SPACE else int64(tables.system_of[letter])
    number = cardinal(buffer, at + 1, at + 3)
    if system < 0 or number < 1 or buffer[at + 2] == SPACE:
        return -1
    return system * 100 + number


@kernel
def open_epoch(state: State, output: Output, time_100ns: int, flag: int, declared: int) -> None:
    """Begin an epoch at the current line."""
    epoch = state[EPOCHS]
    output.time_100ns[epoch] = time_100ns
    output.epoch_flag[epoch] = flag
    output.clock_ps[epoch] = MISSING
    output.time_ps[epoch] = 0
    output.first_row[epoch] = state[ROWS]
    state[OPEN] = 1
    state[SERIAL] += 1
    state[DECLARED] = declared
    state[SEEN] = 0
    state[EPOCH_LINE] = state[LINE] + 1
    state[EPOCH_POSITION] = state[POSITION]


@kernel
def close_epoch(state: State, output: Output) -> None:
    """Keep the open epoch, if there is one; a wrong number of satellites is counted."""
    if not state[OPEN]:
        return
    state[OPEN] = 0
    if state[SEEN] != state[DECLARED]:
        offend(state, output, SATELLITE_COUNT, state[EPOCH_LINE], state[EPOCH_POSITION])
    state[EPOCHS] += 1
    output.first_row[state[EPOCHS]] = state[ROWS]


@kernel
def drop_epoch(state: State, output: Output, epoch_lines: int, observation_lines: int) -> None:
    """Take back the open epoch at the end of a truncated file; its lines become truncated ones."""
    state[OPEN] = 0
    state[ROWS] = output.first_row[state[EPOCHS]]
    output.line_counts[LINE_EPOCH] -= epoch_lines
    output.line_counts[LINE_OBSERVATION] -= observation_lines
    output.line_counts[FIRST_REASON + TRUNCATED] += epoch_lines + observation_lines
    offend(state, output, TRUNCATED, state[EPOCH_LINE], state[EPOCH_POSITION])


@inlined
def claim_row(state: State, output: Output, code: int) -> int:
    """Return a new row of the open epoch for a satellite; -1 if it has one already."""
    if output.sv_epoch[code] == state[SERIAL]:
        return -1
    output.sv_epoch[code] = state[SERIAL]
    if output.sv_index[code] < 0:
        output.sv_index[code] = state[SVS]
        output.sv_codes[state[SVS]] = code
        state[SVS] += 1
    row = int64(state[ROWS])
    output.row_sv[row] = output.sv_index[code]
    for block in range(output.lli_blocks.shape[1]):
        output.lli_blocks[row, block] = -1
        output.ssi_blocks[row, block] = -1
        for k in range(BLOCK * block, BLOCK * block + BLOCK):
            output.value[row, k] = MISSING
    state[ROWS] += 1
    return row


@kernel
def has_label(buffer: Bytes, start: int, end: int) -> bool:
    """Whether a line may be a header record: it has a capital letter or # in column 61."""
    if end - start < 64:
        return False
    letter = int64(buffer[start + 60])
    return ZERO + 17 <= letter <= ZERO + 42 or letter == 35


@kernel
def is_comment(buffer: Bytes, start: int, end: int) -> bool:
    """Whether a line is a COMMENT record."""
    return end - start >= 67 and load8(buffer, start + 59) >> U(8) == _COMMENT


@kernel
def take_comment(state: State, output: Output) -> None:
    """Count a comment line."""
    output.counts[COMMENT] += 1
    count_line(state, output, FIRST_REASON + COMMENT)
