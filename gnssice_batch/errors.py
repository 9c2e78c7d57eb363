"""The error tree, sorted by the reaction an error calls for; with the reasons for which observations are lost.

GnssiceError
├── ConfigError                fix the settings          exit 2
├── ArchiveError               fix access, or wait       exit 3
│   └── AccessDeniedError      credentials ended or fail exit 3   no file's fault: stops the run
├── PlanError                  fix archive or template   exit 4   lists every conflict
├── StoreError                 storage or conflict       exit 5   says what stands
│   └── RunConflictError       another run won           exit 6   start again
├── RefusedError               too many files rejected   exit 1   look at the reasons
├── InterruptedRunError        stopped from outside      exit 7   start again to resume
├── NoSchedulerError           a worker without work     exit 8   look at the coordinator
└── ReadError      one file's fault: never stops a run, becomes the file's outcome
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, override


class Reason(StrEnum):
    """Why a file was rejected, or what was lost or skipped in it.

    The values are stored in ledgers: a new one goes to the end of its block, none is renamed or removed. The first
    block rejects a whole file, the second counts what a file has lost (where it lost everything, it is rejected for
    it), the third counts what was skipped without any observation being lost.
    """

    EMPTY = "empty"
    UNPACK_FAILED = "unpack_failed"
    UNPACK_LIMIT = "unpack_limit"
    NOT_RINEX = "not_rinex"
    NOT_OBSERVATIONS = "not_observations"
    UNSUPPORTED_VERSION = "unsupported_version"
    NO_END_OF_HEADER = "no_end_of_header"
    NO_OBS_TYPES = "no_obs_types"
    NO_EPOCHS = "no_epochs"
    UNREADABLE = "unreadable"
    FASTER_THAN_GRID = "faster_than_grid"
    READER_FAILED = "reader_failed"
    UNSUPPORTED_CONTAINER = "unsupported_container"
    KILLED_WORKERS = "killed_workers"
    NO_INTERVAL = "no_interval"
    NOT_ORBITS = "not_orbits"

    TRUNCATED = "truncated"
    BAD_EPOCH_RECORD = "bad_epoch_record"
    BAD_EPOCH_FLAG = "bad_epoch_flag"
    BAD_SATELLITE = "bad_satellite"
    UNDECLARED_SYSTEM = "undeclared_system"
    SATELLITE_COUNT = "satellite_count"
    BAD_VALUE = "bad_value"
    STRAY_LINE = "stray_line"
    DUPLICATE_EPOCH = "duplicate_epoch"
    DUPLICATE_SATELLITE = "duplicate_satellite"
    CRINEX_DAMAGE = "crinex_damage"
    MEMBER_REFUSED = "member_refused"
    OTHER_MARKER = "other_marker"
    BAD_HEADER_RECORD = "bad_header_record"
    OFF_GRID = "off_grid"
    OUT_OF_BOUNDS = "out_of_bounds"
    IMPLAUSIBLE_DATE = "implausible_date"
    UNKNOWN_CODE = "unknown_code"
    SECOND_COLUMN = "second_column"
    UNKNOWN_SCALE = "unknown_scale"
    LINE_COUNT = "line_count"
    NOT_MIXED = "not_mixed"
    NOT_APPENDED = "not_appended"
    UNKNOWN_MESSAGE = "unknown_message"

    COMMENT = "comment"
    BLANK_LINE = "blank_line"
    EVENT = "event"
    HEADER_RECORD = "header_record"
    CYCLE_SLIP_RECORD = "cycle_slip_record"
    UNKNOWN_LABEL = "unknown_label"
    PSEUDO_OBSERVABLE = "pseudo_observable"
    REVERSED_EPOCH = "reversed_epoch"
    SUPERSEDED = "superseded"
    DUPLICATE_CONTENT = "duplicate_content"
    OTHER_MEMBER = "other_member"
    TRAILING_BYTES = "trailing_bytes"
    HEADER_ODDITY = "header_oddity"
    JOINED_EPOCH = "joined_epoch"
    SSI_DIFFERS = "ssi_differs"

    @property
    def loses(self) -> bool:
        """Whether a file with this count has lost observations, and so ends ``partial``."""
        return self not in _HARMLESS


_HARMLESS = frozenset(
    {
        Reason.COMMENT,
        Reason.BLANK_LINE,
        Reason.EVENT,
        Reason.HEADER_RECORD,
        Reason.CYCLE_SLIP_RECORD,
        Reason.UNKNOWN_LABEL,
        Reason.PSEUDO_OBSERVABLE,
        Reason.REVERSED_EPOCH,
        Reason.SUPERSEDED,
        Reason.DUPLICATE_CONTENT,
        Reason.OTHER_MEMBER,
        Reason.TRAILING_BYTES,
        Reason.HEADER_ODDITY,
        Reason.JOINED_EPOCH,
        Reason.SSI_DIFFERS,
    }
)


class GnssiceError(Exception):
    """The base of all errors of this package."""

    exit_code: ClassVar[int] = 1


class ConfigError(GnssiceError):
    """The settings are wrong: fix them and start again."""

    exit_code = 2


class ArchiveError(GnssiceError):
    """The archive can't be listed or fetched: fix access, or wait."""

    exit_code = 3


class AccessDeniedError(ArchiveError):
    """An object store gives nothing to these credentials: they have ended or are the wrong ones.

    No file is to blame, so none is rejected for it: the run stops, and goes on where it was when it is started again.
    """


class PlanError(GnssiceError):
    """The archive and the store don't fit together; every conflict is listed.

    Parameters
    ----------
    conflicts
        One sentence per conflict, each naming the file, the receiver or the partition.
    """

    exit_code = 4

    def __init__(self, conflicts: Sequence[str]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__("\n".join(self.conflicts))

    @override
    def __reduce__(self) -> tuple[type["PlanError"], tuple[tuple[str, ...]]]:
        return type(self), (self.conflicts,)


class StoreError(GnssiceError):
    """The repository can't be written as planned; the message says what stands."""

    exit_code = 5


class RunConflictError(StoreError):
    """Another run is active, or published first; nothing is lost: start again."""

    exit_code = 6


class RefusedError(GnssiceError):
    """Too many files were rejected, or one where the settings allow none; the run was stopped."""

    exit_code = 1


class InterruptedRunError(GnssiceError):
    """The run was stopped from outside; its journal keeps what it had finished: start it again to resume."""

    exit_code = 7


class NoSchedulerError(GnssiceError):
    """No scheduler has answered a worker for as long as it may wait: there is no run that needs it."""

    exit_code = 8


class ReadError(GnssiceError):
    """One file can't be read; it becomes that file's outcome and never stops a run.

    Parameters
    ----------
    reason
        Why, one of the reasons that refuse a whole file.
    detail
        What was found, in a sentence.
    line
        Line number of the first offence, counted from 1 in the unpacked file; 0 where there is none.
    first_bytes
        The first bytes of the offending line.
    counts
        What was lost on the way to it, by reason.
    lines
        Lines of the unpacked file; 0 where they were not counted.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        line: int = 0,
        first_bytes: bytes = b"",
        counts: Mapping[Reason, int] | None = None,
        lines: int = 0,
    ) -> None:
        self.reason = reason
        self.detail = detail
        self.line = line
        self.first_bytes = bytes(first_bytes[:80])
        self.counts = dict(counts or {})
        self.lines = lines
        where = f" (line {line})" if line else ""
        super().__init__(f"{reason}: {detail}{where}")

    @override
    def __reduce__(self) -> tuple[object, ...]:
        place = {"line": self.line, "first_bytes": self.first_bytes, "counts": self.counts, "lines": self.lines}
        return _read_error, (self.reason, self.detail, place)


def _read_error(reason: Reason, detail: str, place: Mapping[str, Any]) -> ReadError:
    return ReadError(reason, detail, **place)
