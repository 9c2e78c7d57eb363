"""Garbage collection that spares what unpublished runs need."""

from datetime import UTC, datetime, timedelta
from functools import partial

from gnssice_batch import config
from gnssice_batch.errors import StoreError
from gnssice_batch.job.journal import RunRecord
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.operate.open_runs import CLOCKS, began, for_writing, journal_of, open_runs_at
from gnssice_batch.operate.status import no_repository
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.together import together
from gnssice_batch.store.writing.garbage import Collected, collect, expirable
from gnssice_batch.store.writing.structure import staged_runs


def collect_garbage(settings: config.Settings, older_than: timedelta, *, dry_run: bool = True) -> Collected:
    """Expire versions older than so much, and delete what nothing refers to.

    Raises
    ------
    StoreError
        When there is no repository, when storage fails, or when it would take from an open run what it has written.
    """
    target = target_of(settings)
    repository, cutoff = for_writing(target), datetime.now(UTC) - older_than
    if repository is None:
        raise no_repository(target)
    with repository.lock:
        _check_open_runs(target, repository, cutoff)
        return collect(repository, cutoff, dry_run=dry_run)


def _check_open_runs(target: Target, repository: Repository, cutoff: datetime) -> None:
    """Refuse what would take chunks or versions from a run that has a journal, or a staging branch."""
    runs = {found.run: found.record for found in open_runs_at(target)}
    runs = dict.fromkeys(staged_runs(repository)) | runs
    old = expirable(repository, cutoff)
    bases = together(partial(_bases, target, run, record) for run, record in runs.items())
    for (run, record), needed in zip(runs.items(), bases, strict=True):
        since = began(run, record)
        if cutoff > since - CLOCKS or needed & old:
            message = (
                f"run {run} is open since {since.isoformat(timespec='seconds')} and needs what would be deleted:"
                f" finish it by starting it again, or give it up (runs abandon {run}), or name a longer time"
            )
            raise StoreError(message)


def _bases(target: Target, run: str, record: RunRecord | None) -> set[str]:
    """The snapshots that a run's work is compared with when it goes on."""
    structure = journal_of(target.journals, run, record).structure()
    return {record.base if record else "", structure.base if structure else ""}
