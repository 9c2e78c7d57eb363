"""A slow and obvious reader of RINEX observation text, written from the specification alone.

It shares nothing with the package's reader, so that the two can be compared. It reads line by line what follows the
format, passes over what does not, and says nothing of why.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

UNITS_PER_SECOND = 10**7
GPS_DAY_0 = date(1980, 1, 6).toordinal()
GPST_MINUS_SECONDS = {"GPS": 0, "GAL": 0, "QZS": 0, "IRN": 0, "BDT": 14}
SYSTEM_TIMES = {"G": "GPS", "R": "GLO", "E": "GAL", "J": "QZS", "C": "BDT", "I": "IRN"}
LEAP_SECONDS = [
    *(date(1981, 7, 1), date(1982, 7, 1), date(1983, 7, 1), date(1985, 7, 1), date(1988, 1, 1), date(1990, 1, 1)),
    *(date(1991, 1, 1), date(1992, 7, 1), date(1993, 7, 1), date(1994, 7, 1), date(1996, 1, 1), date(1997, 7, 1)),
    *(date(1999, 1, 1), date(2006, 1, 1), date(2009, 1, 1), date(2012, 7, 1), date(2015, 7, 1), date(2017, 1, 1)),
]
"""First days on which GPS time is one second more ahead of UTC."""


@dataclass
class Cell:
    """One field: the value in thousandths (of the scale factor's unit), and both indicators."""

    value: int | Fraction | None
    lli: int | None
    ssi: int | None


@dataclass
class Record:
    """The fields of one satellite at one epoch, as text."""

    sv: str
    codes: list[str]
    scales: list[int]
    text: str

    def cells(self) -> dict[str, Cell]:
        """Return what is written for each declared code; the first one counts if a code is declared twice."""
        cells: dict[str, Cell] = {}
        for index, (code, scale) in enumerate(zip(self.codes, self.scales, strict=True)):
            written = self.text[16 * index : 16 * index + 16].ljust(16)
            cell = Cell(thousandths(written[:14], scale), indicator(written[14]), indicator(written[15]))
            cells.setdefault(code, cell)
        return cells


@dataclass
class Epoch:
    """Epoch and observations, flags 0 and 1."""

    time_100ns: int
    flag: int
    clock_ps: int | None
    count: int
    part: int = 0
    """Number of the header, or of the marker under one header, that the epoch stands under."""
    records: list[Record] = field(default_factory=list)


@dataclass
class Event:
    """Flags 2 to 6: the lines that belong to it."""

    flag: int
    lines: list[str]


@dataclass
class Header:
    """What of the header is needed to read the body."""

    version: Decimal = Decimal(0)
    file_system: str = "G"
    time_system: str = ""
    marker: str = ""
    types: dict[str, list[str]] = field(default_factory=dict)
    scales: dict[tuple[str, str], int] = field(default_factory=dict)
    last_system: str = ""
    last_scale: tuple[str, int] = ("", 1)

    def codes(self, system: str) -> list[str] | None:
        """Return the codes declared for a system, None if it is not declared."""
        return self.types.get("" if self.version < 3 else system)

    def scale(self, system: str, code: str) -> int:
        """Return the scale factor of a code."""
        return self.scales.get((system, code), self.scales.get((system, ""), 1))


def thousandths(text: str, scale: int = 1) -> int | Fraction | None:
    """Return an F14.3 field in thousandths, divided by the scale factor; None if it is blank, 0.0 or no number.

    Missing observations are written as 0.0 or blanks (RINEX 2 table A2, RINEX 3 and 4 table A3).
    """
    text = text.strip()
    if not re.fullmatch(r"[+-]?\d*\.\d{3}", text, re.ASCII):
        return None
    exact = Fraction(Decimal(text)) * 1000 / scale
    return (int(exact) if exact.denominator == 1 else exact) or None


def indicator(character: str) -> int | None:
    """Return an indicator, None if it is blank or no digit."""
    return int(character) if character in "0123456789" else None


def read_content(content: bytes) -> Iterator[Epoch | Event]:
    """Yield the epoch and event records of a RINEX text of any version, in order."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    lines = [line.rstrip(" \0") for line in re.split(r"\r\n|\n|\r", text)]
    if text.endswith(("\n", "\r")):
        lines.pop()
    header, at = read_header(lines, 0)
    part = 0
    while at < len(lines):
        if label(lines[at]) == "RINEX VERSION / TYPE":
            header, at = read_header(lines, at)
            part += 1
            continue
        marker = header.marker
        read = read_record_2 if header.version < 3 else read_record_3
        record, at = read(lines, at, header)
        part += header.marker.casefold() != marker.casefold()
        if isinstance(record, Epoch):
            record.part = part
        if record is not None:
            yield record


def label(line: str) -> str:
    """Return the label of a header record."""
    return line[60:80].strip()


def read_header(lines: list[str], at: int) -> tuple[Header, int]:
    """Read header records up to END OF HEADER; also return the number of the line behind it."""
    header = Header()
    while label(lines[at]) != "END OF HEADER":
        if at + 1 == len(lines):
            raise ValueError("no END OF HEADER")
        apply(header, lines[at])
        at += 1
    if not header.time_system:
        header.time_system = SYSTEM_TIMES.get(header.file_system, "GPS")
    return header, at + 1


def apply(header: Header, line: str) -> None:
    """Put a header record into force."""
    name = label(line)
    if name == "RINEX VERSION / TYPE":
        header.version = Decimal(line[:9].strip())
        header.file_system = line[40:41].strip() or "G"
    elif name == "MARKER NAME":
        header.marker = line[:60].strip()
    elif name == "TIME OF FIRST OBS":
        header.time_system = (re.findall(r"[A-Z]{3}", line[43:60]) or [header.time_system])[0]
    elif name == "# / TYPES OF OBSERV":
        types = line[6:60].split()
        header.types[""] = types if line[:6].strip() else header.types[""] + types
    elif name == "SYS / # / OBS TYPES":
        system = line[0].strip() or header.last_system
        types = line[6:58].split()
        header.types[system] = types if line[0].strip() else header.types[system] + types
        header.last_system = system
    elif name == "SYS / SCALE FACTOR":
        apply_scale(header, line)


def apply_scale(header: Header, line: str) -> None:
    """Put a scale factor into force, for the codes listed or for all of the system."""
    if line[0].strip():
        header.last_scale = (line[0], int(line[2:6]))
    system, factor = header.last_scale
    codes = line[10:58].split()
    if not codes and line[0].strip() and int(line[8:10].strip() or 0) == 0:
        header.scales = {key: value for key, value in header.scales.items() if key[0] != system}
        codes = [""]
    for code in codes:
        header.scales[system, code] = factor


def time_of(fields: list[str], time_system: str) -> int | None:
    """Return GPS time in 100 ns of year, month, day, hour, minute, seconds; None if they are no time."""
    *calendar, second_text = (part.strip() for part in fields)
    if not all(re.fullmatch(r"\d+", part) for part in calendar) or not re.fullmatch(r"\d+\.?\d*|\.\d+", second_text):
        return None
    year, month, day, hour, minute = (int(part) for part in calendar)
    try:
        the_date = date(year, month, day)
    except ValueError:
        return None
    second = Fraction(Decimal(second_text))
    leap = time_system == "GLO" and (hour, minute) == (23, 59) and 60 <= second < 61
    if hour > 23 or minute > 59 or (second >= 60 and not leap):
        return None
    if time_system == "GLO":
        ahead = sum(the_date >= first for first in LEAP_SECONDS)
    else:
        ahead = GPST_MINUS_SECONDS[time_system]
    seconds = (the_date.toordinal() - GPS_DAY_0) * 86400 + hour * 3600 + minute * 60 + ahead
    return seconds * UNITS_PER_SECOND + int(second * UNITS_PER_SECOND)


def picoseconds(text: str) -> int | None:
    """Return a receiver clock offset, None if blank."""
    return int(Decimal(text.strip()) * 10**12) if text.strip() else None


def record_of(sv: str, text: str, header: Header) -> Record | None:
    """Return the record of a satellite, None if its system is not declared."""
    codes = header.codes(sv[0])
    if codes is None:
        return None
    return Record(sv, codes, [header.scale(sv[0], code) for code in codes], text)


def event_of(flag: int, lines: list[str], at: int, count: int, header: Header) -> tuple[Event, int]:
    """Read the header records of an event."""
    taken = lines[at : at + count]
    for line in taken:
        apply(header, line)
    return Event(flag, taken), at + len(taken)


# RINEX 3 and 4


def read_record_3(lines: list[str], at: int, header: Header) -> tuple[Epoch | Event | None, int]:
    """Read the record that begins at a line; a line that begins none is passed over."""
    line = lines[at].ljust(56)
    if line[0] != ">" or not re.fullmatch(r" *\d+ *", line[32:35]) or line[31] not in " 0123456":
        return None, at + 1
    flag, count = int(line[31].strip() or 0), int(line[32:35])
    if flag in {2, 3, 4, 5}:
        return event_of(flag, lines, at + 1, count, header)
    end = at + 1
    while end < len(lines) and not lines[end].startswith(">") and label(lines[end]) != "RINEX VERSION / TYPE":
        end += 1
    body = lines[at + 1 : end]
    time = time_of([line[2:6], line[7:9], line[10:12], line[13:15], line[16:18], line[18:29]], header.time_system)
    if flag == 6:
        return Event(flag, body), end
    if time is None:
        return None, end
    if end == len(lines) and sum(map(bool, body)) < count:
        return None, end
    epoch = Epoch(time, flag, picoseconds(line[41:56]), count)
    epoch.records = [record for body_line in body if (record := record_of_line(body_line, header))]
    return epoch, end


def record_of_line(line: str, header: Header) -> Record | None:
    """Return the record of a RINEX 3 observation line, None if it is none."""
    match = re.match(r"([A-Z])([ \d]\d)", line)
    return record_of(f"{match[1]}{int(match[2]):02d}", line[3:], header) if match else None


# RINEX 1 and 2

EPOCH_2 = re.compile(r" [ \d]\d( [ \d]\d){4}[ \d.]{11}..[ 0-6][ \d]{3}", re.ASCII)
EVENT_2 = re.compile(r" {28}[2-6][ \d]{3}", re.ASCII)
LIST_2 = re.compile(r" {32}(?P<names>([A-Z ][ \d]\d)+)", re.ASCII)
"""A line that goes on with the satellites of an epoch (table A2: 32X, 12(A1,I2))."""
VALUE_2 = re.compile(r"(.{16})*.{10}\.")


def read_record_2(lines: list[str], at: int, header: Header) -> tuple[Epoch | Event | None, int]:
    """Read the record that begins at a line; a line that begins none is passed over."""
    line = lines[at].ljust(80)
    if not begins_2(line) or not line[29:32].strip().isdigit():
        return None, at + 1
    flag, count = int(line[28].strip() or 0), int(line[29:32])
    if flag in {2, 3, 4, 5}:
        return event_of(flag, lines, at + 1, count, header)
    end = at + 1
    while end < len(lines) and not begins_2(lines[end].ljust(80)) and not is_header_record(lines[end]):
        end += 1
    body = [body_line for body_line in lines[at + 1 : end] if label(body_line) != "COMMENT"]
    if flag == 6:
        return Event(flag, body), end
    time = time_of_2(line, header)
    svs, body = satellites_2(line, body, count, header)
    texts = None if time is None else satellite_texts_2(body, len(svs), (len(header.types[""]) + 4) // 5)
    if texts is None:
        return None, end
    names_and_texts = zip(svs, texts, strict=True)
    epoch = Epoch(time, flag, picoseconds(line[68:80]), count)
    epoch.records = [record for sv, text in names_and_texts if sv and (record := record_of(sv, text, header))]
    return epoch, end


def begins_2(line: str) -> bool:
    """Tell whether a line is an epoch or event record."""
    return bool(EPOCH_2.match(line) or EVENT_2.match(line)) and label(line) != "COMMENT"


def is_header_record(line: str) -> bool:
    """Tell whether a line is a header record other than a comment."""
    return bool(re.match(r"[A-Z#]", line[60:])) and label(line) != "COMMENT"


def satellite_texts_2(body: list[str], satellites: int, lines_each: int) -> list[str] | None:
    """Return the fields of each satellite, lines joined; None where the lines are not just as many as are needed."""
    needed = satellites * lines_each
    own, rest = body[:needed], body[needed:]
    groups = [own[first : first + lines_each] for first in range(0, needed, lines_each)]
    if len(own) < needed or any(LIST_2.fullmatch(line) for line in own):
        return None
    if rest and not rest[0] and (any(rest) or not all(group[0] for group in groups)):
        return None
    if rest and VALUE_2.match(rest[0]):
        return None
    return ["".join(line.ljust(80)[:80] for line in group) for group in groups]


def time_of_2(line: str, header: Header) -> int | None:
    """Return the time of an epoch line with a year of two digits."""
    if not re.fullmatch(r"[ \d]\d", line[1:3]):
        return None
    year = int(line[1:3])
    fields = [str(year + (1900 if year >= 80 else 2000)), line[4:6], line[7:9], line[10:12], line[13:15], line[15:26]]
    return time_of(fields, header.time_system)


def satellites_2(line: str, body: list[str], count: int, header: Header) -> tuple[list[str], list[str]]:
    """Read the satellites of an epoch, an empty name for one that is unreadable; also return the lines behind them."""
    names = line[32:68].rstrip()
    while len(names) < 3 * count and body and (more := LIST_2.fullmatch(body[0])):
        names, body = names.ljust(len(names) + -len(names) % 3) + more["names"], body[1:]
    own_system = header.file_system if header.file_system != "M" else "G"
    tokens = [names[first : first + 3] for first in range(0, len(names), 3)]
    tokens = tokens[:count] + [token for token in tokens[count:] if re.fullmatch(r"[A-Z][ \d]\d", token)]
    return [satellite_name(token, own_system) for token in tokens], body


def satellite_name(token: str, own_system: str) -> str:
    """Return the full name of a satellite; nothing if it is none."""
    match = re.fullmatch(r"([A-Z ])([ \d]\d)", token, re.ASCII)
    return f"{match[1].strip() or own_system}{int(match[2]):02d}" if match and int(match[2]) else ""
