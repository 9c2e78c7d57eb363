"""The trimming of stretched axes to their data, in a version of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from gnssice_batch import config
from gnssice_batch.job.target import target_of
from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.operate.open_runs import check_none_open, for_writing
from gnssice_batch.operate.status import no_repository
from gnssice_batch.store.reading.contents import branch_head
from gnssice_batch.store.repository import no_such_branch
from gnssice_batch.store.writing.trimming import TrimmedAxis, trim_axes


@dataclass(frozen=True, slots=True)
class TrimReport:
    """What trimming has come to, or would."""

    url: str
    snapshot: str | None
    """The new version; None where nothing had to be done, or was only asked for."""
    receivers: Mapping[str, TrimmedAxis]


def trim(settings: config.Settings, *, dry_run: bool = False) -> TrimReport:
    """Cut the axes of all receivers back to their data, in one commit on the branch of the settings.

    Cells, ledger and earlier versions stay as they are.

    Parameters
    ----------
    dry_run
        Only say what would be done.

    Raises
    ------
    StoreError
        When there is no repository, when a run is open that was planned for the axes as they are, or when storage
        fails; nothing has changed then.
    """
    target = target_of(settings)
    repository = for_writing(target)
    if repository is None:
        raise no_repository(target)
    if branch_head(repository, target.branch) is None:
        raise no_such_branch(repository, target.branch)
    with repository.lock:
        if not dry_run:
            check_none_open(target, repository, "was planned for the axes as they are", "trimmed")
        snapshot, axes = trim_axes(repository, target.branch, dry_run=dry_run)
    return TrimReport(repository.url, snapshot, axes)


def as_json(report: TrimReport) -> dict[str, object]:
    """The report as plain JSON values."""
    return {
        "url": report.url,
        "snapshot": report.snapshot,
        "receivers": {receiver: _axis_json(axis) for receiver, axis in report.receivers.items()},
    }


def _axis_json(axis: TrimmedAxis) -> dict[str, object]:
    span, after = axis.span, axis.after
    return {
        "first_epoch": str(gps_datetime(span.first_ns)) if span else None,
        "last_epoch": str(gps_datetime(span.last_ns)) if span else None,
        "epochs_before": axis.before.size,
        "epochs_after": after.size,
        "axis_start": str(gps_datetime(after.time_ns(0))),
    }
