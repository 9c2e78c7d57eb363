"""The proof that a server honours conditional writes, made once, remembered in the repository."""

from datetime import UTC, datetime
from typing import Final

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.conditions import faults_of_conditional_writes
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.stores import server

PROOF: Final = "gnssice_batch_conditional_writes"
"""Key in the repository's metadata."""


def is_proven(handle: icechunk.Repository, where: Location) -> bool:
    """Whether the server of a repository has been tried already."""
    kept = handle.get_metadata().get(PROOF)
    return isinstance(kept, dict) and kept.get("server") == server(where)


def prove(where: Location) -> None:
    """Try the server before anything is committed to it.

    Raises
    ------
    StoreError
        When it lets pass what it should refuse.
    OSError
        When it does not answer.
    """
    faults = faults_of_conditional_writes(where)
    if faults:
        msg = (
            f"the server {server(where)} does not honour conditional writes, so two runs could both publish and one"
            f" be lost: {'; '.join(faults)}. It can hold an archive but no store: use AWS S3, Azure, or a recent MinIO"
            " or Ceph"
        )
        raise StoreError(msg)


def remember(handle: icechunk.Repository, where: Location) -> None:
    """Keep with the repository that its server was tried."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    handle.update_metadata({PROOF: {"server": server(where), "proven": when}})
