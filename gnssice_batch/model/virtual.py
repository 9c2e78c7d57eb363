"""The values of virtual datasets: NetCDF files, what is in one, where it is referenced."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt


class VirtualReason(StrEnum):
    """Why a file is in a group of its own, or is not referenced at all; words of the ledger, none is ever removed."""

    NOT_HDF5 = "not_hdf5"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    FILTERS_SKIPPED = "filters_skipped"
    HAS_GROUPS = "has_groups"
    NO_ARRAYS = "no_arrays"
    UNREADABLE = "unreadable"
    NO_TIME_AXIS = "no_time_axis"
    IRREGULAR_EPOCHS = "irregular_epochs"
    SHORT_LAST_CHUNK = "short_last_chunk"
    UNWRITTEN_CHUNKS = "unwritten_chunks"
    VARIABLES_DIFFER = "variables_differ"
    DTYPE_DIFFERS = "dtype_differs"
    SCALE_DIFFERS = "scale_differs"
    CODEC_DIFFERS = "codec_differs"
    CHUNKS_DIFFER = "chunks_differ"
    AXIS_DIFFERS = "axis_differs"
    INTERVAL_DIFFERS = "interval_differs"
    OFF_CHUNK = "off_chunk"
    OVERLAPS = "overlaps"
    TOO_FAR = "too_far"
    ALONE = "alone"


REJECTING = frozenset(
    {
        VirtualReason.NOT_HDF5,
        VirtualReason.DAMAGED,
        VirtualReason.UNSUPPORTED,
        VirtualReason.FILTERS_SKIPPED,
        VirtualReason.HAS_GROUPS,
        VirtualReason.NO_ARRAYS,
        VirtualReason.UNREADABLE,
    }
)
"""Reasons for which nothing of a file can be referenced."""


class VirtualState(StrEnum):
    """Where the values of a file are."""

    VIRTUAL = "virtual"
    NATIVE = "native"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class NetcdfFile:
    """One file of an archive of NetCDF files."""

    uri: str
    """Path below the archive's root: the file's name in the ledger."""
    receiver: str
    size_bytes: int
    etag: str
    """What the archive offers to notice a change."""
    modified_ns: int = 0
    """Time of the last modification, ns since 1970-01-01; 0 where the archive does not tell."""


@dataclass(frozen=True, slots=True)
class Referenced:
    """An array whose chunks stay in their file."""

    name: str
    document: str
    """Its ``zarr.json``."""
    grid: tuple[int, ...]
    """Chunks along each dimension."""
    offsets: npt.NDArray[np.uint64]
    """(chunks,) where each begins in the file, in C order."""
    lengths: npt.NDArray[np.uint64]
    """(chunks,) their bytes; 0 for one that was never written."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A short array, or one of text, whose values are taken along."""

    name: str
    document: str
    """Its ``zarr.json``, in one chunk."""
    packed: bytes = b""
    """Values in C order, little-endian, as they are stored: not scaled; packed by zlib."""
    texts: tuple[str, ...] = ()
    """Values of an array of text."""

    @property
    def raw(self) -> bytes:
        """The unpacked values; empty for text."""
        return zlib.decompress(self.packed) if self.packed else b""


@dataclass(frozen=True, slots=True)
class Profile:
    """What files must have in common to be one array over time; each field is JSON or a digest."""

    time: str
    """Name of the time dimension."""
    variables: str
    dtypes: str
    scales: str
    codecs: str
    chunks: str
    axis: str
    """Digest of everything that does not lie along time: labels above all."""
    interval_ns: int
    chunk_epochs: int
    """Epochs of the shortest span that is whole chunks of every array."""


@dataclass(frozen=True, slots=True)
class NetcdfFacts:
    """What is in one file: facts and references as plain data."""

    file: NetcdfFile
    sha256: str
    attributes: str = "{}"
    """Of the file, as JSON."""
    referenced: tuple[Referenced, ...] = ()
    copied: tuple[Copied, ...] = ()
    profile: Profile | None = None
    """None where it has no regular time axis of whole chunks."""
    first_ns: int = 0
    """Earliest epoch, ns since 1980-01-06, by the clock of the file, in whatever order its epochs are."""
    last_ns: int = 0
    """Latest epoch."""
    epochs: int = 0
    """0 for a file without a time axis."""
    reason: VirtualReason | None = None
    """Why it can't be part of an array over time, or is rejected."""
    detail: str = ""

    @property
    def rejected(self) -> bool:
        """Whether nothing of it can be referenced."""
        return self.reason in REJECTING


@dataclass(frozen=True, slots=True)
class SeriesGrid:
    """The time axis of an array over time: regular, in whole chunks."""

    origin_ns: int
    interval_ns: int
    chunk_epochs: int
    size: int
    """Epochs."""

    def slot(self, time_ns: int) -> int:
        """Index of a time on the axis, rounded down; negative before it."""
        return (time_ns - self.origin_ns) // self.interval_ns

    @property
    def chunk_ns(self) -> int:
        """Duration of a chunk."""
        return self.interval_ns * self.chunk_epochs


@dataclass(frozen=True, slots=True)
class VirtualRow:
    """What the ledger keeps of one file."""

    file: NetcdfFile
    state: VirtualState
    group: str
    """Where it is referenced; empty where it is not."""
    reason: str = ""
    """Why it is not part of the array over time; empty where it is."""
    detail: str = ""
    sha256: str = ""
    profile: str = ""
    """Digest of its `Profile`."""
    first_ns: int = 0
    last_ns: int = 0
    epochs: int = 0
    run: str = ""


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """An array over time as it stands in a repository."""

    receiver: str
    profile: Profile
    grid: SeriesGrid


@dataclass(frozen=True, slots=True)
class VirtualContents:
    """A virtual repository as it stands."""

    snapshot: str | None = None
    series: Mapping[str, StoredSeries] = field(default_factory=dict)
    rows: Mapping[str, VirtualRow] = field(default_factory=dict)
    """By URI."""
