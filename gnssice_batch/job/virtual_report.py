"""The report of a job on a virtual repository."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from gnssice_batch.job.report import EXIT_DONE, EXIT_REFUSED, JobReport
from gnssice_batch.model.virtual import SeriesGrid, VirtualRow, VirtualState


@dataclass(frozen=True, slots=True)
class SeriesTold:
    """An array over time as a report shows it."""

    receiver: str
    grid: SeriesGrid
    files: int
    """That this job has put into it."""


@dataclass(frozen=True, slots=True)
class VirtualReport(JobReport):
    """What a job did, or would do, to a virtual repository."""

    rows: tuple[VirtualRow, ...] = ()
    """The new rows of the ledger."""
    series: tuple[SeriesTold, ...] = ()
    up_to_date: int = 0
    """Files that were referenced already."""
    missing: tuple[str, ...] = ()
    """Files that are referenced and gone: what they gave can't be read."""
    skipped: tuple[str, ...] = ()
    """Files that the layout does not fit."""
    repointed: str | None = None
    """Where the archive was; None where it is where it was."""
    failed: tuple[tuple[str, str], ...] = ()
    """Files that could not be made native, and why."""

    @property
    def rejected(self) -> tuple[VirtualRow, ...]:
        """Files of which nothing could be referenced."""
        return tuple(row for row in self.rows if row.state is VirtualState.REJECTED)

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return {
            "run": self.run,
            "url": self.url,
            "snapshot": self.snapshot,
            "tagged": self.tagged,
            "partitions": self.partitions,
            "resumed": self.resumed,
            "set_aside": list(self.set_aside),
            "seconds": round(self.seconds, 3),
            "bytes_read": self.bytes_read,
            "up_to_date": self.up_to_date,
            "files": counted(self.rows),
            "series": [{**asdict(one), "grid": asdict(one.grid)} for one in self.series],
            "own_groups": [_told(row) for row in self.rows if row.group and row.reason],
            "rejected": [_told(row) for row in self.rejected],
            "missing": list(self.missing),
            "skipped": len(self.skipped),
            "repointed": self.repointed,
            "failed": [{"file": uri, "why": why} for uri, why in self.failed],
            "requests": self.used_in_all.as_json(),
        }


def counted(rows: Iterable[VirtualRow]) -> dict[str, int]:
    """Files by state."""
    found = Counter(str(row.state) for row in rows)
    return {str(state): found[str(state)] for state in VirtualState}


def shortfalls(report: VirtualReport, max_refused_fraction: float) -> tuple[str, ...]:
    """Why a job that published ends with 1, a sentence each."""
    sentences = []
    if report.rows and len(report.rejected) / len(report.rows) > max_refused_fraction:
        allowed = f"more than run.max_refused_fraction allows ({max_refused_fraction:g})"
        sentences.append(f"{len(report.rejected)} of {len(report.rows)} files were rejected, {allowed}")
    if report.failed:
        sentences.append(f"{len(report.failed)} files could not be made native, {report.failed[0][0]} for one")
    if report.set_aside:
        sentences.append(f"{len(report.set_aside)} partitions killed their workers and were set aside")
    return tuple(sentences)


def exit_code(report: VirtualReport, max_refused_fraction: float) -> int:
    """The exit code of a job that is over."""
    return EXIT_REFUSED if shortfalls(report, max_refused_fraction) else EXIT_DONE


def _told(row: VirtualRow) -> dict[str, object]:
    return {"file": row.file.uri, "group": row.group, "reason": row.reason, "detail": row.detail}
