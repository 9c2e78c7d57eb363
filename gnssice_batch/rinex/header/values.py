"""The values of a RINEX observation header."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple


def _empty[K, V]() -> Mapping[K, V]:
    return MappingProxyType({})


class PhaseShift(NamedTuple):
    """A SYS / PHASE SHIFT line: the correction that the writer has applied to phases (RINEX 3)."""

    system: str
    code: str
    cycles: float | None
    """None where the line only says that nothing is known."""
    svs: tuple[str, ...] = ()
    """The satellites it holds for; all of the system if empty."""


class WavelengthFactor(NamedTuple):
    """A WAVELENGTH FACT L1/2 line (RINEX 2)."""

    l1: int
    l2: int
    svs: tuple[str, ...] = ()
    """The satellites it holds for; all others if empty."""


UNKNOWN_FACTOR: Final = 0
"""`Header.scale` of a code whose scale factor can't be read: its values are of no known size."""


class Place(NamedTuple):
    """A line of the file."""

    line: int
    """Counted from 1 in the unpacked file, or 0 where it is not known."""
    first_bytes: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a RINEX observation file, or what is in force after header records inside the body."""

    version: str = ""
    """As written, e.g. ``3.04``."""
    file_system: str = "G"
    """Letter of the file's satellite system, ``M`` for mixed; a blank in RINEX 2 is ``G``."""
    marker_name: str = ""
    marker_number: str = ""
    receiver_number: str = ""
    receiver_type: str = ""
    receiver_version: str = ""
    antenna_number: str = ""
    antenna_type: str = ""
    observer: str = ""
    agency: str = ""
    position_xyz_m: tuple[float, float, float] | None = None
    """APPROX POSITION XYZ; None where it is absent, unreadable or zero."""
    antenna_delta_hen_m: tuple[float, float, float] | None = None
    obs_types: Mapping[str, tuple[str, ...]] = field(default_factory=_empty)
    """Codes as declared by system letter; RINEX 2 has one list for all systems, under the empty string."""
    interval_s: float | None = None
    time_system: str = "GPS"
    """GPS, GLO (UTC), GAL, QZS, BDT or IRN: what the epochs of the file are written in."""
    time_system_source: str = "assumed"
    """``header`` where TIME OF FIRST OBS says it, ``file_system`` where a file of one system does, else ``assumed``."""
    time_first_100ns: int | None = None
    """TIME OF FIRST OBS in GPS time, 100 ns since 1980-01-06."""
    time_last_100ns: int | None = None
    leap_seconds: int | None = None
    signal_strength_unit: str = ""
    rx_clock_offset_applied: bool | None = None
    """True: epochs, pseudoranges and phases are corrected for the receiver clock offset already."""
    glonass_fcn: Mapping[str, int] = field(default_factory=_empty)
    """GLONASS SLOT / FRQ #: frequency channel by satellite, e.g. ``{"R01": 1}``."""
    scale_factors: Mapping[str, Mapping[str, int]] = field(default_factory=_empty)
    """Scale factors by system and declared code; the empty code holds for all others of the system.

    OBS SCALE FACTOR of RINEX 2.20 stands under the empty system, for all systems that have no factors of their own.
    """
    phase_shifts: tuple[PhaseShift, ...] = ()
    wavelength_factors: tuple[WavelengthFactor, ...] = ()
    unknown_labels: Mapping[str, int] = field(default_factory=_empty)
    """Header lines that were passed over, by label."""
    kept_records: tuple[str, ...] = ()
    """Records that say how values were corrected, and unreadable ones of that kind, as they are written."""
    faults: tuple[str, ...] = ()
    """What is wrong with header records so that values are lost or in doubt, one sentence each."""
    fault_place: Place | None = None
    """Line of the first of the faults, where one line has it."""
    oddities: tuple[str, ...] = ()
    """What is odd about header records and loses no value, one sentence each."""

    @property
    def major(self) -> int:
        """Major version; 1 and 2 share their format."""
        return int(float(self.version))

    @property
    def has_picoseconds(self) -> bool:
        """Whether epoch records have a place for the time below 100 ns (RINEX 4.02 on)."""
        return round(float(self.version) * 100) >= 402

    def codes(self, system: str) -> tuple[str, ...]:
        """Return the declared codes of a system, empty if it has none."""
        return self.obs_types.get("" if self.major < 3 else system, ())

    def scale(self, system: str, code: str) -> int:
        """Return the scale factor of a declared code: stored values are the observable times it.

        `UNKNOWN_FACTOR` where the record that gives it can't be read.
        """
        for key in (system, ""):
            factors = self.scale_factors.get(key, {})
            factor = factors.get(code, factors.get(""))
            if factor is not None:
                return factor
        return 1
