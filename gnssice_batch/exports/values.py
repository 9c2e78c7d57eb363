"""What travels between the parts of an export."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ConfigError
from gnssice_batch.model.grid import LAST_NS, gps_datetime
from gnssice_batch.model.values import HeaderFacts, Span
from gnssice_batch.visible import visible

_GPS_START: Final = datetime(1980, 1, 6)  # noqa: DTZ001 - GPS time has no zone
NO_CLOCK: Final = int(np.iinfo(np.int64).min)
"""The receiver clock offset of an epoch that has none."""

type Arrays = Mapping[str, npt.NDArray[Any]]


class Format(StrEnum):
    """What a receiver is written as."""

    RINEX3 = "rinex3"
    RINEX2 = "rinex2"
    NETCDF = "netcdf"
    PARQUET = "parquet"


class Compression(StrEnum):
    """How a RINEX file is packed."""

    NONE = "none"
    GZ = "gz"
    CRX = "crx"
    CRX_GZ = "crx.gz"


class Each(StrEnum):
    """What one file holds."""

    DAY = "day"
    HOUR = "hour"
    ALL = "all"


class Why(StrEnum):
    """Why a file was not written."""

    EXISTS = "exists"
    """A file of this name is there."""
    TOO_WIDE = "too_wide"
    """A value has more digits than its field."""
    NOT_DECIMAL = "not_decimal"
    """A value is no decimal number of three places, nor of six with a scale factor."""
    ZERO_VALUE = "zero_value"
    """A value is 0, which in RINEX stands for a missing one."""
    TIME_BELOW_100NS = "time_below_100ns"
    """The time of an epoch has more decimals than its field."""
    CLOCK_OFFSET = "clock_offset"
    """The receiver clock offset of an epoch has more digits than its field."""
    NOT_COMPACT = "not_compact"
    """The program that makes CRINEX refuses it."""
    HALF_WAVELENGTH = "half_wavelength"
    """Phases count half wavelengths (WAVELENGTH FACT L1/2), for which RINEX 3 has no record."""
    NO_TYPES = "no_types"
    """RINEX 2 has no observation types that are read as these signals."""


class Note(StrEnum):
    """What a written file says otherwise than the store."""

    OTHER_CLOCK = "other_clock"
    """Signals whose own file tells another clock offset or flag of the epoch than the file of the epoch does."""
    OTHER_TIME = "other_time"
    """Epochs that have a second record, for signals whose own file gives them another time within the tolerance."""
    LONE_INDICATORS = "lone_indicators"
    """Indicators of signals that have no value in the file, which this program's reader passes over."""
    IMPLIED_SLIPS = "implied_slips"
    """First phases after a power failure that are not marked as slipped: a reader marks them, as one file has both."""
    HEADER_CHANGES = "header_changes"
    """Changes of receiver, antenna or station in the file, told in comments of its header."""
    OTHER_HEADER = "other_header"
    """Files that only signals are from, whose header says otherwise than that of the epochs' file: likewise told."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be written, and how."""

    format: Format = Format.RINEX3
    compression: Compression = Compression.NONE
    each: Each = Each.DAY
    since_ns: int | None = None
    """First epoch wanted, GPS time; None: the first there is."""
    until_ns: int | None = None
    """End of what is wanted, itself left out; None: all there is."""
    overwrite: bool = False


def choice_of(
    file_format: str,
    compress: str,
    each: str,
    since: date | None,
    until: date | None,
    *,
    overwrite: bool,
) -> Choice:
    """A choice from the words for it.

    Raises
    ------
    ConfigError
        When a word is none of those there are, or nothing can come of it.
    """
    packing = _word(Compression, compress, "compression")
    chosen = _word(Format, file_format, "format")
    if packing is not Compression.NONE and chosen not in {Format.RINEX3, Format.RINEX2}:
        message = f"{chosen} is packed in itself: compression {packing} is for RINEX"
        raise ConfigError(message)
    first_ns, end_ns = (None if moment is None else _moment_ns(moment) for moment in (since, until))
    if first_ns is not None and end_ns is not None and first_ns >= end_ns:
        message = f"nothing is from {since} until {until}"
        raise ConfigError(message)
    return Choice(chosen, packing, _word(Each, each, "span of a file"), first_ns, end_ns, overwrite)


def _word[E: StrEnum](words: type[E], word: str, what: str) -> E:
    if word not in set(words):
        message = f"{word!r} is no {what}: there are {', '.join(words)}"
        raise ConfigError(message)
    return words(word)


def _moment_ns(moment: date) -> int:
    """GPS time of a moment without a zone."""
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        message = f"{moment} has a time zone: epochs are GPS time, without one"
        raise ConfigError(message)
    at = moment if isinstance(moment, datetime) else datetime.combine(moment, time.min)
    since_ns = (at - _GPS_START) // timedelta(microseconds=1) * 1000
    return max(-LAST_NS, min(since_ns, LAST_NS))


@dataclass(frozen=True, slots=True)
class Piece:
    """The epochs of one file."""

    epochs: range
    """Of the group's axis."""
    start_ns: int
    """Where the file's span begins, whether or not there is an epoch."""
    period_ns: int
    parts: tuple[range, ...] = ()
    """Those of them that are to be read, read unit by read unit: the others hold nothing."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the store says of where the epochs of a file come from."""

    url: str
    receiver: str
    snapshot: str
    written_at: str
    """When that version was committed, UTC, as ISO 8601 has it."""
    station: str
    """Nine characters for the file's name."""
    facts: HeaderFacts
    """Of the first epoch's file."""
    changes: tuple[str, ...] = ()
    """What headers of later files say otherwise, a sentence each."""
    guests: tuple[str, ...] = ()
    """What headers of files that only signals are from say otherwise, a sentence each."""
    wavelength_factors: tuple[str, ...] = ()
    """Of all files that anything is from."""


class Records(NamedTuple):
    """Epochs as they are written, E of them in order of time."""

    time_100ns: npt.NDArray[np.int64]
    flag: npt.NDArray[np.int8]
    clock_ps: npt.NDArray[np.int64]
    """`NO_CLOCK` where there is none."""
    arrays: tuple[npt.NDArray[Any], ...]
    """(E, S) per data variable, signal by signal in memory."""

    @property
    def size(self) -> int:
        """E."""
        return int(self.time_100ns.size)


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written."""

    path: Path
    span: Span
    epochs: int
    values: int
    size_bytes: int
    notes: Mapping[Note, int] = field(default_factory=dict)
    """What it says otherwise than the store, counted."""

    def as_json(self) -> dict[str, object]:
        """The file as plain JSON values."""
        return {
            "path": visible(str(self.path)),
            **_span_json(self.span),
            "epochs": self.epochs,
            "values": self.values,
            "size_bytes": self.size_bytes,
            "notes": {str(note): number for note, number in self.notes.items()},
        }


@dataclass(frozen=True, slots=True)
class Withheld:
    """A file that was not written."""

    path: Path
    span: Span
    why: Why
    detail: str
    """Which value, of which epoch and signal, and what to do."""

    def as_json(self) -> dict[str, object]:
        """The file as plain JSON values."""
        told = {"why": str(self.why), "detail": self.detail}
        return {"path": visible(str(self.path)), **_span_json(self.span), **told}


class WithheldError(Exception):
    """What a file should hold does not fit its format."""

    def __init__(self, why: Why, detail: str) -> None:
        self.why, self.detail = why, detail
        super().__init__(f"{why}: {detail}")


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export has come to."""

    url: str
    snapshot: str
    receiver: str
    format: Format
    files: Sequence[Exported]
    withheld: Sequence[Withheld]

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return {
            "url": self.url,
            "version": self.snapshot,
            "receiver": self.receiver,
            "format": str(self.format),
            "files": [one.as_json() for one in self.files],
            "withheld": [one.as_json() for one in self.withheld],
        }


def _span_json(span: Span) -> dict[str, object]:
    return {"first_epoch": str(gps_datetime(span.first_ns)), "last_epoch": str(gps_datetime(span.last_ns))}
