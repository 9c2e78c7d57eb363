"""Header records parsed into a header (RINEX 2 table A1; RINEX 3 or 4 table A2)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from gnssice_batch.rinex.header.values import Header, PhaseShift, WavelengthFactor
from gnssice_batch.rinex.primitives.time import (
    DAY_100NS,
    GPS_EPOCH,
    MINUTE_100NS,
    SECOND_100NS,
    TIME_SYSTEMS,
    days_in_month,
    days_since_gps_epoch,
    to_gpst_100ns,
)
from gnssice_batch.signals import SYSTEMS

LABEL_COLUMN: Final = 60

_OWN_TIME: Final = {"G": "GPS", "R": "GLO", "E": "GAL", "J": "QZS", "C": "BDT", "I": "IRN", "S": "GPS"}
_TIME_NAMES: Final = {**{name: name for name in TIME_SYSTEMS}, "UTC": "GLO", "BDS": "BDT", "GLN": "GLO"}
_TIME_SYSTEM_COLUMN: Final = 48
_SCALES: Final = (1, 10, 100, 1000)


@dataclass(slots=True)
class Draft:
    """A header being read; `Draft.freeze` makes it a `Header`."""

    values: dict[str, Any] = field(default_factory=dict)
    obs_types: dict[str, list[str]] = field(default_factory=dict)
    declared: dict[str, int] = field(default_factory=dict)
    scale_factors: dict[str, dict[str, int]] = field(default_factory=dict)
    glonass_fcn: dict[str, int] = field(default_factory=dict)
    unknown_labels: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    system: str = ""
    """System that continuation lines belong to."""
    shift: PhaseShift | None = None
    scaled: tuple[str, int, int] = ("", 1, 0)
    """System, factor and outstanding codes of the scale factor record being read."""

    @classmethod
    def of(cls, header: Header) -> "Draft":
        """Return a draft to which later header records can be added."""
        own = {item.name for item in fields(cls)}
        values = {item.name: getattr(header, item.name) for item in fields(header) if item.name not in own}
        return cls(
            values=values,
            obs_types={system: list(codes) for system, codes in header.obs_types.items()},
            scale_factors={system: dict(factors) for system, factors in header.scale_factors.items()},
            glonass_fcn=dict(header.glonass_fcn),
            unknown_labels=dict(header.unknown_labels),
            faults=list(header.faults),
            oddities=list(header.oddities),
        )

    def copy(self) -> "Draft":
        """Return a draft of the same records that can be added to."""
        return replace(
            self,
            values=self.values.copy(),
            obs_types={system: codes.copy() for system, codes in self.obs_types.items()},
            declared=self.declared.copy(),
            scale_factors={system: factors.copy() for system, factors in self.scale_factors.items()},
            glonass_fcn=self.glonass_fcn.copy(),
            unknown_labels=self.unknown_labels.copy(),
            faults=self.faults.copy(),
            oddities=self.oddities.copy(),
        )

    def freeze(self, *, compact: bool = False) -> Header:
        """Return the header; in CRINEX the declared number of codes rules, in text the longer of number and list."""
        self.check_counts(compact=compact)
        self._settle_time_system()
        own: dict[str, Any] = {
            "obs_types": MappingProxyType({system: tuple(codes) for system, codes in self.obs_types.items()}),
            "scale_factors": MappingProxyType(
                {system: MappingProxyType(factors) for system, factors in self.scale_factors.items()}
            ),
            "glonass_fcn": MappingProxyType(self.glonass_fcn),
            "unknown_labels": MappingProxyType(self.unknown_labels),
            "faults": tuple(dict.fromkeys(self.faults)),
            "oddities": tuple(dict.fromkeys(self.oddities)),
        }
        return Header(**self.values, **own)

    def begin_types(self, system: str, count: int) -> None:
        """Begin a system's list of observation types; one that stands there already is replaced."""
        if system in self.declared:
            self.faults.append(f"observation types of {system or 'all systems'} declared twice")
        self.declared[system] = count
        self.obs_types[system] = []

    def check_counts(self, *, compact: bool) -> None:
        """Settle the lists of observation types, once each."""
        for system, count in self.declared.items():
            codes = self.obs_types[system]
            if len(codes) != count:
                whose = system or "all systems"
                self.faults.append(f"{count} observation types declared for {whose}, {len(codes)} listed")
                codes.extend([""] * (count - len(codes)))
                if compact:
                    del codes[count:]
            once = len(set(codes)) == len(codes)
            twice = [] if once else sorted({code for code in codes if code and codes.count(code) > 1})
            if twice:
                self.faults.append(f"observation types of {system or 'all systems'} listed twice: {' '.join(twice)}")
        self.declared.clear()

    def _settle_time_system(self) -> None:
        """Take the time system from the file's satellite system where no record has said it, then convert the times."""
        if self.values.get("time_system_source", "assumed") != "header":
            letter = self.values.get("file_system", "G")
            self.values["time_system"] = _OWN_TIME.get(letter, "GPS")
            self.values["time_system_source"] = "file_system" if letter in _OWN_TIME else "assumed"
        for name in ("time_first_100ns", "time_last_100ns"):
            calendar = self.values.get(name)
            if isinstance(calendar, _Calendar):
                self.values[name] = to_gpst_100ns(calendar, self.values["time_system"])


class _Calendar(int):
    """A time not yet converted to GPS time."""

    __slots__ = ()


def label_of(line: str) -> str:
    """Return the label in columns 61 to 80 of a header line."""
    return line[LABEL_COLUMN : LABEL_COLUMN + 20].strip()


def add(draft: Draft, line: str) -> bool:
    """Read one header line into the draft; False if its label is unknown."""
    label = label_of(line)
    if label in _HARMLESS_LABELS:
        return True
    record = _RECORDS.get(label)
    if record is None:
        draft.unknown_labels[label] = draft.unknown_labels.get(label, 0) + 1
        return False
    try:
        record(draft, line)
    except ValueError:
        draft.faults.append(f"{label} can't be read")
    return True


def add_all(draft: Draft, lines: Iterable[str]) -> Draft:
    """Read header lines into the draft."""
    for line in lines:
        add(draft, line)
    return draft


def _version(draft: Draft, line: str) -> None:
    """Read RINEX VERSION / TYPE; the first one stands, for the format of a file does not change inside it."""
    if "version" in draft.values:
        return
    draft.values["version"] = line[:20].strip()
    letter = line[40:41].strip().upper()
    draft.values["file_system"] = letter if letter in {*SYSTEMS, "M"} else "G"


def _text(name: str, start: int, end: int) -> Callable[[Draft, str], None]:
    def record(draft: Draft, line: str) -> None:
        text = line[start : min(end, LABEL_COLUMN)].strip()
        if text or name not in draft.values:
            draft.values[name] = text

    return record


def _texts(*parts: tuple[str, int, int]) -> Callable[[Draft, str], None]:
    records = [_text(*part) for part in parts]

    def record(draft: Draft, line: str) -> None:
        for one in records:
            one(draft, line)

    return record


def _vector(name: str, *, zero_is_none: bool) -> Callable[[Draft, str], None]:
    def record(draft: Draft, line: str) -> None:
        numbers = [float(word) for word in line[:LABEL_COLUMN].split()[:3]]
        if len(numbers) == 3 and (any(numbers) or not zero_is_none):
            draft.values[name] = tuple(numbers)

    return record


def _interval(draft: Draft, line: str) -> None:
    seconds = float(line[:LABEL_COLUMN].strip().partition(" ")[0] or 0.0)
    if seconds > 0:
        draft.values["interval_s"] = seconds


def _types_2(draft: Draft, line: str) -> None:
    count = line[:6].strip()
    if count:
        draft.begin_types("", int(count))
    draft.obs_types.setdefault("", []).extend(line[6:LABEL_COLUMN].split())


def _types_3(draft: Draft, line: str) -> None:
    if line[0] != " ":
        draft.system = line[0].upper()
        draft.begin_types(draft.system, int(line[3:6]))
    if draft.system:
        draft.obs_types[draft.system].extend(line[6:LABEL_COLUMN].split())


def _scale_factor(draft: Draft, line: str) -> None:
    """Read SYS / SCALE FACTOR: A1, 1X, I4, 2X, I2, then 12 codes a line; no codes means all of the system."""
    system, factor, left = draft.scaled
    if line[0] != " ":
        system, factor = line[0].upper(), int(line[1:6])
        left = int(line[6:10].strip() or 0)
        if factor not in _SCALES:
            draft.faults.append(f"SYS / SCALE FACTOR {factor} is none of 1, 10, 100, 1000")
            factor = 1
    codes = line[10:LABEL_COLUMN].split()
    factors = draft.scale_factors.setdefault(system, {})
    if not codes and left == 0:
        factors.clear()
        factors[""] = factor
    factors.update(dict.fromkeys(codes, factor))
    draft.scaled = (system, factor, left - len(codes))


def _calendar(line: str) -> _Calendar:
    """Read a time as five I6 fields and F13.7, in 100 ns of the calendar it is written in.

    A blank stands before each number, so that they are told apart wherever they begin.
    """
    words = line[:LABEL_COLUMN].split()[:6]
    year, month, day, hour, minute = (int(word) for word in words[:5])
    whole, _, fraction = words[5].partition(".") if len(words) > 5 else ("", "", "")
    in_range = 1 <= month <= 12 and 0 <= hour < 24 and 0 <= minute < 60 and GPS_EPOCH.year <= year < 2200
    if not in_range or not 1 <= day <= days_in_month(year, month):
        raise ValueError(line)
    seconds = int(whole or 0) * SECOND_100NS + int((fraction + "0000000")[:7])
    return _Calendar(days_since_gps_epoch(year, month, day) * DAY_100NS + (hour * 60 + minute) * MINUTE_100NS + seconds)


def _first_time(draft: Draft, line: str) -> None:
    """Read TIME OF FIRST OBS: the time, 5X, then A3 for the time system, which is told by being a word."""
    word = re.search(r"[A-Z]+", line[:LABEL_COLUMN].upper())
    name = _TIME_NAMES.get(word[0][:3]) if word else None
    if name is not None:
        draft.values["time_system"] = name
        draft.values["time_system_source"] = "header"
    if word and name is None:
        draft.oddities.append(f"time system {line[word.start() : word.end()]!r} is not known")
    elif word and word.start() != _TIME_SYSTEM_COLUMN:
        draft.oddities.append(f"time system {name} stands in column {word.start() + 1}, not {_TIME_SYSTEM_COLUMN + 1}")
    draft.values["time_first_100ns"] = _calendar(line[: word.start()] if word else line)


def _last_time(draft: Draft, line: str) -> None:
    draft.values["time_last_100ns"] = _calendar(line)


def _leap_seconds(draft: Draft, line: str) -> None:
    draft.values["leap_seconds"] = int(line[:6])


def _clock_applied(draft: Draft, line: str) -> None:
    draft.values["rx_clock_offset_applied"] = bool(int(line[:6]))


def _glonass_slots(draft: Draft, line: str) -> None:
    """Read GLONASS SLOT / FRQ #: I3, then eight pairs a line of slot and channel."""
    draft.glonass_fcn.update(_slots(line))


@lru_cache(maxsize=4096)
def _slots(line: str) -> tuple[tuple[str, int], ...]:
    words = line[4:LABEL_COLUMN].replace("R ", "R0").split()
    pairs = zip(words[::2], words[1::2], strict=False)
    return tuple((f"R{int(slot.lstrip('R')):02d}", int(channel)) for slot, channel in pairs)


def _phase_shift(draft: Draft, line: str) -> None:
    """Read SYS / PHASE SHIFT: A1, 1X, A3, 1X, F8.5, 2X, I2, then ten satellites a line."""
    known: tuple[PhaseShift, ...] = draft.values.get("phase_shifts", ())
    here = _shift(line)
    if here.system != " ":
        draft.shift = here
        draft.values["phase_shifts"] = (*known, here)
    elif draft.shift is not None:
        draft.shift = draft.shift._replace(svs=draft.shift.svs + here.svs)
        draft.values["phase_shifts"] = (*known[:-1], draft.shift)


@lru_cache(maxsize=4096)
def _shift(line: str) -> PhaseShift:
    cycles = line[6:14].strip() if line[0] != " " else ""
    svs = tuple(line[18:LABEL_COLUMN].split())
    return PhaseShift(line[0], line[2:5].strip(), float(cycles) if cycles else None, svs)


def _wavelength_factor(draft: Draft, line: str) -> None:
    """Read WAVELENGTH FACT L1/2: 2 I6, I6 satellites, then up to seven of them."""
    known: tuple[WavelengthFactor, ...] = draft.values.get("wavelength_factors", ())
    svs = tuple(line[18:LABEL_COLUMN].split())
    if line[:12].strip():
        factor = WavelengthFactor(int(line[:6]), int(line[6:12].strip() or 0), svs)
        draft.values["wavelength_factors"] = (*known, factor)


_RECORDS: Final[dict[str, Callable[[Draft, str], None]]] = {
    "RINEX VERSION / TYPE": _version,
    "MARKER NAME": _text("marker_name", 0, 60),
    "MARKER NUMBER": _text("marker_number", 0, 20),
    "OBSERVER / AGENCY": _texts(("observer", 0, 20), ("agency", 20, 60)),
    "REC # / TYPE / VERS": _texts(("receiver_number", 0, 20), ("receiver_type", 20, 40), ("receiver_version", 40, 60)),
    "ANT # / TYPE": _texts(("antenna_number", 0, 20), ("antenna_type", 20, 40)),
    "APPROX POSITION XYZ": _vector("position_xyz_m", zero_is_none=True),
    "ANTENNA: DELTA H/E/N": _vector("antenna_delta_hen_m", zero_is_none=False),
    "WAVELENGTH FACT L1/2": _wavelength_factor,
    "# / TYPES OF OBSERV": _types_2,
    "SYS / # / OBS TYPES": _types_3,
    "SYS / SCALE FACTOR": _scale_factor,
    "SYS / PHASE SHIFT": _phase_shift,
    "SYS / PHASE SHIFTS": _phase_shift,
    "INTERVAL": _interval,
    "TIME OF FIRST OBS": _first_time,
    "TIME OF LAST OBS": _last_time,
    "LEAP SECONDS": _leap_seconds,
    "SIGNAL STRENGTH UNIT": _text("signal_strength_unit", 0, 20),
    "RCV CLOCK OFFS APPL": _clock_applied,
    "GLONASS SLOT / FRQ #": _glonass_slots,
}

_HARMLESS_LABELS: Final = frozenset(
    {
        "COMMENT",
        "END OF HEADER",
        "PGM / RUN BY / DATE",
        "MARKER TYPE",
        "# OF SATELLITES",
        "PRN / # OF OBS",
        "GLONASS COD/PHS/BIS",
        "GLONASS COD/PHS/BIS#",
        "SYS / DCBS APPLIED",
        "SYS / PCVS APPLIED",
        "ANTENNA: DELTA X/Y/Z",
        "ANTENNA:DELTA X/Y/Z",
        "ANTENNA: PHASECENTER",
        "ANTENNA:PHASECENTER",
        "ANTENNA: B.SIGHT XYZ",
        "ANTENNA: ZERODIR AZI",
        "ANTENNA: ZERODIR XYZ",
        "CENTER OF MASS: XYZ",
        "DOI",
        "LICENSE OF USE",
        "STATION INFORMATION",
        "CRINEX VERS   / TYPE",
        "CRINEX PROG / DATE",
    }
)

KNOWN_LABELS: Final = frozenset(_RECORDS) | _HARMLESS_LABELS
