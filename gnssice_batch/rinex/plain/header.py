"""What the body needs of a header: types, scale factors, time system (RINEX 2 table A1; RINEX 3 or 4 table A2)."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gnssice_batch.rinex.plain.values import DeclinedError

TIME_SYSTEMS: Final = {"GPS": "GPS", "GLO": "UTC", "UTC": "UTC", "GAL": "GPS", "QZS": "GPS", "IRN": "GPS", "BDT": "BDT"}
"""What a time system is written like: GPS, UTC with its leap seconds, or BDT 14 s behind GPS."""

_OF_SYSTEM: Final = {"R": "UTC", "C": "BDT"}
_SCALES: Final = (1, 10, 100, 1000)
DECISIVE: Final = (
    *("RINEX VERSION / TYPE", "# / TYPES OF OBSERV", "SYS / # / OBS TYPES", "SYS / SCALE FACTOR", "OBS SCALE FACTOR"),
    *("MARKER NAME", "TIME OF FIRST OBS", "END OF HEADER"),
)
"""Labels that change how what follows is read, or whose it is."""


class _Scaled(NamedTuple):
    """A scale factor record."""

    system: str
    factor: int
    left: int
    """Codes that are declared and not listed yet."""


@dataclass(slots=True)
class Header:
    """A header as far as it was read."""

    version: str = ""
    compact: int = 0
    """Major version of CRINEX, 0 for text."""
    file_system: str = "G"
    time_system: str = ""
    types: dict[str, list[str]] = field(default_factory=dict)
    """By system; RINEX 2 has one list, under the empty string."""
    counts: dict[str, int] = field(default_factory=dict)
    scales: dict[tuple[str, str], int] = field(default_factory=dict)
    """By system and code; the empty code is for all others of the system."""
    system: str = ""
    scaled: _Scaled = field(default_factory=lambda: _Scaled("", 1, 0))
    """The scale factor record being read."""
    end: int = 0
    """Where the body begins."""

    @property
    def major(self) -> int:
        """Major version of RINEX."""
        return int(float(self.version))

    @property
    def has_picoseconds(self) -> bool:
        """Whether epochs may have five more digits of time (RINEX 4.02 on)."""
        return float(self.version) >= 4.02

    def codes(self, system: str) -> tuple[str, ...]:
        """The codes declared for a system; none if it is not declared."""
        return tuple(self.types.get("" if self.major < 3 else system, ()))

    def scale(self, system: str, code: str) -> int:
        """What values of a code were multiplied by."""
        return self.scales.get((system, code), self.scales.get((system, ""), 1))


def label(line: str) -> str:
    """The label of a header record."""
    return line[60:80].strip()


def read_header(content: bytes) -> Header:
    """Read the header of an unpacked file.

    Raises
    ------
    DeclinedError
        If it is not as the format says.
    """
    end = content.find(b"END OF HEADER")
    end = content.find(b"\n", end) + 1
    if end <= 0 or content.startswith(b"\xef\xbb\xbf"):
        raise DeclinedError("no header that is as the format says")
    lines = content[:end].decode("latin-1").split("\n")[:-1]
    header = Header(end=end)
    line = lines[0]
    try:
        if line[20:40].strip() == "COMPACT RINEX FORMAT":
            header.compact = int(float(line[:20]))
            lines = lines[2:]
        for line in lines:
            _take(header, line)
    except (ValueError, LookupError) as error:
        raise DeclinedError(f"{label(line)} can't be read") from error
    return _checked(header, lines)


def _take(header: Header, line: str) -> None:
    """Read one record."""
    name = label(line)
    if name == "RINEX VERSION / TYPE":
        if header.version or line[20:21] != "O":
            raise ValueError(line)
        header.version = f"{float(line[:20]):.2f}"
        header.file_system = line[40:41].strip() or "G"
    elif name == "# / TYPES OF OBSERV":
        _take_types(header, "" if line[:6].strip() else None, line[:6], line[6:60])
    elif name == "SYS / # / OBS TYPES":
        _take_types(header, line[0].strip() or None, line[3:6], line[6:60])
    elif name == "SYS / SCALE FACTOR":
        _take_scale(header, line)
    elif name == "OBS SCALE FACTOR":
        raise ValueError(line)
    elif name == "TIME OF FIRST OBS":
        words = [word for word in line[43:60].split() if not word.isdigit()]
        header.time_system = TIME_SYSTEMS.get(" ".join(words), "?") if words else ""


def _take_types(header: Header, system: str | None, count: str, codes: str) -> None:
    """Read observation types; no system: those of the line before go on."""
    if system is not None:
        if system in header.types:
            raise ValueError(codes)
        header.system, header.counts[system], header.types[system] = system, int(count), []
    header.types[header.system].extend(codes.split())


def _take_scale(header: Header, line: str) -> None:
    """Read A1, 1X, I4, 2X, I2, then 12 codes a line; no codes means all of the system; a blank line says nothing."""
    codes = line[10:60].split()
    begins = line[:10].strip() != ""
    if begins:
        system, factor, left = line[0], int(line[1:6]), int(line[6:10].strip() or 0)
        if system == " " or factor not in _SCALES or header.scaled.left:
            raise ValueError(line)
        header.scaled = _Scaled(system, factor, left)
        if not codes and not left:
            codes = _all_types(header, line)
    left = header.scaled.left - sum(map(bool, codes))
    if left < 0:
        raise ValueError(line)
    header.scaled = header.scaled._replace(left=left)
    header.scales.update(((header.scaled.system, code), header.scaled.factor) for code in codes)


def _all_types(header: Header, line: str) -> list[str]:
    """What stands for all types of a system, which has no factors yet."""
    if any(known == header.scaled.system for known, _ in header.scales):
        raise ValueError(line)
    return [""]


def _is_strange(header: Header, system: str, code: str) -> bool:
    """Whether a scale factor, which is not 1, is of a code that is not declared."""
    return header.scales[system, code] != 1 and (not header.codes(system) or code not in ("", *header.codes(system)))


def _checked(header: Header, lines: list[str]) -> Header:
    """Refuse what is no header of one file, and settle its time system."""
    lists = [(len(header.types[system]), len(set(header.types[system])), header.counts[system])
             for system in header.types]  # fmt: skip
    if not header.version or not lists or any(len(set(one)) != 1 for one in lists):
        raise DeclinedError("its types are not listed as the format says")
    if header.scaled.left or any(_is_strange(header, *scaled) for scaled in header.scales):
        raise DeclinedError("its scale factors are not those of its types")
    if len({line for line in lines if label(line) == "MARKER NAME"}) > 1:
        raise DeclinedError("more than one marker")
    header.time_system = header.time_system or _OF_SYSTEM.get(header.file_system, "GPS")
    if header.time_system == "?":
        raise DeclinedError("an unknown time system")
    return header
