"""The report of a run: outcomes per file, totals, exit code."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from gnssice_batch.archive.skipped import SkippedFile, by_kind
from gnssice_batch.errors import Reason, StoreError
from gnssice_batch.model.reasons import ranked_reasons
from gnssice_batch.model.values import FileOutcome, Status, Tally
from gnssice_batch.planning.changes import Change, changes_json
from gnssice_batch.planning.growth import misdated
from gnssice_batch.planning.requests import Requests
from gnssice_batch.storage.traffic import Traffic

EXIT_DONE: Final = 0
EXIT_REFUSED: Final = 1
OF_THE_GRID: Final = frozenset(
    {
        Reason.OFF_GRID,
        Reason.DUPLICATE_EPOCH,
        Reason.FASTER_THAN_GRID,
        Reason.OUT_OF_BOUNDS,
        Reason.NO_INTERVAL,
    }
)
"""Reasons for which epochs were read well and still are not written."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was verified before publishing."""

    level: str = "units"
    """What the settings asked for: ``units``, ``sample`` or ``full``."""
    units: int = 0
    """Write units of which the commit changed exactly those that were planned."""
    partitions: int = 0
    """Partitions whose cells were read back and compared with a fresh reading of their files."""
    files: int = 0
    """Files read again for it."""
    epochs: int = 0
    """Epochs compared that a file of the run holds."""
    cells: int = 0
    """Cells compared, missing ones included."""
    readers: Mapping[str, int] = field(default_factory=dict)
    """Of the files, how many were read again by each reader: ``plain`` is the second reader."""
    declined: Mapping[str, int] = field(default_factory=dict)
    """Of the files, how many the second reader declined, by its reason."""
    failed: Mapping[str, int] = field(default_factory=dict)
    """Of the files, how many the second reader failed on, by what it raised: a fault of the second reader."""


@dataclass(frozen=True, slots=True)
class JobReport(ABC):
    """What the report of a job of any kind says."""

    run: str
    url: str
    snapshot: str | None
    """The snapshot that was published; None where there was nothing to publish."""
    tagged: str | None = None
    """The snapshot that has got the tag of the settings: the head of the branch, where there was nothing to publish."""
    partitions: int = 0
    seconds: float = 0.0
    resumed: int = 0
    """Partitions that an earlier start of this run had finished."""
    set_aside: tuple[str, ...] = ()
    """Partitions that killed their workers."""
    bytes_read: int = 0
    peak_memory_bytes: int = 0
    """Largest of any worker."""
    kept_at: str | None = None
    """URL of the file that this report is kept in; None for none."""
    used: Mapping[str, Traffic] = field(default_factory=dict)
    """By worker, empty for the coordinator, the requests that were made, as far as they can be counted: not the GETs of
    Icechunk."""

    @property
    def used_in_all(self) -> Traffic:
        """The requests of all processes."""
        return sum(self.used.values(), Traffic())

    @abstractmethod
    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""


@dataclass(frozen=True, slots=True)
class RunReport(JobReport):
    """The report of a run; the files of partitions that are set aside are rejected."""

    files: Mapping[str, tuple[FileOutcome, ...]] = field(default_factory=dict)
    """Outcomes by receiver."""
    up_to_date: int = 0
    """Files that were in the ledger already."""
    left: int = 0
    """New or changed files that were left for a later run, which was asked for."""
    refused_again: tuple[FileOutcome, ...] = ()
    """Files that were read again and rejected for the same reason as before; not part of `files`."""
    skipped_files: tuple[SkippedFile, ...] = ()
    """Files that belong to no receiver."""
    gone: tuple[str, ...] = ()
    """Files that were taken by earlier runs and that the archive has no more."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Receivers that no group was made for, and why; none of their files is in the ledger, the next run tries again."""
    markers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Receivers whose files name several markers: files by marker, those of earlier runs among them."""
    proof: Proof = Proof()
    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    """By receiver what is other in some files than in those before them."""
    planned: Requests = field(default_factory=Requests)
    """What was foreseen of the requests to object stores."""

    @property
    def skipped(self) -> int:
        """Number of files that belong to no receiver."""
        return len(self.skipped_files)

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return as_json(self)


def combined(parts: Iterable[FileOutcome]) -> FileOutcome:
    """One outcome per file from its outcomes in several partitions.

    Raises
    ------
    StoreError
        When what was read is not what was written and refused.
    """
    parts = tuple(parts)
    if len(parts) == 1 and _whole(parts[0]):
        _account(parts[0])
        return parts[0]
    parts = sorted(parts, key=lambda part: not part.facts.sha256)
    refused: dict[Reason, Tally] = dict(parts[0].facts.refused)
    for part in parts:
        for reason, tally in part.refused.items():
            refused[reason] = refused.get(reason, Tally()) + tally
    written = sum((part.written for part in parts), Tally())
    if any(part.refusal and part.refusal.reason is Reason.KILLED_WORKERS for part in parts):
        refused[Reason.KILLED_WORKERS] = _read(parts[0]) - written - sum(refused.values(), Tally())
    whole = replace(
        parts[0],
        status=_status(parts[0], refused),
        written=written,
        refused=refused,
        partitions=tuple(sorted({key for part in parts for key in part.partitions})),
        joined=sum(part.joined for part in parts),
    )
    _account(whole)
    return whole


def exit_code(
    report: RunReport, max_refused_fraction: float, max_lost_fraction: float = 0.05, max_partial_fraction: float = 0.5
) -> int:
    """0, or 1 where the run came to less than the settings allow, as `shortfalls` says."""
    found = shortfalls(report, max_refused_fraction, max_lost_fraction, max_partial_fraction)
    return EXIT_REFUSED if found else EXIT_DONE


def shortfalls(
    report: RunReport, max_refused_fraction: float, max_lost_fraction: float, max_partial_fraction: float
) -> tuple[str, ...]:
    """What a run did not come to, a sentence each; empty where it came to what the settings ask for.

    Parameters
    ----------
    max_refused_fraction, max_partial_fraction
        Part of the files that may be rejected, and that may be taken only in part.
    max_lost_fraction
        Part of a receiver's epochs that may not fit its grid.
    """
    found = [
        f"{receiver} was left out: {report.left_out[receiver]}"
        for receiver, outcomes in report.files.items()
        if any(Reason.NO_INTERVAL in outcome.refused for outcome in outcomes)
    ]
    statuses = Counter(outcome.status for outcomes in report.files.values() for outcome in outcomes)
    files = statuses.total()
    for status, most in ((Status.REJECTED, max_refused_fraction), (Status.PARTIAL, max_partial_fraction)):
        if files and statuses[status] / files > most:
            found.append(f"{statuses[status]:,} of {files:,} files are {status}, allowed are {most:.1%}")
    for receiver, outcomes in report.files.items():
        lost, read = lost_to_grid(outcomes), sum(outcome.facts.epochs for outcome in outcomes)
        if read and sum(lost.values()) / read > max_lost_fraction:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in lost.items())
            found.append(
                f"{receiver}: of {read:,} epochs read these do not fit its grid: {reasons}; allowed are"
                f" {max_lost_fraction:.1%}"
            )
    return tuple(found)


def lost_to_grid(outcomes: Iterable[FileOutcome]) -> dict[Reason, int]:
    """Epochs of a receiver that were read and not written because of its grid, by reason."""
    lost: Counter[Reason] = Counter()
    for outcome in outcomes:
        lost.update({reason: tally.epochs for reason, tally in outcome.refused.items() if reason in OF_THE_GRID})
    return dict(lost)


def as_json(report: RunReport) -> dict[str, object]:
    """The report as plain JSON values."""
    return {
        "run": report.run,
        "url": report.url,
        "snapshot": report.snapshot,
        "tagged": report.tagged,
        "kept_at": report.kept_at,
        "partitions": report.partitions,
        "bytes_read": report.bytes_read,
        "seconds": round(report.seconds, 3),
        "resumed": report.resumed,
        "set_aside": list(report.set_aside),
        "up_to_date": report.up_to_date,
        "left": report.left,
        "refused_again": len(report.refused_again),
        "skipped": report.skipped,
        "skipped_by_kind": by_kind(report.skipped_files),
        "skipped_files": skipped_json(report.skipped_files),
        "gone": len(report.gone),
        "gone_files": list(report.gone),
        "left_out": dict(report.left_out),
        "markers": {receiver: dict(markers) for receiver, markers in report.markers.items()},
        "peak_memory_bytes": report.peak_memory_bytes,
        "proof": asdict(report.proof),
        "requests": {
            "planned": report.planned.as_json(),
            "used": report.used_in_all.as_json(),
            "by_worker": {worker or "coordinator": used.as_json() for worker, used in sorted(report.used.items())},
        },
        "changes": changes_json(report.changes),
        "receivers": {receiver: summary(outcomes) for receiver, outcomes in report.files.items()},
        "misdated_files": [{"file": one.file.uri, "what": said} for one, said in misdated_files(report)],
        "refused_files": [_refused_file(outcome) for outcome in refused_files(report)],
    }


def summary(outcomes: Iterable[FileOutcome]) -> dict[str, object]:
    """Files by status, epochs and observations read and written, refusals by reason, of one receiver."""
    outcomes = list(outcomes)
    statuses = Counter(str(outcome.status) for outcome in outcomes)
    refused: dict[str, int] = {}
    for outcome in outcomes:
        for reason, tally in outcome.refused.items():
            refused[str(reason)] = refused.get(str(reason), 0) + tally.epochs
    return {
        "files": {str(status): statuses.get(str(status), 0) for status in Status},
        "epochs_read": sum(outcome.facts.epochs for outcome in outcomes),
        "epochs_written": sum(outcome.written.epochs for outcome in outcomes),
        "epochs_joined": sum(outcome.joined for outcome in outcomes),
        "epochs_refused": refused,
        "epochs_lost_to_grid": sum(lost_to_grid(outcomes).values()),
        "observations_read": sum(outcome.facts.observations for outcome in outcomes),
        "observations_written": sum(outcome.written.observations for outcome in outcomes),
    }


def refused_files(report: RunReport) -> tuple[FileOutcome, ...]:
    """The files that were rejected or are partial, rejected ones first."""
    odd = [outcome for outcomes in report.files.values() for outcome in outcomes if outcome.status is not Status.OK]
    return tuple(sorted(odd, key=lambda outcome: (outcome.status is not Status.REJECTED, outcome.file.uri)))


def all_reasons(outcome: FileOutcome) -> dict[Reason, int]:
    """Why a file was rejected or is partial, all with their counts, the one that matters most first."""
    rejected_for = outcome.refusal.reason if outcome.refusal and outcome.status is Status.REJECTED else None
    return ranked_reasons(rejected_for, outcome.facts.skipped, outcome.refused or outcome.facts.refused)


def skipped_json(files: Iterable[SkippedFile]) -> list[dict[str, object]]:
    """Skipped files as plain JSON values."""
    return [
        {"file": file.uri, "kind": str(file.kind), "reason": file.why, "observations": file.observations}
        for file in files
    ]


def _refused_file(outcome: FileOutcome) -> dict[str, object]:
    refusal = outcome.refusal
    return {
        "file": outcome.file.uri,
        "receiver": outcome.file.receiver,
        "status": str(outcome.status),
        "reason": str(refusal.reason) if refusal else "",
        "detail": refusal.detail if refusal else "",
        "line": refusal.line if refusal else 0,
        "first_bytes": refusal.first_bytes.decode("latin-1") if refusal else "",
        "reasons": {str(reason): count for reason, count in all_reasons(outcome).items()},
    }


def _whole(part: FileOutcome) -> bool:
    """Whether a file's only part says all there is to say of it."""
    killed = part.refusal is not None and part.refusal.reason is Reason.KILLED_WORKERS
    return not (part.facts.refused or killed) and _status(part, part.refused) is part.status


def _status(outcome: FileOutcome, refused: Mapping[Reason, Tally]) -> Status:
    """A file that lost epochs on the grid is partial, whatever the reader thought of it."""
    if outcome.status is Status.OK and any(reason.loses for reason in refused):
        return Status.PARTIAL
    return outcome.status


def _read(outcome: FileOutcome) -> Tally:
    return Tally(outcome.facts.epochs, outcome.facts.observations)


def _account(outcome: FileOutcome) -> None:
    ends = outcome.written + sum(outcome.refused.values(), Tally())
    read = _read(outcome)
    if ends != read:
        msg = (
            f"{outcome.file.uri}: {read.epochs} epochs with {read.observations} values were read,"
            f" {ends.epochs} with {ends.observations} are accounted for; nothing was published: please report this"
        )
        raise StoreError(msg)


def misdated_files(report: RunReport) -> tuple[tuple[FileOutcome, str], ...]:
    """The files whose name and content are more than a day apart, each with a sentence that says so."""
    outcomes = (outcome for outcomes in report.files.values() for outcome in outcomes)
    found = ((outcome, misdated(outcome.file, outcome.facts.span)) for outcome in outcomes)
    return tuple((outcome, said) for outcome, said in found if said)
