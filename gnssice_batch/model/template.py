"""The template of a group: the declared name, type, shape, chunks, attributes of every array."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import SignalAxis
from gnssice_batch.signals import frequencies, glonass_channel, split_sid

SID_READ_UNIT: Final = 64
"""Signals of an inner chunk; the write unit's width is a multiple of it."""

LAYOUT_VERSION: Final = 2
OLDER_LAYOUTS: Final = frozenset({1})
"""Read, and gone on with: a ledger of an array for each column is replaced when it gets rows."""
EPOCH_UNITS: Final = "nanoseconds since 1980-01-06T00:00:00"

_FDMA_BANDS: Final = frozenset({"G1", "G2"})

NO_FCN: Final = -128
"""`glonass_fcn` of a signal without a GLONASS frequency channel."""

type Axis = Literal["epoch", "sid"]
type Scalar = float | int | str


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array of a group."""

    name: str
    dtype: str
    """Numpy dtype, or ``str`` for variable-length UTF-8."""
    dims: tuple[Axis, ...]
    fill: Scalar
    """Value of what was never written."""
    attributes: Mapping[str, object]


def _spec(name: str, dtype: str, dims: tuple[Axis, ...], fill: Scalar, **attributes: object) -> ArraySpec:
    return ArraySpec(name, dtype, dims, fill, attributes)


_CUBE: Final[tuple[Axis, ...]] = ("epoch", "sid")
_NAN: Final = float("nan")

VARIABLES: Final = (
    _spec(
        "SNR", "float32", _CUBE, _NAN,
        long_name="Signal-to-noise ratio", standard_name="carrier_to_noise_density_ratio", units="dB-Hz", valid_min=0.0,
    ),
    _spec("Pseudorange", "float64", _CUBE, _NAN, long_name="Pseudorange", units="meters", valid_min=0.0),
    _spec("Phase", "float64", _CUBE, _NAN, long_name="Carrier phase", standard_name="carrier_phase", units="cycles"),
    _spec(
        "Doppler", "float32", _CUBE, _NAN,
        long_name="Doppler shift", units="Hz", valid_min=-10000.0,
        comment="float32 holds 0.001 Hz up to 8 kHz; at 50 kHz its spacing is 0.004 Hz",
    ),
    _spec("LLI", "int8", _CUBE, -1, long_name="Loss-of-lock indicator of the phase", units="1", valid_range=[-1, 9]),
    _spec("SSI", "int8", _CUBE, -1, long_name="Signal strength indicator", units="1", valid_range=[-1, 9]),
)  # fmt: skip
"""Data variables over ``(epoch, sid)``, in stored order; -1 and NaN mean missing."""

VALUES: Final = tuple(spec.name for spec in VARIABLES if spec.dtype.startswith("float"))
"""Data variables that hold values; the others hold indicators."""

SID_COORDINATES: Final = (
    _spec("sid", "str", ("sid",), "", long_name="Signal ID", comment="SV|band|code"),
    _spec("sv", "str", ("sid",), "", long_name="Satellite", standard_name="platform_id"),
    _spec("system", "str", ("sid",), "", long_name="Satellite system"),
    _spec("band", "str", ("sid",), "", long_name="Band"),
    _spec("code", "str", ("sid",), "", long_name="Tracking code"),
    _spec("freq_center", "float32", ("sid",), _NAN, long_name="Center frequency", standard_name="center_frequency",
          units="MHz"),
    _spec("freq_min", "float32", ("sid",), _NAN, long_name="Lower edge of the band", standard_name="minimum_frequency",
          units="MHz"),
    _spec("freq_max", "float32", ("sid",), _NAN, long_name="Upper edge of the band", standard_name="maximum_frequency",
          units="MHz"),
    _spec("glonass_fcn", "int8", ("sid",), NO_FCN, long_name="GLONASS frequency channel", units="1",
          comment="-128 where the satellite is not GLONASS FDMA or its channel is unknown"),
)  # fmt: skip
"""Coordinates along ``sid``."""

OWN_SID_COORDINATES: Final = ("sid", "glonass_fcn")
"""Those that tell what the name of a signal does not: itself, and a channel."""

DERIVED_COORDINATES: Final = tuple(spec.name for spec in SID_COORDINATES if spec.name not in OWN_SID_COORDINATES)
"""Those that follow from the names of the signals."""

EPOCH_COORDINATES: Final = (
    _spec("epoch", "int64", ("epoch",), 0, long_name="Epoch", standard_name="time", short_name="epoch", axis="T",
          units=EPOCH_UNITS, calendar="proleptic_gregorian", time_system="GPS", time_system_name="GPS Time",
          comment="GPS time on the group's regular grid"),
    _spec("epoch_flag", "int8", ("epoch",), -1, long_name="Epoch flag", units="1", valid_range=[-1, 1],
          comment="0 ok, 1 power failure before the epoch, -1 no epoch"),
    _spec("rx_clock_offset", "float64", ("epoch",), _NAN, long_name="Receiver clock offset", units="s"),
    _spec("epoch_offset", "float64", ("epoch",), 0.0, long_name="Observed minus grid time", units="s"),
    _spec("source_file", "int32", ("epoch",), -1, long_name="Row of metadata/files that the epoch was taken from",
          units="1", comment="-1 where no file holds the epoch"),
)  # fmt: skip
"""Coordinates along ``epoch``."""

OBSERVED_COORDINATES: Final = ("source_file", "epoch_flag", "rx_clock_offset", "epoch_offset")
"""Coordinates along ``epoch`` that come from files: written with the data variables of the same epochs."""


def _joined(name: str) -> ArraySpec:
    spec = next(spec for spec in EPOCH_COORDINATES if spec.name == name)
    comment = "Of signals that are from another file than source_file says of their epoch; else the fill value"
    return replace(spec, name=f"metadata/joined/{name}", dims=_CUBE, attributes={**spec.attributes, "comment": comment})


JOINED: Final = tuple(map(_joined, OBSERVED_COORDINATES))
"""`OBSERVED_COORDINATES`, in their order, signal by signal where files were joined; elsewhere nothing is stored."""

JOINED_SOURCE: Final = "metadata/joined/source_file"

NON_INDEX_COORDINATES: Final = tuple(
    spec.name for spec in (*EPOCH_COORDINATES, *SID_COORDINATES) if spec.name not in {"epoch", "sid"}
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What the groups of a product hold along their epochs."""

    product: str
    """Last part of the repository's URL."""
    variables: tuple[ArraySpec, ...]
    """Data variables over ``(epoch, sid)``, in stored order."""
    epoch_coordinates: tuple[ArraySpec, ...]
    written: tuple[str, ...]
    """Those of them that are written with the data variables of the same epochs; the first says where these are from.
    """
    joined: tuple[ArraySpec, ...] = ()
    """`written`, signal by signal where files were joined."""

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """All arrays along the axes, but the joined ones."""
        return (*self.variables, *self.epoch_coordinates, *SID_COORDINATES)

    @property
    def non_index_coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates that are no axis."""
        specs = (*self.epoch_coordinates, *SID_COORDINATES)
        return tuple(spec.name for spec in specs if spec.name not in _CUBE)


RINEX: Final = Contents("rinex", VARIABLES, EPOCH_COORDINATES, OBSERVED_COORDINATES, JOINED)
"""The observations of a receiver."""


@dataclass(frozen=True, slots=True)
class GroupTemplate:
    """The structure of one receiver's group; equal templates make equal stores."""

    receiver: str
    grid: Grid
    axis: SignalAxis
    shard_sids: int
    """Width of a write unit along sid, a multiple of `SID_READ_UNIT`, fixed when the group is made."""
    profile: str
    """Encoding profile, ``default`` or ``compact``."""
    algorithm: str
    """Compression algorithm of the ``default`` profile and of the coordinates."""
    level: int
    """Its level."""
    channels: Mapping[str, int]
    """GLONASS frequency channels that the files' headers told, e.g. ``{"R01": 1}``."""
    attributes: Mapping[str, object]
    joins: bool = True
    """Whether the arrays of `JOINED` are there: groups of older versions get them when they are next changed."""
    tolerance_ns: int | None = None
    """How far an epoch may lie from its grid epoch, fixed when the group is made; None in groups of older programs."""
    contents: Contents = RINEX

    @property
    def structure(self) -> tuple[Grid, SignalAxis, bool]:
        """What a run can change of a group's structure."""
        return self.grid, self.axis, self.joins

    def shape(self, spec: ArraySpec) -> tuple[int, ...]:
        """Shape of an array of this group."""
        sizes = {"epoch": self.grid.size, "sid": len(self.axis.sids)}
        return tuple(sizes[dim] for dim in spec.dims)

    def chunks(self, spec: ArraySpec) -> tuple[int, ...]:
        """Inner chunk (read unit) of an array of this group."""
        if spec.dims == ("epoch",):
            return (self.grid.read_unit,)
        if spec.dims == ("sid",):
            return (SID_READ_UNIT,)
        return (self.grid.read_unit, SID_READ_UNIT)

    def shards(self, spec: ArraySpec) -> tuple[int, ...] | None:
        """Shard (write unit) of an array of this group; None for the one-dimensional ones."""
        return (self.grid.unit, self.shard_sids) if len(spec.dims) == len(_CUBE) else None


def joined_name(path: str) -> str:
    """The name that an array of `JOINED` has among what is told of joined signals: that of its epoch coordinate."""
    return path.rpartition("/")[2]


def signal_axis(sids: Sequence[str]) -> SignalAxis:
    """The axis of these signals in this order, with its digest."""
    return SignalAxis(tuple(sids), digest(sids))


def grown_axis(axis: SignalAxis, sids: Collection[str]) -> SignalAxis:
    """The axis with the unknown ones of `sids` appended in sorted order; what is there stays where it is."""
    unknown = set(sids).difference(axis.sids)
    return signal_axis((*axis.sids, *sorted(unknown))) if unknown else axis


def signal_columns(sids: Sequence[str], channels: Mapping[str, int]) -> dict[str, npt.NDArray[np.generic]]:
    """Values of every coordinate along sid, (S,) each; channels not given come from the table of slots."""
    parts = [split_sid(sid) for sid in sids]
    bands = np.array([frequencies(sid) for sid in sids], np.float32).reshape(-1, 3)
    text = np.dtypes.StringDType()
    return {
        "sid": np.array(sids, text),
        "sv": np.array([sv for sv, _, _ in parts], text),
        "system": np.array([sv[:1] for sv, _, _ in parts], text),
        "band": np.array([band for _, band, _ in parts], text),
        "code": np.array([letter for _, _, letter in parts], text),
        "freq_center": bands[:, 0],
        "freq_min": bands[:, 1],
        "freq_max": bands[:, 2],
        "glonass_fcn": np.array([_channel(sv, band, channels) for sv, band, _ in parts], np.int8),
    }


def _channel(sv: str, band: str, channels: Mapping[str, int]) -> int:
    if sv[0] != "R" or band not in _FDMA_BANDS:
        return NO_FCN
    channel = glonass_channel(sv, channels)
    return NO_FCN if channel is None else channel


def unit_chunks(
    template: GroupTemplate, units: Iterable[int], signals: int | None = None
) -> dict[str, frozenset[tuple[int, ...]]]:
    """Array path to the shards of these write units, in every data variable.

    Parameters
    ----------
    signals
        Length of the signal axis they were written with; None: as it is now.
    """
    columns = -(-(signals or len(template.axis.sids)) // template.shard_sids)
    shards = frozenset((unit, column) for unit in units for column in range(columns))
    return {f"/{template.receiver}/{spec.name}": shards for spec in template.contents.variables} if shards else {}


def shard_width(signals: int) -> int:
    """Width of a write unit that holds this many signals."""
    return max(1, -(-signals // SID_READ_UNIT)) * SID_READ_UNIT


def digest(sids: Sequence[str]) -> str:
    """Sixteen hex digits that change when any signal, or the order, changes."""
    return hashlib.sha256("\n".join(sids).encode()).hexdigest()[:16]


def task_memory_bytes(grid: Grid, signals: int, *, joins: bool = False) -> int:
    """Memory of the dense block of one write unit, and of its encoded copy, in bytes.

    A block holds 26 bytes a cell (`VARIABLES`); while an array is encoded a copy of the widest one stands beside it.

    Parameters
    ----------
    joins
        Whether files may be joined in it: that takes another 21 bytes a cell (`JOINED`).
    """
    cells = grid.unit * shard_width(signals)
    return cells * (26 + 8 + (21 if joins else 0))
