"""Garbage collection that spares what unpublished runs need."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from gnssice_batch import config
from gnssice_batch.errors import StoreError
from gnssice_batch.job.journal import RunRecord
from gnssice_batch.job.target import RINEX, Target, target_of
from gnssice_batch.log import logger
from gnssice_batch.operate.open_runs import CLOCKS, began, for_writing, journal_of, open_runs_at
from gnssice_batch.operate.status import no_repository
from gnssice_batch.operate.vod_status import named_snapshots
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.together import together
from gnssice_batch.store.versions import Version
from gnssice_batch.store.writing.garbage import Collected, all_versions, collect, expirable, expire
from gnssice_batch.store.writing.structure import staged_runs

_log = logger(__name__)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_A_LITTLE: Final = timedelta(milliseconds=1)


def expire_versions(
    settings: config.Settings, older_than: timedelta, *, dry_run: bool = False, product: str = RINEX
) -> tuple[Version, ...]:
    """Let versions older than so much leave the history; nothing is deleted.

    Parameters
    ----------
    product
        What the repository holds.

    Returns
    -------
    tuple of Version
        Those that have expired, or would, oldest first.

    Raises
    ------
    StoreError
        When there is no repository, when storage fails, or when an open run was planned on one of them.
    """
    target = target_of(settings, product=product)
    repository, cutoff = for_writing(target), datetime.now(UTC) - older_than
    if repository is None:
        raise no_repository(target)
    with repository.lock:
        cutoff = sparing_vod(settings, repository, cutoff) if product == RINEX else cutoff
        check_open_runs(target, repository, _NEVER, expirable(repository, cutoff))
        return expire(repository, cutoff, dry_run=dry_run)


def collect_garbage(
    settings: config.Settings,
    older_than: timedelta,
    *,
    dry_run: bool = True,
    keep_versions: bool = False,
    product: str = RINEX,
) -> Collected:
    """Expire versions older than so much, and delete what nothing refers to.

    Parameters
    ----------
    keep_versions
        Let none expire.
    product
        What the repository holds.

    Raises
    ------
    StoreError
        When there is no repository, when storage fails, or when it would take from an open run what it has written.
    """
    target = target_of(settings, product=product)
    repository, cutoff = for_writing(target), datetime.now(UTC) - older_than
    if repository is None:
        raise no_repository(target)
    with repository.lock:
        versions_before = sparing_vod(settings, repository, cutoff) if product == RINEX else cutoff
        gone = () if keep_versions else expirable(repository, versions_before)
        check_open_runs(target, repository, cutoff, gone)
        return collect(repository, cutoff, None if keep_versions else versions_before, dry_run=dry_run)


def sparing_vod(settings: config.Settings, repository: Repository, cutoff: datetime) -> datetime:
    """The latest time not after a cutoff up to which versions may expire without one that the vod repository names.

    The next vod run compares the observations with that version: without it all units would be made again.

    Raises
    ------
    StoreError
        When the vod repository can't be read.
    """
    named = named_snapshots(settings)
    if not named:
        return cutoff
    written = [entry.written_at for entry in all_versions(repository) if entry in named]
    first = min(written, default=cutoff)
    if first < cutoff:
        _log.info("versions from %s on are kept: the vod repository was made from that one", first.isoformat())
    return min(first - _A_LITTLE, cutoff)


def check_open_runs(target: Target, repository: Repository, objects_before: datetime, gone: Collection[str]) -> None:
    """Refuse what would take chunks or versions from a run that has a journal, or a staging branch.

    Parameters
    ----------
    objects_before
        When the objects that are to be deleted were written.
    gone
        Versions that are to expire.

    Raises
    ------
    StoreError
        When a run needs any of that.
    """
    runs = {found.run: found.record for found in open_runs_at(target)}
    runs = dict.fromkeys(staged_runs(repository)) | runs
    bases = together(partial(_bases, target, run, record) for run, record in runs.items())
    for (run, record), needed in zip(runs.items(), bases, strict=True):
        since = began(run, record)
        if objects_before > since - CLOCKS or needed.intersection(gone):
            message = (
                f"run {run} is open since {since.isoformat(timespec='seconds')} and needs what would be deleted:"
                f" finish it by starting it again, or give it up (runs abandon {run}{_of(target)}), or name a longer"
                " time"
            )
            raise StoreError(message)


def _of(target: Target) -> str:
    return "" if target.product == RINEX else f" --product {target.product}"


def as_json(found: Collected) -> dict[str, object]:
    """What was deleted, or would be, as plain JSON values."""
    return {
        "expired_versions": found.expired,
        "snapshots": found.snapshots,
        "manifests": found.manifests,
        "chunks": found.chunks,
        "state_copies": found.copies,
        "size_bytes": found.size_bytes,
        "listed_objects": found.objects,
        "seconds": found.seconds,
    }


def _bases(target: Target, run: str, record: RunRecord | None) -> set[str]:
    """The snapshots that a run's work is compared with when it goes on."""
    structure = journal_of(target.journals, run, record).structure()
    return {record.base if record else "", structure.base if structure else ""}
