"""Old versions and what nothing refers to any more: expired and deleted."""

from dataclasses import dataclass
from datetime import datetime

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.store.repository import Repository


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted, or would be."""

    expired: int
    """Versions that leave the history."""
    snapshots: int
    manifests: int
    chunks: int
    size_bytes: int


def expirable(repository: Repository, cutoff: datetime) -> frozenset[str]:
    """Snapshots that leave the history: older than a time, neither the first nor what a branch or tag points at."""
    handle = repository.handle
    kept = {handle.lookup_branch(branch) for branch in handle.list_branches()}
    kept |= {handle.lookup_tag(tag) for tag in handle.list_tags()}
    old = set()
    for tip in kept:
        history = list(handle.ancestry(snapshot_id=tip))
        kept = kept | {history[-1].id}
        old |= {entry.id for entry in history if entry.written_at < cutoff}
    return frozenset(str(snapshot) for snapshot in old - kept)


def collect(repository: Repository, cutoff: datetime, *, dry_run: bool) -> Collected:
    """Expire what is older than a time, and delete what nothing refers to and is older too.

    Parameters
    ----------
    dry_run
        Delete nothing; what only the expired versions refer to is not counted then.

    Raises
    ------
    StoreError
        When storage fails; what was deleted by then is gone, no version that is kept is harmed.
    """
    try:
        with repository.lock:
            old = expirable(repository, cutoff)
            if not dry_run:
                repository.handle.expire_snapshots(cutoff)
            found = repository.handle.garbage_collect(cutoff, dry_run=dry_run)
    except icechunk.IcechunkError as error:
        message = f"the garbage of {repository.url} can't be collected, its versions stand: {error}"
        raise StoreError(message) from error
    if found.objects_failed_to_delete:
        message = f"{found.objects_failed_to_delete} objects of {repository.url} can't be deleted, try again"
        raise StoreError(message)
    return Collected(
        len(old), found.snapshots_deleted, found.manifests_deleted, found.chunks_deleted, found.bytes_deleted
    )
