"""What the body needs of a header: types, scale factors, time system (RINEX 2 table A1; RINEX 3 or 4 table A2)."""

from dataclasses import dataclass, field
from typing import Final

from gnssice_batch.rinex.plain.scales import Scales
from gnssice_batch.rinex.plain.values import DeclinedError

TIME_SYSTEMS: Final = {"GPS": "GPS", "GLO": "UTC", "UTC": "UTC", "GAL": "GPS", "QZS": "GPS", "IRN": "GPS", "BDT": "BDT"}
"""What a time system is written like: GPS, UTC with its leap seconds, or BDT 14 s behind GPS."""

_OF_SYSTEM: Final = {"R": "UTC", "C": "BDT"}
DECISIVE: Final = (
    *("RINEX VERSION / TYPE", "# / TYPES OF OBSERV", "SYS / # / OBS TYPES", "SYS / SCALE FACTOR", "OBS SCALE FACTOR"),
    *("MARKER NAME", "TIME OF FIRST OBS", "END OF HEADER"),
)
"""Labels that change how what follows is read, or whose it is."""

_CLOSED: Final = {name.replace(" ", ""): name for name in DECISIVE}
"""These labels without their blanks, which some programs write as they like."""


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
    scales: Scales = field(default_factory=Scales)
    system: str = ""
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
        return self.scales.of("" if self.major < 3 else system, code)


def label(line: str) -> str:
    """The label of a header record; that of a decisive one as the format writes it, whatever blanks are in it."""
    written = line[60:80].strip()
    return _CLOSED.get(written.replace(" ", "").upper(), written)


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
        header.scales.take_3(line)
    elif name == "OBS SCALE FACTOR":
        header.scales.take_2(line)
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


def _checked(header: Header, lines: list[str]) -> Header:
    """Refuse what is no header of one file, and settle its time system."""
    lists = [(len(header.types[system]), len(set(header.types[system])), header.counts[system])
             for system in header.types]  # fmt: skip
    if not header.version or not lists or any(len(set(one)) != 1 for one in lists):
        raise DeclinedError("its types are not listed as the format says")
    if not header.scales.are_of(header.types):
        raise DeclinedError("its scale factors are not those of its types")
    if len({line for line in lines if label(line) == "MARKER NAME"}) > 1:
        raise DeclinedError("more than one marker")
    header.time_system = header.time_system or _OF_SYSTEM.get(header.file_system, "GPS")
    if header.time_system == "?":
        raise DeclinedError("an unknown time system")
    return header
