"""The header located in an unpacked RINEX or CRINEX file, at its beginning or further down."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex.header.draft import Draft
from gnssice_batch.rinex.header.lines import LABEL_COLUMN, label_of
from gnssice_batch.rinex.header.records import add, add_all
from gnssice_batch.rinex.header.values import Header

_FIRST_LABEL = "RINEX VERSION / TYPE"
_LAST_LABEL = "END OF HEADER"
_COMPACT_TEXT = "COMPACT RINEX FORMAT"
_COMPACT_VERSIONS = {"1.0": 1, "3.0": 3, "3.1": 3}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MOST_LINES = 20_000
_LONGEST_LINE_BYTES = 4096
_LONGEST_STEADY_BYTES = 1 << 16
_OWN_LABELS = {
    b"CRINEX PROG / DATE",
    b"PGM / RUN BY / DATE",
    b"APPROX POSITION XYZ",
    b"TIME OF FIRST OBS",
    b"TIME OF LAST OBS",
}
_MOST_KNOWN = 1024
_COMMENT = b"COMMENT".rjust(LABEL_COLUMN + 7)


@dataclass(frozen=True, slots=True)
class HeaderText:
    """A header and where it ends."""

    header: Header
    end: int
    """Index of the first byte behind it."""
    lines: int
    compact: int
    """Major version of CRINEX, 0 for plain text."""


def header_text(content: bytes, start: int) -> HeaderText:
    """Read the header that begins at a byte.

    Raises
    ------
    ReadError
        ``EMPTY``, ``NOT_RINEX``, ``NOT_OBSERVATIONS``, ``UNSUPPORTED_VERSION``, ``NO_END_OF_HEADER``, ``NO_OBS_TYPES``.
    """
    if not content[start : start + 1000].strip():
        raise ReadError(Reason.EMPTY, "there is nothing in it")
    steady, own = _parted(content, start)
    read = _read_steady(steady) if steady else 0
    if isinstance(read, int):
        read, own = _read(content, start), []
    if isinstance(read, int):
        raise ReadError(Reason.NO_END_OF_HEADER, "the header does not end", line=read)
    draft = replace(read.draft.copy(), line=0)
    add_all(draft, own)
    return HeaderText(_checked(draft, read.compact), start + read.size, read.lines, read.compact)


def is_compact(content: bytes) -> bool:
    """Whether an unpacked file is CRINEX."""
    return content.removeprefix(_BYTE_ORDER_MARK)[20:40] == _COMPACT_TEXT.encode()


def with_line_feeds(content: bytes) -> bytes:
    """Return the content with a line feed at the end of each line, where carriage returns stand alone for it."""
    if b"\r" not in content or content.count(b"\r") == content.count(b"\r\n"):
        return content
    return re.sub(rb"\r+\n", b"\n", content).replace(b"\r", b"\n")


def _lines(content: bytes, at: int) -> Iterator[tuple[str, int]]:
    """Yield the lines of a header with the index behind each."""
    if content.startswith(_BYTE_ORDER_MARK, at):
        at += len(_BYTE_ORDER_MARK)
    size = len(content)
    for _ in range(_MOST_LINES):
        if at >= size:
            return
        end = content.find(b"\n", at, at + _LONGEST_LINE_BYTES)
        if end < 0:
            end = min(size, at + _LONGEST_LINE_BYTES)
        yield _text(content[at:end]), min(end + 1, size)
        at = end + 1


def _text(line: bytes | bytearray) -> str:
    return line.decode("latin-1").rstrip("\r\0 ").ljust(80)


class _Read(NamedTuple):
    """A header that was read."""

    draft: Draft
    size: int
    lines: int
    compact: int


def _read(content: bytes, start: int) -> _Read | int:
    """Read the lines of a header; return their number if it does not end."""
    lines = _lines(content, start)
    first, end = next(lines)
    count, compact = 1, 0
    if first[20:40] == _COMPACT_TEXT:
        compact = _compact_version(first)
        next(lines, None)
        first, end = next(lines, ("", end))
        count = 3
    _check_first_line(first)
    draft = Draft(line=count)
    add(draft, first)
    for line, end in lines:
        count += 1
        draft.line = count
        add(draft, line)
        if _LAST_LABEL in line and label_of(line).startswith(_LAST_LABEL):
            draft.check_counts(compact=bool(compact))
            return _Read(draft, end - start, count, compact)
        if line.startswith(">"):
            break
    return count


@lru_cache(maxsize=256)
def _read_steady(header: bytes) -> _Read | int:
    return _read(header, 0)


def _parted(content: bytes, start: int) -> tuple[bytes, list[str]]:
    """Return a header with comments in the place of the records that are each file's own, and these records.

    The others are those of all files of a receiver for years. Nothing is returned where it is not plain to see.
    """
    last = content.find(_LAST_LABEL.encode(), start, start + _LONGEST_STEADY_BYTES)
    end = content.find(b"\n", last, last + _LONGEST_LINE_BYTES) + 1
    if last < 0 or end == 0:
        return b"", []
    header = content[start:end]
    known = _KNOWN.get(len(header))
    if known and all(_is_own(header, *place) for place in known.places):
        steady, own = _without(header, known.places)
        if steady == known.steady:
            return steady, own
    if any(header.count(label) > 1 for label in _OWN_LABELS):
        return b"", []
    places = _own_places(header)
    steady, own = _without(header, places)
    if len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[len(header)] = _Known(places, steady)
    return steady, own


class _Known(NamedTuple):
    """A header that was parted: the next one of its length is mostly the same but for its own records."""

    places: tuple[tuple[int, int], ...]
    steady: bytes


_KNOWN: Final[dict[int, _Known]] = {}
"""By length."""


def _own_places(header: bytes) -> tuple[tuple[int, int], ...]:
    """Return begin and end of the records of a header that are each file's own."""
    ends = [match.end() - 1 for match in re.finditer(rb"\n", header)]
    places = ((begin + 1, end) for begin, end in pairwise(ends))
    return tuple((begin, end) for begin, end in places if _is_own(header, begin, end))


def _is_own(header: bytes, begin: int, end: int) -> bool:
    """Whether a place is a line with a record that is each file's own."""
    line = header[begin:end]
    whole = header[begin - 1 : begin] == header[end : end + 1] == b"\n" and b"\n" not in line
    return line[LABEL_COLUMN:].rstrip() in _OWN_LABELS and whole and not line.startswith(b">")


def _without(header: bytes, places: tuple[tuple[int, int], ...]) -> tuple[bytes, list[str]]:
    """Return a header with comments in these places, and what stood there."""
    rest, own = bytearray(header), list[str]()
    for begin, end in places:
        own.append(_text(header[begin:end]))
        rest[begin:end] = _COMMENT.ljust(end - begin)
    return bytes(rest), own


def _compact_version(line: str) -> int:
    version = line[:20].strip()
    if version not in _COMPACT_VERSIONS:
        raise ReadError(Reason.UNSUPPORTED_VERSION, f"CRINEX {version[:20]!r}", line=1)
    return _COMPACT_VERSIONS[version]


def _check_first_line(line: str) -> None:
    """Refuse what is no RINEX observation file of a version that is read."""
    encoded = line.rstrip().encode("latin-1", "replace")
    if label_of(line) != _FIRST_LABEL:
        raise ReadError(Reason.NOT_RINEX, f"no {_FIRST_LABEL} in the first line", line=1, first_bytes=encoded)
    if line[20:21].upper() != "O":
        raise ReadError(Reason.NOT_OBSERVATIONS, f"file type {line[20:40].strip()!r}", line=1, first_bytes=encoded)
    if not _is_supported(line[:20].strip()):
        raise ReadError(Reason.UNSUPPORTED_VERSION, f"version {line[:20].strip()!r}", line=1, first_bytes=encoded)


def _is_supported(version: str) -> bool:
    """Whether it is 1, 2.00 to 2.20, 3.00 to 3.09 or 4.00 to 4.09."""
    try:
        hundredths = round(float(version) * 100)
    except (ValueError, OverflowError):
        return False
    return 100 <= hundredths <= 220 or 300 <= hundredths <= 309 or 400 <= hundredths <= 409


def _checked(draft: Draft, compact: int) -> Header:
    header = draft.freeze(compact=bool(compact))
    if not any(header.obs_types.values()):
        raise ReadError(Reason.NO_OBS_TYPES, "no observation types are declared")
    return header
