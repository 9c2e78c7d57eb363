"""The body of a CRINEX 1.0, 3.0 or 3.1 file, decoded straight to integer rows (kernels).

Hatanaka's format: an epoch line that is given whole (``&`` in CRINEX 1, ``>`` in CRINEX 3) or as a text difference to
the one before, a line for the receiver clock offset, then a line per satellite with the differences of its observables
and the text difference of their indicators. What can't be decoded costs everything until the next whole epoch line.
"""

from typing import Final

from gnssice_batch.rinex.kernels.buffers import ARC, MAX_ORDER, Arcs, Output, Tables
from gnssice_batch.rinex.kernels.crinex_row import AMPERSAND, DAMAGED, Run, take_clock_line, take_satellite_line
from gnssice_batch.rinex.kernels.epoch import (
    MARK,
    NO_TIME,
    State,
    claim_row,
    count_line,
    flag_of,
    has_label,
    offend,
    open_epoch,
    satellite_code,
    take_picoseconds,
)
from gnssice_batch.rinex.kernels.epoch_text import epoch_time2, epoch_time3
from gnssice_batch.rinex.kernels.numbers import (
    BAD_EPOCH_RECORD,
    BAD_VALUE,
    BLANK_LINE,
    BLOCK_LINES,
    COMMENT,
    CRINEX_DAMAGE,
    DEFAULT_SYSTEM,
    DONE,
    EPOCH_LINE,
    EPOCH_POSITION,
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
    OPEN,
    PICOSECONDS,
    POSITION,
    RINEX_MAJOR,
    ROWS,
    SERIAL,
    SKIPPING,
    TEXT_LENGTH,
    TRUNCATED,
)
from gnssice_batch.rinex.observations.values import MISSING
from gnssice_batch.rinex.primitives.fields import (
    SPACE,
    Bytes,
    cardinal,
    int64,
    is_blank,
    left_cardinal,
    line_end,
    text_end,
)
from gnssice_batch.rinex.primitives.jit import inlined, kernel

DAMAGE: Final = FIRST_REASON + CRINEX_DAMAGE


@kernel
def parse_crinex(buffer: Bytes, state: State, tables: Tables, output: Output, arcs: Arcs) -> int:
    """Parser on from ``state[POSITION]`` until the end of the buffer or something that is not for kernels."""
    run = (state, tables, output, arcs)
    while state[POSITION] < buffer.size:
        if state[EPOCHS] + 2 >= output.time_100ns.size or state[ROWS] + 1000 >= output.row_sv.size:
            return FULL
        start = state[POSITION]
        end = line_end(buffer, start)
        stop = text_end(buffer, start, end)
        whole = stop > start and buffer[start] == (AMPERSAND if state[RINEX_MAJOR] < 3 else MARK)
        if not whole and has_label(buffer, start, stop):
            return LABELLED_LINE
        if not whole and (state[SKIPPING] >= 0 or stop == start or buffer[start] == AMPERSAND):
            pass_line(buffer, end, stop, state, output)
            continue
        repair_epoch_text(buffer, stop, whole, state, arcs)
        outcome = take_epoch(buffer, end, run)
        if outcome != GO_ON:
            return outcome
    return DONE


@kernel
def pass_line(buffer: Bytes, end: int, stop: int, state: State, output: Output) -> None:
    """Pass over a line after damage, an escape line of CRINEX 3, or a blank line."""
    category = state[SKIPPING]
    if category < 0 and stop > state[POSITION]:
        category = FIRST_REASON + COMMENT
        output.counts[COMMENT] += 1
    elif category < 0 and is_blank(buffer, stop, buffer.size):
        category = FIRST_REASON + BLANK_LINE
        output.counts[BLANK_LINE] += 1
    elif category < 0:
        category = DAMAGE
        state[SKIPPING] = DAMAGE
        offend(state, output, CRINEX_DAMAGE, state[LINE] + 1, state[POSITION])
    count_line(state, output, category)
    state[POSITION] = min(end + 1, buffer.size)


@kernel
def repair_epoch_text(buffer: Bytes, stop: int, whole: bool, state: State, arcs: Arcs) -> None:  # noqa: FBT001
    """Make the epoch line of this epoch from that of the one before and the difference on the current line.

    A whole one ends damage, in which receiver clock offsets have been lost that a difference may refer to.
    """
    start = state[POSITION]
    text = arcs.text
    length = 0 if whole else state[TEXT_LENGTH]
    if whole:
        state[SERIAL] += 1
        if state[SKIPPING] >= 0:
            arcs.clock[MAX_ORDER + 1] = -1
        state[SKIPPING] = -1
    for i in range(min(stop - start, text.size)):
        byte = buffer[start + i]
        if i >= length or byte != SPACE:
            text[i] = SPACE if byte == AMPERSAND else byte
    length = max(length, min(stop - start, text.size))
    state[TEXT_LENGTH] = text_end(text, 0, length)
    text[state[TEXT_LENGTH] : length] = SPACE


@kernel
def take_epoch(buffer: Bytes, end: int, run: Run) -> int:
    """Take the epoch whose line ends at `end` and has been made readable."""
    state, tables, output, arcs = run
    base = 29 if state[RINEX_MAJOR] < 3 else 32
    length = state[TEXT_LENGTH]
    flag = flag_of(arcs.text, base - 1, length)
    first = arcs.text[0]
    if length < base or flag < 0 or first != (SPACE if state[RINEX_MAJOR] < 3 else MARK):
        return damage(buffer, end, 1, run)
    if flag > 1:
        return take_event(buffer, end, flag, run)
    time_100ns = epoch_time3(arcs.text, 0, length, state, tables)
    if state[RINEX_MAJOR] < 3:
        time_100ns = epoch_time2(arcs.text, 0, length, state, tables)
    satellites = left_cardinal(arcs.text, base, base + 3)
    listed = base + 3 if state[RINEX_MAJOR] < 3 else base + 9
    if satellites < 0 or listed + 3 * satellites > max(length, listed):
        return damage(buffer, end, 1, run)
    state[EPOCH_LINE] = state[LINE] + 1
    state[EPOCH_POSITION] = state[POSITION]
    open_epoch(state, output, time_100ns, flag, satellites)
    return take_body(buffer, end, listed, satellites, run)


@kernel
def take_event(buffer: Bytes, end: int, flag: int, run: Run) -> int:
    """Take an epoch line of flags 2 to 6; as many lines of text follow as it says, then a whole epoch line."""
    state, _, output, arcs = run
    base = 29 if state[RINEX_MAJOR] < 3 else 32
    count = left_cardinal(arcs.text, base, base + 3)
    count_line(state, output, FIRST_REASON + EVENT)
    output.counts[EVENT] += 1
    state[POSITION] = min(end + 1, buffer.size)
    state[TEXT_LENGTH] = 0
    state[EVENT_FLAG] = flag
    state[BLOCK_LINES] = max(count, 0)
    return HEADER_BLOCK if count > 0 else GO_ON


@kernel
def damage(buffer: Bytes, end: int, lines: int, run: Run) -> int:
    """Give up the epoch, whose last line read ends at `end`, and what follows until a whole epoch line."""
    state, _, output, _ = run
    offend(state, output, CRINEX_DAMAGE, state[LINE] + 1, state[POSITION])
    if state[OPEN]:
        state[ROWS] = output.first_row[state[EPOCHS]]
    state[OPEN] = 0
    state[SKIPPING] = DAMAGE
    state[LINE] += 1
    output.line_counts[DAMAGE] += lines
    state[POSITION] = min(end + 1, buffer.size)
    return GO_ON


@kernel
def cut_off(buffer: Bytes, lines: int, run: Run) -> int:
    """Drop the epoch in which the file ends."""
    state, _, output, _ = run
    state[ROWS] = output.first_row[state[EPOCHS]]
    state[OPEN] = 0
    output.line_counts[FIRST_REASON + TRUNCATED] += lines
    offend(state, output, TRUNCATED, state[EPOCH_LINE], state[EPOCH_POSITION])
    state[POSITION] = buffer.size
    return GO_ON


@kernel
def take_body(buffer: Bytes, end: int, listed: int, satellites: int, run: Run) -> int:
    """Take the clock line and the satellite lines of an epoch."""
    state = run[0]
    for i in range(satellites + 1):
        state[LINE] += 1
        state[POSITION] = end + 1
        if state[POSITION] >= buffer.size:
            return cut_off(buffer, i + 1, run)
        end = line_end(buffer, state[POSITION])
        stop = text_end(buffer, state[POSITION], end)
        if end == buffer.size and not (i == satellites and has_all_indicators(buffer, stop, listed + 3 * i - 3, run)):
            state[LINE] += 1
            return cut_off(buffer, i + 2, run)
        sound = (
            take_clock(buffer, end, satellites, run)
            if i == 0
            else take_satellite(buffer, stop, listed + 3 * i - 3, run)
        )
        if not sound:
            return stop_at_damage(buffer, end, i + 2, run)
    if not ends_epoch(buffer, end, state):
        return damage(buffer, end, satellites + 2, run)
    state[LINE] += 1
    state[POSITION] = min(end + 1, buffer.size)
    keep_epoch(satellites, run)
    return GO_ON


@kernel
def take_clock(buffer: Bytes, end: int, satellites: int, run: Run) -> bool:
    """Take the line of the receiver clock offset, and of the picoseconds (CRINEX 3.1); False if it is damaged.

    A line that can't be made out costs the offset and those that refer to it, where nothing else can be wrong.
    """
    state, _, output, arcs = run
    start = state[POSITION]
    stop = text_end(buffer, start, end)
    behind = start
    while behind < stop and buffer[behind] != SPACE:
        behind += 1
    formed = behind == stop or (state[PICOSECONDS] == 1 and is_picoseconds(buffer, behind, stop))
    clock, at = take_clock_line(buffer, start, stop, state, arcs) if formed else (MISSING, DAMAGED)
    if at != behind:
        if not goes_on_behind(buffer, end, satellites, state):
            return False
        offend(state, output, BAD_VALUE, state[LINE] + 1, start)
        arcs.clock[MAX_ORDER + 1] = -1
        clock = MISSING
    output.clock_ps[state[EPOCHS]] = clock
    if formed:
        take_picoseconds(buffer, behind + 1, stop, state, output)
    return True


@kernel
def is_picoseconds(buffer: Bytes, at: int, stop: int) -> bool:
    """Whether a blank and five digits are all there is: more of them are the line of a satellite."""
    return stop == at + 6 and cardinal(buffer, at + 1, stop) >= 0


@kernel
def goes_on_behind(buffer: Bytes, end: int, lines: int, state: State) -> bool:
    """Whether the next epoch begins behind so many lines: none of this one is lost.

    Where one is lost, the last of them is the line of the next epoch: a whole one, or if nothing follows any that
    begins with a blank.
    """
    mark = AMPERSAND if state[RINEX_MAJOR] < 3 else MARK
    start = end
    for _ in range(lines):
        start = end + 1
        if start >= buffer.size or buffer[start] == mark:
            return False
        end = line_end(buffer, start)
    if lines > 0 and buffer[start] == SPACE and is_blank(buffer, end, buffer.size):
        return False
    return ends_epoch(buffer, end, state)


@inlined
def ends_epoch(buffer: Bytes, end: int, state: State) -> bool:
    """Whether another epoch, an event, a header or nothing follows the line that ends at `end`.

    An epoch line begins with its mark, or with a blank for what does not change. A blank and five digits are no epoch
    line: they are those of an epoch, without an offset of its clock, whose own line has been taken for a satellite's.
    """
    start = min(end + 1, buffer.size)
    if start == buffer.size:
        return True
    first = buffer[start]
    stop = text_end(buffer, start, line_end(buffer, start))
    if stop == start:
        return is_blank(buffer, start, buffer.size)
    marked: bool = first in (SPACE, AMPERSAND) or (first == MARK and state[RINEX_MAJOR] >= 3)
    of_clock = state[PICOSECONDS] == 1 and first == SPACE and is_picoseconds(buffer, start, stop)
    return (marked and not of_clock) or has_label(buffer, start, stop)


@kernel
def has_all_indicators(buffer: Bytes, stop: int, name: int, run: Run) -> bool:
    """Whether the current line has an indicator in the last place of all: so nothing behind it is cut off.

    A shorter one leaves the last indicators as they were, or has lost what changed them.
    """
    state, tables, _, arcs = run
    code = satellite_code(arcs.text, name, state[DEFAULT_SYSTEM], tables)
    types = int64(tables.type_count[max(code, 0) // 100])
    left = types
    for at in range(state[POSITION], stop):
        if left == 0:
            return stop - at >= 2 * types
        left -= buffer[at] == SPACE
    return False


@kernel
def stop_at_damage(buffer: Bytes, end: int, lines: int, run: Run) -> int:
    """Give up the epoch at the current line, unless that is the whole epoch line to go on with."""
    state = run[0]
    if buffer[state[POSITION]] != (AMPERSAND if state[RINEX_MAJOR] < 3 else MARK):
        return damage(buffer, end, lines, run)
    back = state[POSITION]
    damage(buffer, end, lines - 1, run)
    state[POSITION] = back
    state[LINE] -= 1
    return GO_ON


@inlined
def take_satellite(buffer: Bytes, stop: int, name: int, run: Run) -> bool:
    """Take the line of the satellite whose name stands at `name` in the epoch line; False if it is damaged."""
    state, tables, output, arcs = run
    code = satellite_code(arcs.text, name, state[DEFAULT_SYSTEM], tables)
    if code < 0 or tables.type_count[code // 100] == 0:
        return False
    if arcs.serial[code] != state[SERIAL] - 1:
        arcs.difference[code, :, ARC] = -1
        arcs.lli[code] = -1
        arcs.ssi[code] = -1
    row = claim_row(state, output, code)
    if row < 0:
        return False
    arcs.serial[code] = state[SERIAL]
    return take_satellite_line(buffer, stop, code, row, run)


@kernel
def keep_epoch(satellites: int, run: Run) -> None:
    """Keep the decoded epoch; one without a valid time has only served to carry on the arcs."""
    state, _, output, _ = run
    epoch = state[EPOCHS]
    state[OPEN] = 0
    if output.time_100ns[epoch] == NO_TIME:
        state[ROWS] = output.first_row[epoch]
        output.line_counts[FIRST_REASON + BAD_EPOCH_RECORD] += satellites + 2
        offend(state, output, BAD_EPOCH_RECORD, state[EPOCH_LINE], state[EPOCH_POSITION])
        return
    output.line_counts[LINE_EPOCH] += 2
    output.line_counts[LINE_OBSERVATION] += satellites
    state[EPOCHS] += 1
    output.first_row[epoch + 1] = state[ROWS]
