"""Arrays to RINEX observation text of version 2, 3 or 4, and to CRINEX: what the reader is tested to give back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import hatanaka

Cell = tuple[int | None, int | None, int | None]
"""Value in thousandths as written, LLI, SSI; None is a blank."""

GPS_EPOCH = datetime(1980, 1, 6)  # noqa: DTZ001 - calendar dates as written
BEHIND_GPST_S = {"GPS": 0, "GAL": 0, "QZS": 0, "BDT": 14, "GLO": 18}
"""Seconds that a time system is behind GPS time (GLONASS since 2017)."""


@dataclass(frozen=True)
class Epoch:
    """Flag 0 or 1, and the fields of each satellite by declared type."""

    time_100ns: int
    """GPS time since 1980-01-06."""
    records: dict[str, tuple[Cell, ...]]
    flag: int = 0
    clock_ps: int | None = None


@dataclass(frozen=True)
class Event:
    """Flags 2 to 5: header records, with or without a time."""

    flag: int
    lines: tuple[str, ...]
    time_100ns: int | None = None


@dataclass(frozen=True)
class Slips:
    """Flag 6: cycle slip records, written like observations."""

    epoch: Epoch


@dataclass(frozen=True)
class TypeChange:
    """Flag 4 with the observation types of one system (of all in RINEX 2)."""

    system: str
    codes: tuple[str, ...]


Item = Epoch | Event | Slips | TypeChange


@dataclass(frozen=True)
class File:
    """A RINEX observation file."""

    version: str
    types: dict[str, tuple[str, ...]]
    """Declared types by system; in RINEX 2 all under the empty string."""
    items: tuple[Item, ...]
    scales: dict[tuple[str, str], int] = field(default_factory=dict)
    """Scale factors by system and type (RINEX 3)."""
    time_system: str = "GPS"
    marker: str = "TEST"
    newline: str = "\n"
    trimmed: bool = True
    """Whether lines end at the last character that is no blank."""
    wrapped: bool = False
    """Whether the lines of RINEX 3 are wrapped at 80 columns, against the format."""
    last_newline: bool = True
    """Whether the last line has a line end too; an empty one has it anyway, or it would not be there."""

    @property
    def major(self) -> int:
        return int(self.version[0])

    def systems(self) -> str:
        """Return the letters of the satellite systems in the file."""
        return "".join(system for system in self.types if system) or "GR"


def text(file: File) -> bytes:
    """Return the file as RINEX."""
    lines = [*header(file), *(line for block in body(file) for line in block)]
    written = [line.rstrip() if file.trimmed else line for line in lines]
    return (file.newline.join(written) + (file.newline if file.last_newline or not written[-1] else "")).encode(
        "latin-1"
    )


def compact(file: File) -> bytes:
    """Return the file as CRINEX, by the program of those who made the format.

    It does not know RINEX 4, whose body is that of RINEX 3; CRINEX 3.1 differs from 3.0 in allowing it only.
    """
    written = text(replace(file, newline="\n", last_newline=True))
    if file.major == 4:
        written = written.replace(file.version.rjust(9).encode(), b"     3.05", 1)
    packed = bytes(hatanaka.rnx2crx(written))
    if file.major == 4:
        packed = packed.replace(b"3.0 ", b"3.1 ", 1).replace(b"     3.05", file.version.rjust(9).encode(), 1)
    return packed.replace(b"\n", file.newline.encode())


def labelled(content: str, label: str) -> str:
    """Return a header record."""
    return f"{content[:60]:<60}{label:<20}"


def header(file: File) -> Iterator[str]:
    """Yield the header records."""
    version = f"{file.version:>9}{'':11}{'OBSERVATION DATA':<20}M (MIXED)"
    yield labelled(version, "RINEX VERSION / TYPE")
    yield labelled("writer              tests               20250101 000000 UTC", "PGM / RUN BY / DATE")
    yield labelled(file.marker, "MARKER NAME")
    for system, codes in file.types.items():
        yield from types(system, codes)
    for (system, code), factor in file.scales.items():
        yield labelled(f"{system} {factor:4d}  {1:2d} {code}", "SYS / SCALE FACTOR")
    first = next((item.time_100ns for item in file.items if isinstance(item, Epoch)), 0)
    date, units = calendar(first, file.time_system)
    fields = "".join(f"{part:6d}" for part in (date.year, date.month, date.day, date.hour, date.minute))
    yield labelled(f"{fields}{units // 10**7:5d}.{units % 10**7:07d}     {file.time_system}", "TIME OF FIRST OBS")
    yield labelled("", "END OF HEADER")


def types(system: str, codes: Sequence[str]) -> Iterator[str]:
    """Yield the header records that declare types: 9 a line in RINEX 2, 13 from RINEX 3 on."""
    each = 13 if system else 9
    for first in range(0, len(codes), each):
        part = codes[first : first + each]
        if system:
            start = f"{system}  {len(codes):3d}" if first == 0 else " " * 6
            yield labelled(start + "".join(f" {code}" for code in part), "SYS / # / OBS TYPES")
        else:
            start = f"{len(codes):6d}" if first == 0 else " " * 6
            yield labelled(start + "".join(f"{code:>6}" for code in part), "# / TYPES OF OBSERV")


def body(file: File) -> Iterator[list[str]]:
    """Yield the lines of each item."""
    for item in file.items:
        if isinstance(item, Epoch):
            yield epoch_lines(file, item, item.flag)
        elif isinstance(item, Slips):
            yield epoch_lines(file, item.epoch, 6)
        elif isinstance(item, Event):
            yield [event_line(file, item), *item.lines]
        else:
            lines = list(types(item.system, item.codes))
            yield [event_line(file, Event(4, tuple(lines))), *lines]


def calendar(time_100ns: int, time_system: str) -> tuple[datetime, int]:
    """Return the minute of a time in a time system, and the rest in 100 ns."""
    minutes, units = divmod(time_100ns - BEHIND_GPST_S[time_system] * 10**7, 60 * 10**7)
    return GPS_EPOCH + timedelta(minutes=minutes), units


def date_text(file: File, time_100ns: int) -> str:
    """Return date and time as an epoch record begins."""
    date, units = calendar(time_100ns, file.time_system)
    seconds = f"{units // 10**7:3d}.{units % 10**7:07d}"
    if file.major == 2:
        return f" {date:%y} {date.month:2d} {date.day:2d} {date.hour:2d} {date.minute:2d}{seconds}"
    return f"> {date:%Y %m %d %H %M}{seconds}"


def event_line(file: File, event: Event) -> str:
    """Return the epoch record of an event."""
    if event.time_100ns is not None:
        date = date_text(file, event.time_100ns)
    else:
        date = " " * 26 if file.major == 2 else f"{'>':<29}"
    return f"{date}  {event.flag}{len(event.lines):3d}"


def epoch_lines(file: File, epoch: Epoch, flag: int) -> list[str]:
    """Return the lines of an epoch."""
    start = f"{date_text(file, epoch.time_100ns)}  {flag}{len(epoch.records):3d}"
    if file.major > 2:
        clock = "" if epoch.clock_ps is None else f"{'':6}{decimal(epoch.clock_ps, 12):>15}"
        return [
            start + clock,
            *(line for sv, cells in epoch.records.items() for line in satellite_lines(file, sv, cells)),
        ]
    svs = list(epoch.records)
    lines = [f"{start}{''.join(svs[:12]):<36}"]
    if epoch.clock_ps is not None:
        lines[0] += f"{decimal(epoch.clock_ps // 1000, 9):>12}"
    lines += [f"{'':32}{''.join(svs[first : first + 12])}" for first in range(12, len(svs), 12)]
    for cells in epoch.records.values():
        lines += [fields(cells[first : first + 5]) for first in range(0, len(cells), 5)]
    return lines


def satellite_lines(file: File, sv: str, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the one line of a satellite in RINEX 3, or those that it is wrapped into."""
    each = 4 if file.wrapped else len(cells)
    for first in range(0, len(cells), each):
        yield ("   " if first else sv) + fields(cells[first : first + each])


def fields(cells: Sequence[Cell]) -> str:
    """Return the fields of a satellite: F14.3 and two indicators each."""
    return "".join(
        ("" if value is None else decimal(value, 3)).rjust(14) + blank_or(lli) + blank_or(ssi)
        for value, lli, ssi in cells
    )


def blank_or(indicator: int | None) -> str:
    return " " if indicator is None else str(indicator)


def decimal(value: int, digits: int) -> str:
    """Return an integer divided by a power of ten, exactly."""
    whole, rest = divmod(abs(value), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{digits}d}"
