"""The body of a RINEX 3 or 4 text file (kernels)."""

from gnssice_batch.rinex.kernels.buffers import Output, Tables
from gnssice_batch.rinex.kernels.epoch import (
    MARK,
    NO_TIME,
    State,
    claim_row,
    close_epoch,
    count_line,
    drop_epoch,
    flag_of,
    has_label,
    is_comment,
    open_epoch,
    refuse_line,
    satellite_code,
    take_clock,
    take_comment,
    take_picoseconds,
)
from gnssice_batch.rinex.kernels.epoch_text import epoch_time3
from gnssice_batch.rinex.kernels.numbers import (
    BAD_EPOCH_FLAG,
    BAD_EPOCH_RECORD,
    BAD_SATELLITE,
    BLANK_LINE,
    BLOCK_LINES,
    CYCLE_SLIP_RECORD,
    DECLARED,
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
    LAST_LINE_CUT,
    LINE_EPOCH,
    LINE_OBSERVATION,
    LINES_BEFORE,
    OPEN,
    POSITION,
    REFUSED_AT,
    ROWS,
    SEEN,
    SKIPPING,
    STRAY_LINE,
    TRUNCATED,
    UNDECLARED_SYSTEM,
)
from gnssice_batch.rinex.kernels.row import FIELD_WIDTH, WHOLE_FIELDS, take_fields
from gnssice_batch.rinex.kernels.wrapped import join_line
from gnssice_batch.rinex.primitives.fields import Bytes, left_cardinal, line_end, text_end
from gnssice_batch.rinex.primitives.jit import inlined, kernel


@kernel
def parse_text3(buffer: Bytes, state: State, tables: Tables, output: Output) -> int:
    """Parser on from ``state[POSITION]`` until the end of the buffer or something that is not for kernels."""
    size = buffer.size
    while state[POSITION] < size:
        start = state[POSITION]
        end = line_end(buffer, start)
        stop = text_end(buffer, start, end)
        if stop == start:
            count_line(state, output, FIRST_REASON + BLANK_LINE)
            output.counts[BLANK_LINE] += 1
            outcome = GO_ON
        elif buffer[start] == MARK and not is_comment(buffer, start, stop):
            outcome = take_epoch_line(buffer, stop, state, tables, output)
        elif end == size and state[OPEN] and (stop - start - 3) % FIELD_WIDTH not in WHOLE_FIELDS:
            state[LAST_LINE_CUT] = 1
            count_line(state, output, FIRST_REASON + TRUNCATED)
            outcome = GO_ON
        else:
            outcome = take_other_line(buffer, stop, state, tables, output)
        if outcome in (FULL, LABELLED_LINE):
            return outcome
        state[POSITION] = min(end + 1, size)
        if outcome != GO_ON:
            return outcome
    finish(state, output)
    return DONE


@kernel
def finish(state: State, output: Output) -> None:
    """Keep the last epoch, or drop it if the file ends inside it."""
    if not state[OPEN]:
        return
    if state[SEEN] < state[DECLARED] or state[LAST_LINE_CUT]:
        drop_epoch(state, output, 1, output.line_counts[LINE_OBSERVATION] - state[LINES_BEFORE])
    else:
        close_epoch(state, output)


@kernel
def take_epoch_line(buffer: Bytes, stop: int, state: State, tables: Tables, output: Output) -> int:
    """Take a line that begins with the epoch mark."""
    if state[EPOCHS] + 2 >= output.time_100ns.size:
        return FULL
    close_epoch(state, output)
    start = state[POSITION]
    state[SKIPPING] = -1
    cut = stop - start <= 31
    flag = 0 if cut else flag_of(buffer, start + 31, stop)
    if flag < 0:
        return skip_epoch(state, output, BAD_EPOCH_FLAG)
    if flag > 1:
        return take_event(buffer, stop, flag, state, output)
    time_100ns = epoch_time3(buffer, start, stop, state, tables)
    if time_100ns == NO_TIME or cut:
        return skip_epoch(state, output, TRUNCATED if stop == buffer.size else BAD_EPOCH_RECORD)
    declared = left_cardinal(buffer, start + 32, min(start + 35, stop))
    open_epoch(state, output, time_100ns, flag, declared)
    state[LINES_BEFORE] = output.line_counts[LINE_OBSERVATION]
    take_clock(buffer, start + 41, min(start + 56, stop), state, output)
    take_picoseconds(buffer, start + 57, stop, state, output)
    count_line(state, output, LINE_EPOCH)
    return GO_ON


@kernel
def skip_epoch(state: State, output: Output, reason: int) -> int:
    """Refuse an epoch record; the lines until the next one go with it."""
    refuse_line(state, output, reason)
    state[SKIPPING] = FIRST_REASON + reason
    return GO_ON


@kernel
def take_event(buffer: Bytes, stop: int, flag: int, state: State, output: Output) -> int:
    """Take an epoch record of flags 2 to 6: what follows are header records, or cycle slips (6)."""
    start = state[POSITION]
    count = left_cardinal(buffer, start + 32, min(start + 35, stop))
    count_line(state, output, FIRST_REASON + EVENT)
    output.counts[EVENT] += 1
    if flag == 6:
        state[SKIPPING] = FIRST_REASON + CYCLE_SLIP_RECORD
        return GO_ON
    state[EVENT_FLAG] = flag
    state[BLOCK_LINES] = max(count, 0)
    return HEADER_BLOCK if count > 0 else GO_ON


@inlined
def take_other_line(buffer: Bytes, stop: int, state: State, tables: Tables, output: Output) -> int:
    """Take a line that is no epoch record: a satellite, or something that has no business there."""
    start = state[POSITION]
    if has_label(buffer, start, stop) and not state[OPEN]:
        return take_labelled(buffer, stop, state, output)
    if state[SKIPPING] >= 0:
        if state[SKIPPING] == FIRST_REASON + CYCLE_SLIP_RECORD:
            output.counts[CYCLE_SLIP_RECORD] += 1
        count_line(state, output, state[SKIPPING])
        return GO_ON
    code = satellite_code(buffer, start, -1, tables) if stop - start >= 3 else -1
    if code >= 0 and state[OPEN]:
        return take_satellite(buffer, stop, code, state, tables, output)
    if has_label(buffer, start, stop):
        return take_labelled(buffer, stop, state, output)
    take_odd_line(buffer, stop, state, tables, output)
    return GO_ON


@kernel
def take_labelled(buffer: Bytes, stop: int, state: State, output: Output) -> int:
    """Count a comment; leave every other header record to the caller."""
    if is_comment(buffer, state[POSITION], stop):
        take_comment(state, output)
        return GO_ON
    return LABELLED_LINE


@kernel
def take_odd_line(buffer: Bytes, stop: int, state: State, tables: Tables, output: Output) -> None:
    """Refuse a line inside an epoch that names no satellite and goes on with none, or any line outside."""
    if state[OPEN] and join_line(buffer, stop, state, tables, output):
        count_line(state, output, LINE_OBSERVATION)
    elif stop == buffer.size:
        count_line(state, output, FIRST_REASON + TRUNCATED)
        output.counts[TRUNCATED] += not state[OPEN]
    elif state[OPEN] and state[SEEN] < state[DECLARED]:
        state[SEEN] += 1
        state[REFUSED_AT] = state[ROWS]
        refuse_line(state, output, BAD_SATELLITE)
    else:
        refuse_line(state, output, STRAY_LINE)


@inlined
def take_satellite(buffer: Bytes, stop: int, code: int, state: State, tables: Tables, output: Output) -> int:
    """Take the observations of one satellite."""
    start = state[POSITION]
    system = code // 100
    types = tables.type_count[system]
    if types == 0:
        state[SEEN] += 1
        state[REFUSED_AT] = state[ROWS]
        refuse_line(state, output, UNDECLARED_SYSTEM)
        return GO_ON
    if state[ROWS] + 1 >= output.row_sv.size:
        return FULL
    state[SEEN] += 1
    row = claim_row(state, output, code)
    if row < 0:
        state[REFUSED_AT] = state[ROWS]
        refuse_line(state, output, DUPLICATE_SATELLITE)
        return GO_ON
    take_fields(buffer, start + 3, stop, row, (system, 0, types), (state, tables, output))
    count_line(state, output, LINE_OBSERVATION)
    return GO_ON
