"""Manifests in more pieces than they have to be, written again."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.store.faults import as_store_errors
from gnssice_batch.store.repository import OBJECTS_OF_A_COMMIT, Repository, manifest_length

_MESSAGE = "manifests written again, data and ledgers as they were"
_WORTH = 1.25
"""Manifests are written again where there are so many times those that are needed."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """Those of a version."""

    found: int
    needed: int
    """As many as there would be if they were all written at once."""

    @property
    def scattered(self) -> bool:
        """Whether it is worth a version to write them again."""
        return self.found >= _WORTH * max(self.needed, 1)


def manifests_of(repository: Repository, snapshot: str) -> Manifests:
    """Count the manifests of a version.

    Raises
    ------
    StoreError
        When it can't be read.
    """
    with as_store_errors(repository.url):
        parts = list(_parts(repository.handle.inspect_snapshot(snapshot)["nodes"]))
    return Manifests(sum(found for found, _ in parts), sum(needed for _, needed in parts))


def rewrite_manifests(repository: Repository, branch: str) -> str:
    """Write the manifests of a branch's head again, in one commit that changes nothing that a reader sees.

    The caller holds the repository's lock.

    Returns
    -------
    str
        The new snapshot.

    Raises
    ------
    StoreError
        When another run moved the branch meanwhile, or the storage fails; nothing has changed then.
    """
    with as_store_errors(repository.url):
        try:
            snapshot = repository.handle.rewrite_manifests(_MESSAGE, branch=branch)
        except icechunk.ConflictError as error:
            message = f"another run moved {branch!r} meanwhile, its manifests are as they were: start again"
            raise StoreError(message) from error
        written = repository.handle.list_manifest_files(snapshot)
    repository.wrote(OBJECTS_OF_A_COMMIT + len(written))
    return snapshot


def _parts(nodes: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Of each array that has any, its manifests and those that it needs at most."""
    for node in nodes:
        if found := len(node.get("manifest_refs") or ()):
            yield found, prod(ceil(axis["num_chunks"] / _length(axis)) for axis in node["shape"])


def _length(axis: dict[str, Any]) -> int:
    return manifest_length(axis.get("name", "")) or max(axis["num_chunks"], 1)
