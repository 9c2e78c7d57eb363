"""The frozen values that travel between the stages of making vod."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import Partition, SignalAxis, SourceFile

type Position = tuple[float, float, float]
"""Earth-fixed x, y, z in m."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """A canopy receiver against a reference receiver."""

    name: str
    canopy: str
    reference: str


@dataclass(frozen=True, slots=True)
class MadeUnit:
    """How a unit of a vod group was made last."""

    orbits_digest: str
    """Of the orbit files that reach it."""
    epochs: int
    """Of it that hold anything."""
    source: str = ""
    """``broadcast`` or ``sp3``; empty where an earlier version of this program has made it."""


class Loss(StrEnum):
    """Which cells of a unit may be without VOD when it is made again, of those whose observations are still there."""

    NONE = "none"
    REPLACED = "replaced"
    """As many as other cells gain: where observations are the same, other orbit files may know other satellites."""
    SATELLITES = "satellites"
    """Those of satellites that the orbit files do not know."""
    ANY = "any"


@dataclass(frozen=True, slots=True)
class OrbitFacts:
    """What reading an orbit file told about it."""

    uri: str
    """Path below the folder of the orbit files."""
    size_bytes: int
    etag: str
    sha256: str
    source: str
    """``broadcast`` or ``sp3``."""
    start_ns: int
    """First epoch, GPS time in ns since 1980-01-06."""
    end_ns: int
    """Last epoch, likewise."""
    satellites: int
    fault: str = ""
    """Why it could not be read; empty where it could."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """How many of its records could not be read, by reason."""


type KnownOrbits = Mapping[tuple[str, str, int], tuple[int, int, str]]
"""By path, etag and size of an orbit file its first and last epoch, and why it could not be read."""


@dataclass(frozen=True, slots=True)
class SnrPlace:
    """Where the SNR of a receiver is, at the snapshot that a run is made from."""

    receiver: str
    grid: Grid
    axis: SignalAxis


@dataclass(frozen=True, slots=True)
class VodAssignment:
    """Everything a worker needs to make one unit."""

    partition: Partition
    grid: Grid
    axis: SignalAxis
    canopy: SnrPlace
    reference: SnrPlace
    snapshot: str
    """Of the rinex repository."""
    position_m: Position
    """ECEF position of the canopy receiver, which angles are seen from."""
    orbits: tuple[SourceFile, ...]
    """Files that reach the unit, sorted by path."""
    rows: tuple[int, ...]
    """Their rows of ``metadata/orbits``, as the plan foresees them."""
    orbits_digest: str
    known_rows: int = 0
    """Rows of ``metadata/orbits`` that there are: of these files nothing needs to be told again."""
    may_lose: Loss = Loss.ANY
    """Where more than a few others would be lost, the unit is left as it is."""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """The files that the partition takes."""
        return self.orbits

    @property
    def unit(self) -> int:
        """Index of the unit on the axis."""
        return self.partition.first_unit


class VodReason(StrEnum):
    """Why a unit was not made, or not all of it."""

    NO_ORBITS = "no_orbits"


@dataclass(frozen=True, slots=True)
class VodMade:
    """What making a unit told."""

    snapshot: str
    """Of the rinex repository that it was made from."""
    orbits_digest: str
    source: str = ""
    """``broadcast`` or ``sp3``."""
    orbits: tuple[OrbitFacts, ...] = ()
    """Of the files that reach it and are new, or could not be read, or not all of them."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """By receiver the hash of its SNR in the unit."""
    pairs: int = 0
    """Cells in which both receivers have SNR."""
    values: int = 0
    """Cells with VOD."""
    epochs: int = 0
    """Epochs with VOD."""
    first_ns: int | None = None
    last_ns: int | None = None
    """First and last epoch with VOD."""
    without_orbits: Mapping[str, int] = field(default_factory=dict)
    """By satellite system how many satellites with pairs have no orbit."""
