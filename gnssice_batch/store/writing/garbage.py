"""Garbage collection: old versions expired, unreferenced objects deleted."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.faults import first_line
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.storages import storage

_CHUNKS = "chunks"
"""Where Icechunk keeps chunks in a repository's folder."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted, or would be."""

    expired: int
    """Versions that leave the history."""
    snapshots: int
    manifests: int
    chunks: int
    size_bytes: int
    objects: int = field(compare=False)
    """Files or objects of the repository, all of which are listed to find those that nothing refers to."""
    seconds: float = field(compare=False)
    """How long it took."""


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
        Expire and delete nothing, but count what would be: on a copy of the metadata, in a temporary folder.

    Raises
    ------
    StoreError
        When storage fails; what was deleted by then is gone, no version that is kept is harmed.
    """
    started = time.monotonic()
    try:
        with repository.lock:
            objects = len(folder_at(repository.location).entries())
            old = expirable(repository, cutoff)
            with _trial_copy(repository) if dry_run and old else nullcontext(repository.handle) as handle:
                if old or not dry_run:
                    handle.expire_snapshots(cutoff)
                found = handle.garbage_collect(cutoff, dry_run=dry_run)
    except (icechunk.IcechunkError, OSError) as error:
        message = f"the garbage of {repository.url} can't be collected, its versions stand: {first_line(error)}"
        raise StoreError(message) from error
    if found.objects_failed_to_delete:
        message = f"{found.objects_failed_to_delete} objects of {repository.url} can't be deleted, try again"
        raise StoreError(message)
    return Collected(
        len(old),
        found.snapshots_deleted,
        found.manifests_deleted,
        found.chunks_deleted,
        found.bytes_deleted,
        objects,
        time.monotonic() - started,
    )


@contextmanager
def _trial_copy(repository: Repository) -> Iterator[icechunk.Repository]:
    """A copy of a repository's metadata beside its very chunks: versions may expire there, chunks only be counted."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        if repository.location.local:
            _copy(local_path(repository.url), copy)
        else:
            _download(repository.location, copy)
        yield icechunk.Repository.open(storage(str(copy)))


def _copy(place: Path, copy: Path) -> None:
    shutil.copytree(place, copy, ignore=lambda inside, _: {_CHUNKS} if Path(inside) == place else set())
    if (place / _CHUNKS).is_dir():
        (copy / _CHUNKS).symlink_to(place / _CHUNKS)


def _download(where: Location, copy: Path) -> None:
    """Copy the metadata of an object store, with empty files as long and as old for its chunks."""
    folder = folder_at(where)
    for name, entry in folder.entries().items():
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith(f"{_CHUNKS}/"):
            with path.open("wb") as file:
                file.truncate(entry.size_bytes)
        else:
            path.write_bytes(folder.read(name))
        if entry.modified_s is not None:
            os.utime(path, (entry.modified_s, entry.modified_s))
