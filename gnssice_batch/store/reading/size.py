"""The size of a repository on disk or in an object store."""

from functools import partial

import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.repository import MAIN, Repository
from gnssice_batch.store.together import together


def group_bytes(repository: Repository, branch: str = MAIN) -> dict[str, int]:
    """Bytes of the stored chunks of each root group at the head of a branch, the ledger left out."""
    store = repository.handle.readonly_session(branch).store
    try:
        root = zarr.open_group(store, mode="r", zarr_format=3)
    except FileNotFoundError:
        return {}
    groups = dict(root.groups())
    return dict(zip(groups, together(partial(_stored_bytes, group) for group in groups.values()), strict=True))


def _stored_bytes(group: zarr.Group) -> int:
    return sum(array.nbytes_stored() for _, array in group.arrays())


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
