"""The entry of the second reader: a file of the archive to its values."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ReadError
from gnssice_batch.rinex.containers.unpack import members
from gnssice_batch.rinex.plain import compact, text
from gnssice_batch.rinex.plain.body import SPACE, Body, Lines, Rows, name_of, rows_of
from gnssice_batch.rinex.plain.header import Header, read_header
from gnssice_batch.rinex.plain.integers import FIELD
from gnssice_batch.rinex.plain.slips import mark_power_failures
from gnssice_batch.rinex.plain.values import MISSING, Block, DeclinedError, Integers, Series
from gnssice_batch.signals import SYSTEMS, SignalColumn, columns

type Overrides = Mapping[str, Mapping[str, str]]
type Indicators = npt.NDArray[np.int8]
type Arrays = tuple[Integers, Indicators, Indicators]

_WHOLE = (0, 14, 15)
"""Columns of the last field that a line may end behind without cutting a value."""
_CELLS_AT_ONCE = 1 << 17


def read_plainly(content: bytes, overrides: Overrides, max_unpacked_bytes: int) -> Series:
    """Read a RINEX or CRINEX observation file of one station.

    Parameters
    ----------
    content
        Bytes of the archive's file, in any container that holds one file.
    overrides
        By system, declared code to the RINEX 3 code it is to be read as.

    Raises
    ------
    DeclinedError
        If there is anything in it that this reader does not do; the message says what.
    """
    unpacked = _unpacked(content, max_unpacked_bytes)
    header = read_header(unpacked)
    lines = Lines.of(_ended(unpacked[header.end :], header), FIELD * max(map(len, header.types.values())))
    body = _found(lines, header)
    epochs = body.epochs
    if len({(epoch.time_100ns, epoch.time_ps) for epoch in epochs}) < len(epochs):
        raise DeclinedError("epochs of the same time")
    rows = rows_of(body, header.file_system)
    series = Series(
        np.array([epoch.time_100ns for epoch in epochs], np.int64),
        np.array([epoch.time_ps for epoch in epochs], np.int32),
        np.array([epoch.flag for epoch in epochs], np.int8),
        np.array([epoch.clock_ps for epoch in epochs], np.int64),
        tuple(_blocks(lines, header, body, rows, overrides)),
    )
    return mark_power_failures(series)


def _unpacked(content: bytes, limit: int) -> bytes:
    """The one file in a container, its lines ended by line feeds."""
    try:
        found = list(members(content, limit))
    except ReadError as error:
        raise DeclinedError(f"its container: {error.reason}") from error
    if len(found) != 1 or found[0].fault is not None:
        raise DeclinedError("a container of several files, or a damaged one")
    unpacked = found[0].content
    if b"\r" in unpacked:
        unpacked = unpacked.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return unpacked


def _ended(body: bytes, header: Header) -> bytes:
    """A body with a line feed at its very end; where it has none, only a text whose last line ends with a field."""
    if body.endswith(b"\n"):
        return body
    columns_used = len(body[body.rfind(b"\n") + 1 :].rstrip()) - (0 if header.major < 3 else 3)
    if header.compact or columns_used < 0 or columns_used % FIELD not in _WHOLE:
        raise DeclinedError("its last line does not end")
    return body + b"\n"


def _found(lines: Lines, header: Header) -> Body:
    """The epochs of a body in its layout."""
    if header.compact:
        return compact.find_compact(lines, header)
    return (text.find_text2 if header.major < 3 else text.find_text3)(lines, header)


def _blocks(lines: Lines, header: Header, body: Body, rows: Rows, overrides: Overrides) -> Iterator[Block]:
    """Read the records, some satellites of a system at a time."""
    spaces = np.append(np.flatnonzero(lines.text == SPACE), lines.text.size) if header.compact else np.zeros(0, np.intp)
    for begin, end in _groups(rows.sv, header):
        part = rows.part(begin, end)
        system = SYSTEMS[part.sv[0] // 100]
        types = len(header.codes(system))
        if not types:
            raise DeclinedError("a satellite of a system without types")
        if header.compact:
            arrays = _compact(lines, spaces, body, part, header, types)
        else:
            arrays = text.values_of(text.fields_of(lines, part, types, body, 0 if header.major < 3 else 3))
        yield _block(part, header, system, arrays, overrides)


def _groups(sv: npt.NDArray[np.int16], header: Header) -> Iterator[tuple[int, int]]:
    """Begin and end of the records of satellites of one system, so few that their arrays fit into a cache."""
    begin = last = 0
    for end in (*(np.flatnonzero(np.diff(sv)) + 1).tolist(), sv.size):
        types = len(header.codes(SYSTEMS[sv[begin] // 100])) if sv.size else 0
        another = last > begin and sv[last] // 100 != sv[begin] // 100
        if another or (last > begin and (end - begin) * types > _CELLS_AT_ONCE):
            yield begin, last
            begin = last
        last = end
    if sv.size:
        yield begin, last


def _compact(lines: Lines, spaces: Integers, body: Body, rows: Rows, header: Header, types: int) -> Arrays:
    """The arrays of CRINEX records."""
    fields = compact.fields_of(lines, spaces, rows, types)
    link = compact.links(rows, body)
    value = compact.values_of(lines.text, fields, link)
    both = compact.indicators_of(lines.text, fields, link, only_with_values=header.compact < 3)
    return value, both[0::2], both[1::2]


def _block(rows: Rows, header: Header, system: str, arrays: Arrays, overrides: Overrides) -> Block:
    """The columns that are signals; 0.000 is missing, as a blank is."""
    codes = header.codes(system)
    signals = columns(system, codes, header.version, overrides)
    kept = [k for k, signal in enumerate(signals) if signal is not None]
    value, lli, ssi = arrays if len(kept) == len(signals) else (arrays[0][kept], arrays[1][kept], arrays[2][kept])
    np.putmask(value, value == 0, MISSING)
    _settle([signal for signal in signals if signal is not None], value, lli, ssi)
    begins = np.diff(rows.sv, prepend=-1) != 0
    return Block(
        svs=tuple(name_of(sv) for sv in rows.sv[begins].tolist()),
        sv=np.cumsum(begins) - 1,
        epoch=rows.epoch,
        columns=tuple(signal for signal in signals if signal is not None),
        scales=tuple(header.scale(system, codes[k]) for k in kept),
        value=value,
        lli=lli,
        ssi=ssi,
    )


def _settle(columns: Sequence[SignalColumn], value: Integers, lli: Indicators, ssi: Indicators) -> None:
    """Of several observables (K, R) of one signal the preferred one that has a value stays, in every record."""
    for code in {column.code for column in columns if column.rank}:
        same = sorted((k for k, one in enumerate(columns) if one.code == code), key=lambda k: columns[k].rank)
        taken = np.zeros(value.shape[1], np.bool_)
        for k in same:
            value[k, taken] = MISSING
            taken |= value[k] != MISSING
        for indicators in (lli, ssi):
            strongest = indicators[same].max(axis=0)
            indicators[same] = np.where(value[same] != MISSING, indicators[same], -1)
            indicators[same[0], ~taken] = strongest[~taken]
