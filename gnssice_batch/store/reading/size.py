"""The size of a repository on disk or in an object store, or of a group in it."""

import asyncio

import zarr
from zarr.core.sync import sync

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.repository import Repository


def repository_bytes(repository: Repository) -> int:
    """Bytes of all files of a repository: every snapshot, metadata and what garbage collection would remove.

    Raises
    ------
    StoreError
        When an object store can't be listed.
    """
    where = repository.location
    if where.local:
        return sum(path.stat().st_size for path in local_path(where.url).rglob("*") if path.is_file())
    try:
        return sum(entry.size_bytes for entry in folder_at(where).entries().values())
    except OSError as error:
        msg = f"the objects of {where.url} can't be listed: {error}"
        raise StoreError(msg) from error


def group_bytes(group: zarr.Group) -> int:
    """Bytes of what is stored in a receiver's group, its ledger left out."""
    whole, ledger, document = sync(_sizes(group))
    return whole - ledger - document


async def _sizes(group: zarr.Group) -> list[int]:
    store, path = group.store, group.path
    parts = (
        store.getsize_prefix(f"{path}/"),
        store.getsize_prefix(f"{path}/metadata/"),
        store.getsize(f"{path}/zarr.json"),
    )
    return list(await asyncio.gather(*parts))
