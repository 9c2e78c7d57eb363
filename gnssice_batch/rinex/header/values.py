"""The values of a RINEX observation header."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


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
    """SYS / SCALE FACTOR by system and declared code; the empty code holds for all others of the system."""
    phase_shifts: tuple[PhaseShift, ...] = ()
    wavelength_factors: tuple[WavelengthFactor, ...] = ()
    unknown_labels: Mapping[str, int] = field(default_factory=_empty)
    """Header lines that were passed over, by label."""
    faults: tuple[str, ...] = ()
    """What is wrong with header records, one sentence each."""
    oddities: tuple[str, ...] = ()
    """What is odd about header records and loses no value, one sentence each."""

    @property
    def major(self) -> int:
        """Major version; 1 and 2 share their format."""
        return int(float(self.version))

    def codes(self, system: str) -> tuple[str, ...]:
        """Return the declared codes of a system, empty if it has none."""
        return self.obs_types.get("" if self.major < 3 else system, ())

    def scale(self, system: str, code: str) -> int:
        """Return the scale factor of a declared code: stored values are the observable times it."""
        factors = self.scale_factors.get(system, {})
        return factors.get(code, factors.get("", 1))
