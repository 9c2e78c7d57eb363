"""The values that a report on a repository is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.operate.quarantine import Refused
from gnssice_batch.planning.changes import Change

HOUR_NS: Final = 3_600_000_000_000
DAY_HOURS: Final = 24
_SYSTEMS: Final = "GRECJIS"
_TIME: Final = "_ns"


@dataclass(frozen=True, slots=True)
class Hours:
    """How many epochs each hour of GPS time holds, H hours."""

    first: int
    """Number of the first hour since 1980-01-06."""
    filled: npt.NDArray[np.int32]
    """(H,) epochs that hold observations."""
    possible: npt.NDArray[np.int32]
    """(H,) epochs of the grid, as far as they lie between the first and the last epoch of the receiver."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of the grid without observations."""

    first_ns: int
    """First epoch that is missing."""
    last_ns: int
    epochs: int


@dataclass(frozen=True, slots=True)
class Presence:
    """Which epochs of a receiver hold observations."""

    hours: Hours
    filled: int
    possible: int
    gaps: int
    """How many there are."""
    gaps_by_length: Mapping[str, int]
    longest_gaps: tuple[Gap, ...]
    """The longest of them, in the order of time."""


@dataclass(frozen=True, slots=True)
class Strength:
    """Quantiles of the SNR of some signals, dB-Hz; those of `QUANTILES`."""

    quantiles: tuple[float, ...]
    values: int
    """Of how many values."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a few epochs hold that were read."""

    first_ns: int
    last_ns: int
    epochs: int
    """Read epochs that hold observations."""
    signals: Mapping[str, float]
    """By system how many signals are seen at the same time, the median over the epochs."""
    strength: Strength | None
    """None where none of them has a signal strength."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What was read of the observations of a receiver, and what it shows."""

    counted_by: str
    """Variable that a signal has a value of where it counts as seen."""
    samples: tuple[Sample, ...]
    """In the order of time."""
    by_band: Mapping[str, Strength]
    """By system and band, e.g. ``G L1``, over all that was read."""
    unreadable: int = 0
    """Places where the store is damaged."""
    whole: bool = False
    """Whether all that the receiver holds was read."""


@dataclass(frozen=True, slots=True)
class Dated:
    """A change, and the first epoch of the file that brings it."""

    at_ns: int
    change: Change


@dataclass(frozen=True, slots=True)
class SamplingPeriod:
    """Files one after the other whose epochs fit the same interval."""

    first_ns: int
    last_ns: int
    interval_s: float
    files: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """What a reason has cost a receiver."""

    reason: str
    rejected: int
    """Files that were rejected for it."""
    partial: int
    """Files that were taken and lost something for it."""
    lost: int
    """How much these have lost, in the unit of the reason: epochs, lines or values."""


@dataclass(frozen=True, slots=True)
class Files:
    """What has become of the files of a receiver."""

    by_status: Mapping[str, int]
    archive_bytes: int
    by_version: Mapping[str, int]
    """Files by the RINEX version in their header; without rejected ones."""
    epochs_read: int
    by_reason: tuple[ReasonCount, ...]
    refused: tuple[Refused, ...]
    """The first of the files that did not end ``ok``, rejected ones first."""
    changes: tuple[Dated, ...]
    """Of position, equipment and names, from header to header; the first of them."""
    change_count: int
    """How many there are."""
    sampling: tuple[SamplingPeriod, ...]
    sampling_changes: int
    """How often the interval changes; `sampling` may have fewer periods."""

    @property
    def not_ok(self) -> int:
        """Files that are rejected or partial."""
        return sum(number for status, number in self.by_status.items() if status != "ok")


@dataclass(frozen=True, slots=True)
class ReceiverFacts:
    """Everything that a report says of a receiver."""

    receiver: str
    interval_s: float
    phase_s: float
    first_ns: int | None
    last_ns: int | None
    station: Mapping[str, str]
    """What the header of its first file says of marker, receiver and antenna."""
    signals: Mapping[str, tuple[str, ...]]
    """By system the bands and codes that it ever had, e.g. ``L1|C``, without the satellites."""
    satellites: Mapping[str, int]
    """By system how many it ever had."""
    presence: Presence | None
    """None where it holds no epoch."""
    samples: Samples | None
    files: Files
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One version of the repository."""

    number: int
    id: str
    written_at: str
    message: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """Everything that a report says of a repository."""

    url: str
    version: VersionFacts
    branch: str
    software: str
    made_at: str
    receivers: tuple[ReceiverFacts, ...]
    left_out: int
    """Receivers that were not asked for."""
    since_ns: int | None
    """Begin of what is looked at; None for all of it."""
    other_groups: tuple[str, ...]
    stored_bytes: int
    """Of the whole repository, all its versions together."""
    versions: tuple[VersionFacts, ...]
    """The newest ones, newest first."""
    version_count: int

    def as_json(self) -> dict[str, object]:
        """The facts as plain JSON values; times are GPS time, ISO 8601."""
        plain: dict[str, object] = _plain(self)
        return plain


def system_place(name: str) -> tuple[int, str]:
    """Where what belongs to a satellite system stands: in the order that people name the systems in."""
    return _SYSTEMS.find(name[:1]) % (len(_SYSTEMS) + 1), name


def moment(time_ns: int) -> str:
    """GPS time as ISO 8601, to the second where it is one."""
    text = str(gps_datetime(time_ns))
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(value: Any) -> Any:
    if isinstance(value, Hours):
        return _days(value)
    if is_dataclass(value):
        return dict(_member(item.name, getattr(value, item.name)) for item in fields(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _member(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith(_TIME):
        return name.removesuffix(_TIME), None if value is None else moment(value)
    return name, _plain(value)


def _days(hours: Hours) -> dict[str, object]:
    """By day of GPS time the epochs of its 24 hours."""
    before = hours.first % DAY_HOURS
    behind = -(before + hours.filled.size) % DAY_HOURS
    filled, possible = (
        np.pad(counts, (before, behind)).reshape(-1, DAY_HOURS).tolist() for counts in (hours.filled, hours.possible)
    )
    first = (hours.first - before) * HOUR_NS
    days = [moment(first + day * DAY_HOURS * HOUR_NS)[:10] for day in range(len(filled))]
    return {day: {"filled": has, "possible": could} for day, has, could in zip(days, filled, possible, strict=True)}
