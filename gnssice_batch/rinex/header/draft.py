"""A header while its records are read: what is settled once all of them are there."""

from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final

from gnssice_batch.rinex.header.scales import Scaled, settle_scale
from gnssice_batch.rinex.header.values import Header, PhaseShift, Place
from gnssice_batch.rinex.primitives.time import to_gpst_100ns

_OWN_TIME: Final = {"G": "GPS", "R": "GLO", "E": "GAL", "J": "QZS", "C": "BDT", "I": "IRN", "S": "GPS"}
_LONGEST_COUNT: Final = 3
"""Digits of a number of types: no header lists a thousand."""
_TYPES_A_LINE_2: Final = 9
_TYPES_A_LINE_3: Final = 13
_LISTS: Final = ("phase_shifts", "wavelength_factors", "kept_records")
"""Values of a header to which each record adds one."""


@dataclass(slots=True)
class Draft:
    """A header being read; `Draft.freeze` makes it a `Header`."""

    values: dict[str, Any] = field(default_factory=dict)
    obs_types: dict[str, list[str]] = field(default_factory=dict)
    declared: dict[str, int | None] = field(default_factory=dict)
    """Numbers of types of the lists being read, None where unreadable."""
    first_lines: dict[str, int] = field(default_factory=dict)
    """How many of the types of a list stand in its first line."""
    list_places: dict[str, Place] = field(default_factory=dict)
    scale_factors: dict[str, dict[str, int]] = field(default_factory=dict)
    glonass_fcn: dict[str, int] = field(default_factory=dict)
    unknown_labels: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    fault_place: Place | None = None
    oddities: list[str] = field(default_factory=list)
    line: int = 0
    """Number of the line being read, where it is known."""
    system: str = ""
    """System that continuation lines belong to."""
    shift: PhaseShift | None = None
    scaled: Scaled | None = None
    """The scale factor record being read."""

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
            fault_place=header.fault_place,
            oddities=list(header.oddities),
        )

    def copy(self) -> "Draft":
        """Return a draft of the same records that can be added to."""
        return replace(
            self,
            values=self.values.copy(),
            obs_types={system: codes.copy() for system, codes in self.obs_types.items()},
            declared=self.declared.copy(),
            first_lines=self.first_lines.copy(),
            list_places=self.list_places.copy(),
            scale_factors={system: factors.copy() for system, factors in self.scale_factors.items()},
            glonass_fcn=self.glonass_fcn.copy(),
            unknown_labels=self.unknown_labels.copy(),
            faults=self.faults.copy(),
            oddities=self.oddities.copy(),
        )

    def freeze(self, *, compact: bool = False) -> Header:
        """Return the header; in CRINEX the declared number of codes rules, in text the longer of number and list."""
        self.check_counts(compact=compact)
        settle_scale(self)
        self._settle_time_system()
        self._settle_repeated()
        own: dict[str, Any] = {
            "obs_types": MappingProxyType({system: tuple(codes) for system, codes in self.obs_types.items()}),
            "scale_factors": MappingProxyType(
                {system: MappingProxyType(factors) for system, factors in self.scale_factors.items()}
            ),
            "glonass_fcn": MappingProxyType(self.glonass_fcn),
            "unknown_labels": MappingProxyType(self.unknown_labels),
            "faults": tuple(dict.fromkeys(self.faults)),
            "fault_place": self.fault_place,
            "oddities": tuple(dict.fromkeys(self.oddities)),
        }
        return Header(**self.values, **own)

    def fault(self, sentence: str, line: str = "") -> None:
        """Note what is wrong with a record so that values are lost or in doubt; `line` is the record."""
        self.faults.append(sentence)
        if line and self.fault_place is None:
            self.fault_place = self._place(line)

    def _place(self, line: str) -> Place:
        return Place(self.line, line.rstrip().encode("latin-1", "replace")[:80])

    def begin_types(self, system: str, count: str, line: str) -> None:
        """Begin a system's list of observation types; one that stands there already is replaced."""
        if system in self.declared:
            self.fault(f"observation types of {_whose(system)} declared twice", line)
        self.declared[system] = int(count) if count.isdecimal() and len(count) <= _LONGEST_COUNT else None
        if self.declared[system] is None:
            self.fault(f"number of observation types of {_whose(system)} can't be read", line)
        self.obs_types[system] = []
        self.first_lines.pop(system, None)
        self.list_places[system] = self._place(line)

    def add_types(self, system: str, codes: list[str]) -> None:
        """Add a line of observation types to a system's list."""
        listed = self.obs_types[system]
        listed.extend(codes)
        self.first_lines.setdefault(system, len(listed))

    def check_counts(self, *, compact: bool) -> None:
        """Settle the lists of observation types, once each."""
        for system, count in self.declared.items():
            codes = self.obs_types[system]
            if count is not None and len(codes) != count:
                self.fault(f"{count} observation types declared for {_whose(system)}, {len(codes)} listed")
                self.fault_place = self.fault_place or self.list_places.get(system)
                _fit(codes, count, self.first_lines.get(system, 0), system, compact=compact)
            twice = sorted({code for code in codes if code and codes.count(code) > 1})
            if twice:
                self.oddities.append(f"observation types of {_whose(system)} listed twice: {' '.join(twice)}")
            if any(code != code.upper() for code in codes):
                self.oddities.append(f"observation types of {_whose(system)} in lower case are read as upper case")
        self.declared.clear()

    def _settle_time_system(self) -> None:
        """Take the time system from the file's satellite system where no record has said it, then convert the times."""
        if self.values.get("time_system_source", "assumed") != "header":
            letter = self.values.get("file_system", "G")
            self.values["time_system"] = _OWN_TIME.get(letter, "GPS")
            self.values["time_system_source"] = "file_system" if letter in _OWN_TIME else "assumed"
        for name in ("time_first_100ns", "time_last_100ns"):
            calendar = self.values.get(name)
            if isinstance(calendar, Calendar):
                self.values[name] = to_gpst_100ns(calendar, self.values["time_system"])

    def _settle_repeated(self) -> None:
        """Leave one of equal records, the last: an event may repeat a header, and what stands last holds."""
        for name in _LISTS:
            if name in self.values:
                self.values[name] = tuple(dict.fromkeys(reversed(self.values[name])))[::-1]


def _whose(system: str) -> str:
    return system or "all systems"


def _fit(codes: list[str], count: int, first: int, system: str, *, compact: bool) -> None:
    """Make a list of types as long as it has to be; a type whose place in the list is not certain loses its name.

    Where a whole line of the record is missing, or where it lists more types than it declares and some of them twice,
    a line is lost or double, and what all lines but the first list may stand in the place of other types.
    """
    lost = count - len(codes) >= (_TYPES_A_LINE_2 if system == "" else _TYPES_A_LINE_3)
    double = len(codes) > count and len(set(codes)) < len(codes)
    if (lost or double) and len(codes) > first:
        del codes[first:]
    codes.extend([""] * (count - len(codes)))
    if compact:
        del codes[count:]


class Calendar(int):
    """A time not yet converted to GPS time."""

    __slots__ = ()
