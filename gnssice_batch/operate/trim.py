"""The trimming of stretched axes to their data, in a version of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from gnssice_batch import config
from gnssice_batch.job.target import target_of
from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.operate.changing import held_still
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
    with held_still(target, "was planned for the axes as they are", "trimmed", dry_run=dry_run) as repository:
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
