"""The body of a RINEX 2 text file (kernels)."""

from typing import Final

from gnssice_batch.rinex.kernels.buffers import Output, Tables
from gnssice_batch.rinex.kernels.epoch import (
    NO_TIME,
    State,
    claim_row,
    close_epoch,
    count_line,
    drop_epoch,
    has_label,
    is_comment,
    offend,
    open_epoch,
    refuse_line,
    satellite_code,
    take_clock,
    take_comment,
)
from gnssice_batch.rinex.kernels.epoch_text import epoch_time2
from gnssice_batch.rinex.kernels.numbers import (
    BAD_EPOCH_FLAG,
    BAD_EPOCH_RECORD,
    BAD_SATELLITE,
    BLANK_LINE,
    BLOCK_LINES,
    CYCLE_SLIP_RECORD,
    DECLARED,
    DEFAULT_SYSTEM,
    DONE,
    DUPLICATE_SATELLITE,
    EPOCHS,
    EVENT,
    EVENT_FLAG,
    FIRST_REASON,
    FULL,
    GO_ON,
    HEADER_BLOCK,
    LABELLED_LINE,
    LINE,
    LINE_EPOCH,
    LINE_OBSERVATION,
    POSITION,
    ROWS,
    SEEN,
    SKIPPING,
    TRUNCATED,
)
from gnssice_batch.rinex.kernels.row import take_fields
from gnssice_batch.rinex.primitives.fields import (
    DOT,
    SPACE,
    ZERO,
    Bytes,
    digit,
    is_blank,
    left_cardinal,
    line_end,
    text_end,
)
from gnssice_batch.rinex.primitives.jit import inlined, kernel

type Run = tuple[State, Tables, Output]

FIELDS_A_LINE: Final = 5
SATELLITES_A_LINE: Final = 12
LIST_COLUMN: Final = 32
WHOLE_FIELDS: Final = (0, 14, 15)
"""Columns of the last field that a line may end behind without cutting a value."""


@kernel
def parse_text2(buffer: Bytes, state: State, tables: Tables, output: Output) -> int:
    """Parser on from ``state[POSITION]`` until the end of the buffer or something that is not for kernels."""
    run = (state, tables, output)
    while state[POSITION] < buffer.size:
        if state[EPOCHS] + 2 >= output.time_100ns.size or state[ROWS] + 1000 >= output.row_sv.size:
            return FULL
        start = state[POSITION]
        stop = text_end(buffer, start, line_end(buffer, start))
        if stop == start:
            pass_line(buffer, run, BLANK_LINE)
            output.counts[BLANK_LINE] += 1
        elif is_epoch_line(buffer, start, stop):
            outcome = take_epoch_line(buffer, stop, run)
            if outcome != GO_ON:
                return outcome
        elif is_comment(buffer, start, stop):
            take_comment(state, output)
            step_over(buffer, state)
        elif has_label(buffer, start, stop):
            return LABELLED_LINE
        else:
            take_other_line(buffer, stop, run)
    return DONE


@inlined
def step_over(buffer: Bytes, state: State) -> None:
    """Go to the next line."""
    state[POSITION] = min(line_end(buffer, state[POSITION]) + 1, buffer.size)


@kernel
def pass_line(buffer: Bytes, run: Run, reason: int) -> None:
    """Put the current line into the category of a reason and go to the next one."""
    state, _, output = run
    count_line(state, output, FIRST_REASON + reason)
    step_over(buffer, state)


@kernel
def take_other_line(buffer: Bytes, stop: int, run: Run) -> None:
    """Pass over a line where an epoch record should be: the rest of a refused epoch, or a record that is damaged."""
    state, _, output = run
    if state[SKIPPING] < 0:
        reason = TRUNCATED if stop == buffer.size else BAD_EPOCH_RECORD
        offend(state, output, reason, state[LINE] + 1, state[POSITION])
        state[SKIPPING] = FIRST_REASON + reason
    output.counts[CYCLE_SLIP_RECORD] += state[SKIPPING] == FIRST_REASON + CYCLE_SLIP_RECORD
    pass_line(buffer, run, state[SKIPPING] - FIRST_REASON)


@inlined
def is_epoch_line(buffer: Bytes, start: int, stop: int) -> bool:
    """Whether a line has the form of an epoch record, whatever its numbers: a date, or blanks before an event flag."""
    if stop - start < 29 or buffer[start] != SPACE or buffer[start + 27] != SPACE or buffer[start + 26] != SPACE:
        return False
    if buffer[start + 18] == DOT:
        dated: bool = buffer[start + 3] == SPACE and buffer[start + 6] == SPACE and buffer[start + 10] != DOT
        return dated
    return ZERO + 2 <= buffer[start + 28] <= ZERO + 6 and is_blank(buffer, start, start + 28)


@kernel
def take_epoch_line(buffer: Bytes, stop: int, run: Run) -> int:
    """Take a line that has the form of an epoch record."""
    state, tables, output = run
    start = state[POSITION]
    state[SKIPPING] = -1
    flag = digit(buffer, start + 28, stop)
    if not 0 <= flag <= 6:
        return skip_epoch(buffer, run, BAD_EPOCH_FLAG)
    count = left_cardinal(buffer, start + 29, min(start + 32, stop))
    if flag > 1:
        return take_event(buffer, flag, count, run)
    time_100ns = epoch_time2(buffer, start, stop, state, tables)
    if time_100ns == NO_TIME or count < 0:
        return skip_epoch(buffer, run, TRUNCATED if stop == buffer.size else BAD_EPOCH_RECORD)
    open_epoch(state, output, time_100ns, flag, count)
    take_clock(buffer, start + 68, min(start + 80, stop), state, output)
    take_satellites(buffer, count, run)
    return GO_ON


@kernel
def skip_epoch(buffer: Bytes, run: Run, reason: int) -> int:
    """Refuse an epoch record; the lines until the next one go with it."""
    state, _, output = run
    refuse_line(state, output, reason)
    step_over(buffer, state)
    state[SKIPPING] = FIRST_REASON + reason
    return GO_ON


@kernel
def take_event(buffer: Bytes, flag: int, count: int, run: Run) -> int:
    """Take an epoch record of flags 2 to 6: what follows are header records, or cycle slips (6)."""
    state, _, output = run
    pass_line(buffer, run, EVENT)
    output.counts[EVENT] += 1
    if flag == 6:
        state[SKIPPING] = FIRST_REASON + CYCLE_SLIP_RECORD
        return GO_ON
    state[EVENT_FLAG] = flag
    state[BLOCK_LINES] = max(count, 0)
    return HEADER_BLOCK if count > 0 else GO_ON


@kernel
def take_satellites(buffer: Bytes, count: int, run: Run) -> None:
    """Take the satellites that the epoch record at the current line lists, and the lines that follow for each."""
    state, _, output = run
    names = state[POSITION]
    first_line = output.line_counts[LINE_OBSERVATION]
    epoch_lines = 0
    while epoch_lines <= (count - 1) // SATELLITES_A_LINE or epoch_lines == 0:
        if state[POSITION] >= buffer.size:
            break
        count_line(state, output, LINE_EPOCH)
        step_over(buffer, state)
        epoch_lines += 1
    for i in range(count):
        if i > 0 and i % SATELLITES_A_LINE == 0:
            names = min(line_end(buffer, names) + 1, buffer.size)
        outcome = take_satellite(buffer, names + LIST_COLUMN + 3 * (i % SATELLITES_A_LINE), run)
        if outcome == DONE:
            break
        if outcome == TRUNCATED:
            drop(epoch_lines, output.line_counts[LINE_OBSERVATION] - first_line, run)
            return
    close_epoch(state, output)


@kernel
def drop(epoch_lines: int, observation_lines: int, run: Run) -> None:
    """Take back the epoch that the file ends in."""
    state, _, output = run
    state[SEEN] = state[DECLARED]
    drop_epoch(state, output, epoch_lines, observation_lines)


@kernel
def take_satellite(buffer: Bytes, name: int, run: Run) -> int:
    """Take the lines of one satellite: `GO_ON`, `DONE` at an epoch record, `TRUNCATED` at the end of the file."""
    state, tables, output = run
    code = -1
    if name + 3 <= text_end(buffer, name, line_end(buffer, name)):
        code = satellite_code(buffer, name, state[DEFAULT_SYSTEM], tables)
    system = max(code, 0) // 100
    types = tables.type_count[system]
    row = -1
    category = LINE_OBSERVATION
    for first in range(0, types, FIELDS_A_LINE):
        start = state[POSITION]
        if start >= buffer.size:
            return TRUNCATED
        end = line_end(buffer, start)
        stop = text_end(buffer, start, end)
        if is_epoch_line(buffer, start, stop):
            return DONE
        if end == buffer.size and stop > start and (stop - start) % 16 not in WHOLE_FIELDS:
            count_line(state, output, FIRST_REASON + TRUNCATED)
            state[POSITION] = buffer.size
            return TRUNCATED
        if first == 0:
            row = claim_row(state, output, code) if code >= 0 else -2
            state[SEEN] += 1
            category = begin_satellite(row, run)
        if row >= 0:
            take_fields(buffer, start, stop, row, (system, first, min(first + FIELDS_A_LINE, types)), run)
        count_line(state, output, category)
        state[POSITION] = min(end + 1, buffer.size)
    return GO_ON


@kernel
def begin_satellite(row: int, run: Run) -> int:
    """Return the category of a satellite's lines; one without a row is refused."""
    state, _, output = run
    if row >= 0:
        return LINE_OBSERVATION
    reason = DUPLICATE_SATELLITE if row == -1 else BAD_SATELLITE
    offend(state, output, reason, state[LINE] + 1, state[POSITION])
    return FIRST_REASON + reason
