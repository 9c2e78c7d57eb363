"""The epochs of a body located, with the lines of each satellite: what all layouts have in common."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.plain.header import DECISIVE, Header, label
from gnssice_batch.rinex.plain.values import Bytes, DeclinedError, Integers
from gnssice_batch.signals import SYSTEMS

NEWLINE, SPACE, MINUS, DOT, ZERO = 10, 32, 45, 46, 48
PADDING = 128
"""Line feeds behind the text, so that a window that begins in it ends in it."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A body as bytes, and where its L lines begin and end."""

    content: bytes
    text: Bytes
    start: Integers
    """(L,)"""
    end: Integers
    """(L,) without the line feed."""

    @classmethod
    def of(cls, content: bytes) -> "Lines":
        """The lines of a body whose last one has a line feed too."""
        text = np.frombuffer(content + b"\n" * PADDING, np.uint8)
        end = np.flatnonzero(text[: len(content)] == NEWLINE)
        return cls(content, text, np.concatenate(([0], end[:-1] + 1)), end)

    def __len__(self) -> int:
        return self.end.size

    def line(self, number: int) -> bytes:
        """One of them."""
        return self.content[self.start.item(number) : self.end.item(number)]


class Epoch(NamedTuple):
    """An epoch as it is found."""

    time_100ns: int
    flag: int
    names: bytes
    """Its satellites, three characters each."""
    first_line: int
    """Line of the first of them."""
    clock_ps: int
    time_ps: int
    chain: int = 0
    """Number of the whole epoch line that it goes on from (CRINEX)."""


@dataclass(frozen=True, slots=True)
class Body:
    """The epochs of a body, in the order of the file."""

    epochs: list[Epoch]
    lines_each: int = 1
    """Lines of a satellite."""


@dataclass(frozen=True, slots=True)
class Rows:
    """R satellite records, satellite by satellite, each in the order of the file."""

    sv: npt.NDArray[np.int16]
    """(R,) 100 times the number of the system, plus that of the satellite."""
    epoch: npt.NDArray[np.intp]
    """(R,)"""
    line: npt.NDArray[np.intp]
    """(R,) the first line of each."""

    def part(self, first: int, last: int) -> "Rows":
        """Some of them."""
        return Rows(self.sv[first:last], self.epoch[first:last], self.line[first:last])


def cardinal(field_: bytes) -> int:
    """A number of digits and blanks around them.

    Raises
    ------
    DeclinedError
        If it is none.
    """
    text = field_.strip()
    if not text.isdigit():
        raise DeclinedError("a number that is none in an epoch record")
    return int(text)


def picoseconds(written: bytes, header: Header) -> int:
    """What stands behind a receiver clock offset: five digits of time, or nothing.

    Raises
    ------
    DeclinedError
        If it is anything else, or the version has no place for it.
    """
    if not written.strip():
        return 0
    if not header.has_picoseconds or len(written.rstrip()) != 5:
        raise DeclinedError("something behind a receiver clock offset")
    return cardinal(written)


def flag_of(character: bytes) -> int:
    """An epoch flag; a blank one is 0."""
    return cardinal(character) if character.strip() else 0


def skip_event(lines: Lines, number: int, count: int) -> int:
    """Step over the header records that an event has announced; the number of the line behind them.

    Raises
    ------
    DeclinedError
        If one of them changes how what follows is read.
    """
    if number + count > len(lines):
        raise DeclinedError("it ends inside an event")
    for one in range(number, number + count):
        name = label(lines.line(one).decode("latin-1"))
        if not name or name in DECISIVE:
            raise DeclinedError(f"an event with {name or 'a record without a label'}")
    return number + count


def rows_of(body: Body, default_system: str) -> Rows:
    """The records of all satellites, satellite by satellite.

    Raises
    ------
    DeclinedError
        If a name is none, or stands twice in an epoch.
    """
    count = np.array([len(epoch.names) // 3 for epoch in body.epochs], np.intp)
    sv = _satellites(b"".join(epoch.names for epoch in body.epochs), default_system)
    epoch = np.repeat(np.arange(count.size), count)
    first = np.array([one.first_line for one in body.epochs], np.intp)
    within = np.arange(sv.size) - np.repeat(np.cumsum(count) - count, count)
    line = first[epoch] + within * body.lines_each
    order = np.argsort(sv, kind="stable")
    rows = Rows(sv[order], epoch[order], line[order])
    if ((np.diff(rows.sv) == 0) & (np.diff(rows.epoch) == 0)).any():
        raise DeclinedError("a satellite stands twice in an epoch")
    return rows


def _satellites(names: bytes, default_system: str) -> npt.NDArray[np.int16]:
    """(R,) satellites from their names A1, I2; a blank system is the file's."""
    letters, tens, ones = np.frombuffer(names, np.uint8).reshape(-1, 3).T
    system_of = np.full(256, -1, np.int16)
    system_of[[ord(letter) for letter in SYSTEMS]] = np.arange(len(SYSTEMS))
    system_of[SPACE] = SYSTEMS.find(default_system if default_system != "M" else "G")
    digits = np.full(256, -1000, np.int16)
    digits[ZERO : ZERO + 10] = np.arange(10)
    system, one = system_of[letters], digits[ones]
    digits[SPACE] = 0
    satellite = 10 * digits[tens] + one
    if names and (system.min() < 0 or satellite.min() < 1):
        raise DeclinedError("a satellite that is none")
    return (100 * system + satellite).astype(np.int16)


def name_of(sv: int) -> str:
    """The name of a satellite, e.g. ``G01``."""
    return f"{SYSTEMS[sv // 100]}{sv % 100:02d}"
