"""The body of a RINEX 2 text file (kernels)."""

from gnssice_batch.rinex.kernels.buffers import Output, Tables
from gnssice_batch.rinex.kernels.epoch import (
    NO_TIME,
    State,
    claim_row,
    close_epoch,
    count_line,
    flag_of,
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
from gnssice_batch.rinex.kernels.lines2 import (
    CLOCK_COLUMN,
    FIELDS_A_LINE,
    FITS,
    is_epoch_line,
    is_lettered,
    misfit,
    read_list,
)
from gnssice_batch.rinex.kernels.numbers import (
    BAD_EPOCH_FLAG,
    BAD_EPOCH_RECORD,
    BAD_SATELLITE,
    BLANK_LINE,
    BLOCK_LINES,
    CYCLE_SLIP_RECORD,
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
    LINE_COUNT,
    LINE_EPOCH,
    LINE_OBSERVATION,
    NAMES,
    POSITION,
    ROWS,
    SEEN,
    SKIPPING,
    TRUNCATED,
)
from gnssice_batch.rinex.kernels.row import take_fields
from gnssice_batch.rinex.primitives.fields import (
    Bytes,
    int64,
    left_cardinal,
    line_end,
    text_end,
)
from gnssice_batch.rinex.primitives.jit import inlined, kernel

type Run = tuple[State, Tables, Output]


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


@kernel
def take_epoch_line(buffer: Bytes, stop: int, run: Run) -> int:
    """Take a line that has the form of an epoch record."""
    state, tables, output = run
    start = state[POSITION]
    follows_refused = state[SKIPPING] >= 0
    state[SKIPPING] = -1
    flag = flag_of(buffer, start + 28, stop)
    if flag < 0:
        return skip_epoch(buffer, run, BAD_EPOCH_FLAG)
    count = left_cardinal(buffer, start + 29, min(start + 32, stop))
    if flag > 1:
        return take_event(buffer, flag, count, run)
    time_100ns = epoch_time2(buffer, start, stop, state, tables)
    if time_100ns == NO_TIME or count < 0:
        return skip_epoch(buffer, run, TRUNCATED if stop == buffer.size else BAD_EPOCH_RECORD)
    listed, lines = read_list(buffer, count, state, tables)
    reason = misfit(buffer, lines, listed, int64(tables.type_count[0]), state, tables)
    if reason == FITS and listed != count and follows_refused:
        reason = LINE_COUNT
    if reason != FITS:
        return skip_epoch(buffer, run, reason)
    open_epoch(state, output, time_100ns, flag, count)
    if not is_lettered(buffer, start + CLOCK_COLUMN, stop, tables):
        take_clock(buffer, start + CLOCK_COLUMN, min(start + CLOCK_COLUMN + 12, stop), state, output)
    take_satellites(buffer, listed, lines, run)
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
def take_satellites(buffer: Bytes, listed: int, lines: int, run: Run) -> None:
    """Take the list of the epoch record at the current line, and from `lines` on those of each satellite."""
    state, tables, output = run
    while state[POSITION] < lines:
        if not pass_comment(buffer, run):
            count_line(state, output, LINE_EPOCH)
            step_over(buffer, state)
    for i in range(listed):
        name = int64(state[NAMES + i])
        code = satellite_code(buffer, name, state[DEFAULT_SYSTEM], tables) if name >= 0 else -1
        take_satellite(buffer, code, run)
    state[SEEN] = listed
    close_epoch(state, output)


@inlined
def pass_comment(buffer: Bytes, run: Run) -> bool:
    """Pass over the current line if it is a comment."""
    state, _, output = run
    start = state[POSITION]
    if not is_comment(buffer, start, text_end(buffer, start, line_end(buffer, start))):
        return False
    take_comment(state, output)
    step_over(buffer, state)
    return True


@kernel
def take_satellite(buffer: Bytes, code: int, run: Run) -> None:
    """Take the lines of one satellite."""
    state, tables, output = run
    system = max(code, 0) // 100
    types = int64(tables.type_count[system])
    row = -1
    category = LINE_OBSERVATION
    for first in range(0, types, FIELDS_A_LINE):
        while pass_comment(buffer, run):
            pass
        if first == 0:
            row = claim_row(state, output, code) if code >= 0 else -2
            category = begin_satellite(row, run)
        start = state[POSITION]
        end = line_end(buffer, start)
        if row >= 0:
            fields = (system, first, min(first + FIELDS_A_LINE, types))
            take_fields(buffer, start, text_end(buffer, start, end), row, fields, run)
        count_line(state, output, category)
        state[POSITION] = min(end + 1, buffer.size)


@kernel
def begin_satellite(row: int, run: Run) -> int:
    """Return the category of a satellite's lines; one without a row is refused."""
    state, _, output = run
    if row >= 0:
        return LINE_OBSERVATION
    reason = DUPLICATE_SATELLITE if row == -1 else BAD_SATELLITE
    offend(state, output, reason, state[LINE] + 1, state[POSITION])
    return FIRST_REASON + reason
