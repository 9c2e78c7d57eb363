"""The frozen values that travel between the stages: source files, partitions, outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.model.grid import Grid
from gnssice_batch.storage.traffic import Traffic

NO_SOURCE = -1
"""`EpochRows.source` of an epoch that no file holds."""


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    """Which of two files a signal of an epoch is taken from: the larger rank wins, whatever order they arrive in."""

    current: bool
    """False for a version of a file that the archive has replaced since."""
    intact: bool
    """Whether the reader has lost nothing of the file."""
    signals: int
    """Distinct (system, band, code) with values in the file."""
    version: tuple[int, int]
    """RINEX version, e.g. (3, 4)."""
    epochs: int
    """Epochs in the file."""
    inverted_hash: str
    """SHA-256 of the file with every hex digit replaced by 15 minus itself, so that the smaller hash ranks higher."""

    def same_content(self, other: "Rank") -> bool:
        """Whether both are ranks of the very same bytes."""
        return self.inverted_hash == other.inverted_hash


_INVERTED = str.maketrans("0123456789abcdef", "fedcba9876543210")


def rank(signals: int, version: str, epochs: int, sha256: str, *, current: bool = True, intact: bool = True) -> Rank:
    """The rank of a file; `version` as its header gives it, e.g. ``3.04``."""
    return Rank(current, intact, signals, _release(version), epochs, sha256.translate(_INVERTED))


@cache
def _release(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major or 0), int((minor + "00")[:2])


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the archive, with what its name (or, where that says nothing, its header) says."""

    uri: str
    """Path below the archive's root: the file's name in the ledger."""
    receiver: str
    """Group the file belongs to."""
    size_bytes: int
    etag: str
    """What the archive offers to notice a change: an ETag, or size and modification time."""
    start_ns: int | None = None
    """First epoch the name promises, GPS time in ns since 1980-01-06; None where nothing is known."""
    end_ns: int | None = None
    """End (exclusive) of what the name promises."""


@dataclass(frozen=True, slots=True)
class Span:
    """First and last epoch of a file as read, GPS time in ns since 1980-01-06, both inclusive."""

    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A chunk-aligned span of one receiver: the only unit of work, with one owner."""

    key: str
    """Receiver and start, e.g. ``canopy_01.2025001T000000``: Dask key, log field and the word in every error."""
    receiver: str
    first_unit: int
    """Index of its first write unit on the group's epoch axis; negative before it."""
    units: int
    """Number of its write units."""

    @property
    def stored_units(self) -> range:
        """Its write units on the axis; what lies before them is read and counted, and never written."""
        return range(max(self.first_unit, 0), self.first_unit + self.units)


@dataclass(frozen=True, slots=True)
class SignalAxis:
    """The signals of a group, in stored order."""

    sids: tuple[str, ...]
    digest: str
    """Digest of `sids`: what a worker holds against the stored axis before it writes."""


@dataclass(frozen=True, slots=True)
class Done:
    """A finished partition: all that its publication needs, and all that a later start needs to trust it."""

    partition: Partition
    origin_ns: int
    """Origin of the axis that the partition's unit numbers count from."""
    axis_length: int
    axis_digest: str
    """Of the signals the partition was written with; later ones may have been appended since."""
    files: tuple[SourceFile, ...]
    """In the order that `EpochRows.source` numbers them; last those that gave nothing."""
    rows: tuple[int, ...]
    """The ledger rows of the first of these files, as the plan foresaw them: `source_file` in the fork."""
    outcome: "PartitionOutcome"


class Strategy(StrEnum):
    """Which file gives an epoch that the store holds already; among the files of one run the rank decides."""

    BEST = "best"
    SKIP = "skip"
    APPEND = "append"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a run may do to a receiver's epochs that were there before it."""

    strategy: Strategy = Strategy.BEST
    after_ns: int | None = None
    """Only later epochs are taken, GPS time in ns since 1980-01-06; None: all are."""


BY_RANK: Final = Overlap()
"""The better file gives an epoch, whenever it arrives."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Everything a worker needs to do one partition."""

    partition: Partition
    grid: Grid
    axis: SignalAxis
    files: tuple[SourceFile, ...]
    spans: tuple[Span, ...]
    """Per file the epochs it is expected to hold, from its name or from reading it."""
    rows: tuple[int, ...]
    """Per file the ledger row that it is going to have if the target branch does not move."""
    stored: Mapping[int, Rank] = field(default_factory=dict)
    """Ledger row to rank, of the files that cells of the partition's units may be from already."""
    overlap: Overlap = BY_RANK
    rewritten: frozenset[int] | None = None
    """Write units that are made again from nothing, all others left as they are; None: all are made on what stands."""

    def standing(self, unit: int) -> dict[int, Rank]:
        """Ledger row to rank, of the files that cells of a unit may be from when it is begun."""
        return {} if self.rewritten is not None and unit in self.rewritten else dict(self.stored)

    def holds(self, span: Span | None) -> bool:
        """Whether no epoch of a span lies in a unit of another partition."""
        if span is None:
            return True
        first, last = (self.grid.slot(ns) // self.grid.unit for ns in (span.first_ns, span.last_ns))
        return self.partition.first_unit <= first and last < self.partition.first_unit + self.partition.units

    def leaves(self, unit: int) -> bool:
        """Whether files that reach a unit are only counted in it."""
        return self.rewritten is not None and unit not in self.rewritten


class Status(StrEnum):
    """The outcome of a file in one word."""

    OK = "ok"
    PARTIAL = "partial"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Tally:
    """A count of epochs with the values in them."""

    epochs: int = 0
    observations: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.epochs + other.epochs, self.observations + other.observations)

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(self.epochs - other.epochs, self.observations - other.observations)


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What a file's header says of the station and of what was done to its numbers, as far as it is written."""

    marker: str = ""
    marker_number: str = ""
    receiver_number: str = ""
    receiver_type: str = ""
    receiver_version: str = ""
    antenna_number: str = ""
    antenna_type: str = ""
    position_xyz_m: tuple[float, ...] = ()
    """APPROX POSITION XYZ; empty where it is absent or zero."""
    antenna_delta_hen_m: tuple[float, ...] = ()
    """Height, east and north of the antenna above the marker."""
    signal_strength_unit: str = ""
    rx_clock_offset_applied: bool | None = None
    """Whether epochs, pseudoranges and phases are corrected for the receiver clock offset."""
    phase_shifts: tuple[str, ...] = ()
    """SYS / PHASE SHIFT, e.g. ``G L2X -0.25 G01 G02``; without a number where nothing is known."""
    wavelength_factors: tuple[str, ...] = ()
    """WAVELENGTH FACT L1/2, e.g. ``1 2 G14``: 2 is a squaring receiver, whose phases have half cycles."""
    kept_records: tuple[str, ...] = ()
    """Records of corrections, as they are written: DCBs and PCVs applied, GLONASS code-phase biases."""
    rinex2_names: tuple[str, ...] = ()
    """What the types of RINEX 2 are read as, e.g. ``G C1=C1C``."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What reading a file told about it, the same whichever partition read it."""

    sha256: str = ""
    version: str = ""
    marker: str = ""
    receiver_type: str = ""
    antenna_type: str = ""
    time_system: str = ""
    interval_s: float = 0.0
    """That its epochs fit; 0 for fewer than two epochs."""
    span: Span | None = None
    rank: Rank | None = None
    epochs: int = 0
    observations: int = 0
    """Values read (pseudorange, phase, Doppler and signal strength counted one by one)."""
    lines: int = 0
    skipped: Mapping[Reason, int] = field(default_factory=dict)
    """What the reader passed over or could not read, by reason."""
    refused: Mapping[Reason, Tally] = field(default_factory=dict)
    """Epochs and values that were read and belong in no partition at all, by reason."""
    channels: Mapping[str, int] = field(default_factory=dict)
    """GLONASS frequency channels the header gives."""
    header: HeaderFacts = HeaderFacts()
    mapping: str = ""
    """How codes were read as signals: name and version of the mapping, and the settings' own rules."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file was refused, or the first thing it lost, with the place."""

    reason: Reason
    detail: str = ""
    line: int = 0
    first_bytes: bytes = b""

    @classmethod
    def of(cls, error: ReadError) -> "Refusal":
        """The refusal of a file that could not be read."""
        return cls(error.reason, error.detail, error.line, error.first_bytes)


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file, in one partition or (added up) in a run."""

    file: SourceFile
    status: Status
    facts: FileFacts
    refusal: Refusal | None = None
    written: Tally = Tally()
    """Epochs that it is the source of or gave a signal to, and the values that are from it."""
    refused: Mapping[Reason, Tally] = field(default_factory=dict)
    """Epochs and values that this partition (or, added up, any) did not take, by reason."""
    partitions: tuple[str, ...] = ()
    joined: int = 0
    """Those of its written epochs that another file is the main source of."""


@dataclass(frozen=True, slots=True)
class EpochRows:
    """Which file gave each epoch of some whole read units, N epochs."""

    start: int
    """Index of the first epoch on the group's axis."""
    run_ends: npt.NDArray[np.int32]
    """(R,) where each run of epochs of one source ends, counted from the first epoch; the last one is N."""
    run_sources: npt.NDArray[np.int32]
    """(R,) its ledger row kept from before, `NO_SOURCE`, or ``-2 - i`` for file i of the assignment."""
    joined: bool = False
    """Whether signals of some of these epochs are from other files than their epochs."""

    @classmethod
    def of(cls, start: int, source: npt.NDArray[np.int32], *, joined: bool = False) -> Self:
        """The rows of N epochs from the (N,) source of each."""
        ends = np.append(np.flatnonzero(np.diff(source)) + 1, source.size)[: source.size].astype(np.int32)
        return cls(start, ends, source[ends - 1], joined)

    def __len__(self) -> int:
        """N."""
        return int(self.run_ends[-1]) if self.run_ends.size else 0

    @property
    def source(self) -> npt.NDArray[np.int32]:
        """(N,) the source of each epoch; made anew whenever it is asked for."""
        return np.repeat(self.run_sources, np.diff(self.run_ends, prepend=0))

    def with_rows(self, rows: Sequence[int]) -> npt.NDArray[np.int32]:
        """(N,) `source` with the ledger row ``rows[i]`` for file i of the assignment."""
        return with_rows(self.source, rows)


def with_rows(source: npt.NDArray[np.int32], rows: Sequence[int]) -> npt.NDArray[np.int32]:
    """Sources of any shape with the ledger row ``rows[i]`` for file i of the assignment."""
    mine = source < NO_SOURCE
    numbered = source.copy()
    numbered[mine] = np.asarray(rows, np.int32)[NO_SOURCE - 1 - numbered[mine]]
    return numbered


def renumbered(source: npt.NDArray[np.int32], numbers: Mapping[int, int]) -> npt.NDArray[np.int32]:
    """Sources of any shape, with ``numbers[row]`` in place of the ledger rows that are in there."""
    table = np.arange(max(int(source.max(initial=NO_SOURCE)), NO_SOURCE) + 1, dtype=np.int32)
    for row, number in numbers.items():
        if row < table.size:
            table[row] = number
    known = source > NO_SOURCE
    found = source.copy()
    found[known] = table[source[known]]
    return found


@dataclass(frozen=True, slots=True)
class PartitionOutcome:
    """What a worker gives back: either a fork to merge, or what it learned instead."""

    key: str
    fork: bytes | None
    """The fork; None when nothing was written because signals are unknown."""
    files: tuple[FileOutcome, ...]
    epochs: tuple[EpochRows, ...] = ()
    """One per write unit that was written, of those read units in it that any file reaches."""
    written_units: tuple[int, ...] = ()
    """Write units that were written, on the group's epoch axis; the others had nothing new."""
    displaced: Mapping[int, Tally] = field(default_factory=dict)
    """Ledger row of an earlier file to what better files took from it."""
    unknown_sids: tuple[str, ...] = ()
    bytes_read: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    joined: Mapping[int, int] = field(default_factory=dict)
    """Ledger row of an earlier file to how many more of its epochs have another main source now."""
    not_mixed: Mapping[int, int] = field(default_factory=dict)
    """Ledger row of an earlier file to those of its displaced values that no file gives."""
    kept: bytes = b""
    """What another kind of job than a run keeps of its work, as JSON."""
    traffic: Traffic = field(default_factory=Traffic, compare=False)
    """What the worker's process has asked of object stores since its last result."""
    document: bytes = field(default=b"", compare=False)
    """All of this as the journal keeps it: made by the worker, as there are many of these; empty where nobody has."""
