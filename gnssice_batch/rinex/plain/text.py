"""The body of a RINEX text: epoch records, satellite lines, fields of 16 columns."""

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.plain.body import SPACE, Body, Epoch, Lines, Rows, cardinal, flag_of, picoseconds, skip_event
from gnssice_batch.rinex.plain.header import Header
from gnssice_batch.rinex.plain.integers import FIELD, indicators, observables
from gnssice_batch.rinex.plain.times import clock_offset_ps, gps_time
from gnssice_batch.rinex.plain.values import BLANK, MISSING, Bytes, DeclinedError, Integers

_FIELDS_A_LINE = 5
_SATELLITES_A_LINE = 12
_LIST = slice(32, 68)


def find_text3(lines: Lines, header: Header) -> Body:
    """Find the epochs of RINEX 3 and 4: a line with ``>``, then a line a satellite.

    Raises
    ------
    DeclinedError
        If anything is not as the format says.
    """
    epochs, number = list[Epoch](), 0
    while number < len(lines):
        line = lines.line(number)
        if line[:1] != b">":
            raise DeclinedError("a line where an epoch record should be")
        flag, count = flag_of(line[31:32]), cardinal(line[32:35])
        number += 1
        if 1 < flag < 6:
            number = skip_event(lines, number, count)
            continue
        names = b"".join(lines.line(one)[:3].ljust(3) for one in range(number, min(number + count, len(lines))))
        if len(names) < 3 * count:
            raise DeclinedError("an epoch that is not all there")
        if flag < 2:
            time = gps_time(line[2:6], line[6:18], line[18:29].strip(), header.time_system)
            below = picoseconds(line[57:], header)
            epochs.append(Epoch(time, flag, names, number, clock_offset_ps(line[41:56]), below))
        number += count
    return Body(epochs)


def find_text2(lines: Lines, header: Header) -> Body:
    """Find the epochs of RINEX 1 and 2: a line with up to twelve satellites, more of them, then lines of five fields.

    Raises
    ------
    DeclinedError
        If anything is not as the format says.
    """
    body, number = Body([], -(-len(header.codes("")) // _FIELDS_A_LINE)), 0
    while number < len(lines):
        line = lines.line(number)
        flag, count = flag_of(line[28:29]), cardinal(line[29:32])
        if 1 < flag < 6:
            number = skip_event(lines, number + 1, count)
            continue
        names, first = _listed(lines, number, count)
        number = first + count * body.lines_each
        if number > len(lines):
            raise DeclinedError("an epoch that is not all there")
        if flag < 2:
            time = gps_time(line[1:3], line[3:15], line[15:26].strip(), header.time_system)
            body.epochs.append(Epoch(time, flag, names, first, clock_offset_ps(line[68:80]), 0))
    return body


def _listed(lines: Lines, number: int, count: int) -> tuple[bytes, int]:
    """The satellites of an epoch, and the line behind their list."""
    used = max(1, -(-count // _SATELLITES_A_LINE))
    if number + used > len(lines):
        raise DeclinedError("an epoch that is not all there")
    parts = [lines.line(one) for one in range(number, number + used)]
    if any(part[: _LIST.start].strip() for part in parts[1:]):
        raise DeclinedError("a list of satellites that does not go on")
    names = b"".join(part[_LIST].ljust(3 * _SATELLITES_A_LINE) for part in parts)
    return names[: 3 * count], number + used


def fields_of(lines: Lines, rows: Rows, types: int, body: Body, first: int) -> Bytes:
    """(16, types, R) the bytes of the fields, blank where lines end early.

    Parameters
    ----------
    first
        Column of the first field of a line.

    Raises
    ------
    DeclinedError
        If a line has something behind its fields.
    """
    width = FIELD * (types if body.lines_each == 1 else _FIELDS_A_LINE)
    found = [_columns(lines, rows.line + one, first, width) for one in range(body.lines_each)]
    whole = np.concatenate(found, axis=1)
    if (whole[:, FIELD * types :] != SPACE).any():
        raise DeclinedError("something behind the last field of a line")
    return np.ascontiguousarray(whole[:, : FIELD * types].reshape(-1, types, FIELD).transpose(2, 1, 0))


def _columns(lines: Lines, number: npt.NDArray[np.intp], first: int, width: int) -> Bytes:
    """(R, width) columns of lines, blanks behind their ends."""
    start = lines.start[number] + first
    length = np.maximum(lines.end[number] - start, 0)
    text = np.concatenate((lines.text, np.full(width, SPACE, np.uint8)))
    found = np.lib.stride_tricks.sliding_window_view(text, width)[start]
    longest = int(length.max(initial=0))
    if longest > width and any(lines.line(one)[first + width :].strip() for one in number[length > width].tolist()):
        raise DeclinedError("something behind the last field of a line")
    found[np.arange(width) >= length[:, None]] = SPACE
    return found


def values_of(fields: Bytes) -> tuple[Integers, npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """(K, R) observables in thousandths, `MISSING` where blank, and both indicators.

    Parameters
    ----------
    fields
        (16, K, R)

    Raises
    ------
    DeclinedError
        If a field is not as the format says.
    """
    flat = fields.reshape(FIELD, -1)
    value = observables(flat, int(MISSING)).reshape(fields.shape[1:])
    lli, ssi = (indicators(fields[at], BLANK) for at in (14, 15))
    return value, lli, ssi
