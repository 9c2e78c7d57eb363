"""Garbage collection: old versions expired, unreferenced objects deleted."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.entries import Entry
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.faults import as_store_errors, first_line
from gnssice_batch.store.repository import MAIN, OBJECTS_OF_AN_UPDATE, Repository
from gnssice_batch.store.storages import storage
from gnssice_batch.store.tags import tags
from gnssice_batch.store.together import together
from gnssice_batch.store.versions import Version, versions_leading_to

_CHUNKS = "chunks"
"""Where Icechunk keeps chunks in a repository's folder."""
_COPIES: Final = "overwritten"
"""Where Icechunk leaves a copy of the repository's state at every update of it; their names sort the newest first."""
COPIES_KEPT: Final = 4
"""The newest ones stay however old they are: damage of the state is mended with them."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted, or would be."""

    expired: int
    """Versions that leave the history."""
    snapshots: int
    manifests: int
    chunks: int
    copies: int
    """Of the repository's state, one for every update of it."""
    size_bytes: int
    objects: int = field(compare=False)
    """Files or objects of the repository, all of which are listed to find those that nothing refers to."""
    seconds: float = field(compare=False)
    """How long it took."""


def sparing(repository: Repository, cutoff: datetime) -> datetime:
    """The latest time not after a cutoff up to which versions may expire so that no branch is cut off from ``main``.

    A branch that goes on from the head of ``main`` could not be published any more.
    """
    handle = repository.handle
    base = handle.lookup_branch(MAIN)
    for branch in handle.list_branches():
        history = {entry.id: entry.written_at for entry in handle.ancestry(branch=branch)}
        if handle.lookup_branch(branch) != base and base in history:
            cutoff = min(cutoff, history[base])
    return cutoff


def expirable(repository: Repository, cutoff: datetime) -> tuple[Version, ...]:
    """Versions that leave the history, oldest first: older than a time, and not the first nor one with a name."""
    handle, cutoff = repository.handle, sparing(repository, cutoff)
    heads = {handle.lookup_branch(branch) for branch in handle.list_branches()}
    named = heads.union(tags(repository).values())
    found = versions_leading_to(repository, named).values()
    gone = (one for one in found if one.number and one.id not in named and one.written_at < cutoff)
    return tuple(sorted(gone, key=lambda version: version.written_at))


def expire(repository: Repository, cutoff: datetime, *, dry_run: bool) -> tuple[Version, ...]:
    """Let versions older than a time leave the history, or only tell which would, oldest first.

    The caller holds the repository's lock.

    Raises
    ------
    StoreError
        When storage fails; all versions stand then.
    """
    with as_store_errors(repository.url):
        gone = expirable(repository, cutoff)
        if gone and not dry_run:
            repository.handle.expire_snapshots(sparing(repository, cutoff))
            repository.wrote(OBJECTS_OF_AN_UPDATE)
    return gone


def all_versions(repository: Repository) -> tuple[Version, ...]:
    """What branches and tags lead to."""
    handle = repository.handle
    heads = {handle.lookup_branch(branch) for branch in handle.list_branches()}
    return tuple(versions_leading_to(repository, heads.union(tags(repository).values())).values())


def collect(
    repository: Repository, objects_before: datetime, versions_before: datetime | None, *, dry_run: bool
) -> Collected:
    """Expire old versions, and delete old objects that nothing refers to, copies of the state among them.

    Parameters
    ----------
    objects_before
        What was written later is not deleted.
    versions_before
        Versions that were written later do not expire; None: none does.
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
            folder = folder_at(repository.location)
            entries = folder.entries()
            expired, found = _expire_and_collect(repository, objects_before, versions_before, dry_run=dry_run)
            copies = _old_copies(repository, entries, objects_before)
            if not dry_run:
                together(partial(folder.remove_file, name) for name in copies)
    except (icechunk.IcechunkError, OSError) as error:
        message = f"the garbage of {repository.url} can't be collected, its versions stand: {first_line(error)}"
        raise StoreError(message) from error
    if found.objects_failed_to_delete:
        message = f"{found.objects_failed_to_delete} objects of {repository.url} can't be deleted, try again"
        raise StoreError(message)
    return Collected(
        expired=expired,
        snapshots=found.snapshots_deleted,
        manifests=found.manifests_deleted,
        chunks=found.chunks_deleted,
        copies=len(copies),
        size_bytes=found.bytes_deleted + sum(copies.values()),
        objects=len(entries),
        seconds=time.monotonic() - started,
    )


def _expire_and_collect(
    repository: Repository, objects_before: datetime, versions_before: datetime | None, *, dry_run: bool
) -> tuple[int, icechunk.GCSummary]:
    """How many versions expire, and what Icechunk has deleted, or would."""
    old = expirable(repository, versions_before) if versions_before else ()
    with _trial_copy(repository) if dry_run and old else nullcontext(repository.handle) as handle:
        if versions_before and old:
            handle.expire_snapshots(sparing(repository, versions_before))
        return len(old), handle.garbage_collect(objects_before, dry_run=dry_run)


def _old_copies(repository: Repository, entries: Mapping[str, Entry], before: datetime) -> dict[str, int]:
    """Copies of the repository's state that are to go, with their sizes.

    The log of updates goes on in the one that the state itself names, so that this one stays.
    """
    names = sorted(name for name in entries if name.startswith(f"{_COPIES}/"))
    if len(names) <= COPIES_KEPT:
        return {}
    named = repository.handle.inspect_repo_info().get("repo_before_updates")
    return {
        name: entries[name].size_bytes
        for name in names[COPIES_KEPT:]
        if name != f"{_COPIES}/{named}" and (entries[name].modified_s or before.timestamp()) < before.timestamp()
    }


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
    shutil.copytree(place, copy, ignore=shutil.ignore_patterns(_CHUNKS, _COPIES))
    if (place / _CHUNKS).is_dir():
        (copy / _CHUNKS).symlink_to(place / _CHUNKS)


def _download(where: Location, copy: Path) -> None:
    """Copy the metadata of an object store, with empty files as long and as old for its chunks."""
    folder = folder_at(where)
    for name, entry in folder.entries().items():
        if name.startswith(f"{_COPIES}/"):
            continue
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith(f"{_CHUNKS}/"):
            with path.open("wb") as file:
                file.truncate(entry.size_bytes)
        else:
            path.write_bytes(folder.read(name))
        if entry.modified_s is not None:
            os.utime(path, (entry.modified_s, entry.modified_s))
