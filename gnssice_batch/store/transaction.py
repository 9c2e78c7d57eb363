"""A transaction: what is written together, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import icechunk

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.store.faults import first_line
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.versions import Version, versions


@dataclass(slots=True)
class Transaction:
    """What is written together, or not at all."""

    repository: Repository
    session: icechunk.Session
    """Icechunk's own session, for what this interface does not offer."""
    branch: str
    version: Version | None = None
    """What was committed; None as long as nothing was."""

    def commit(self, message: str, metadata: Mapping[str, Any] | None = None) -> Version:
        """Publish everything that was written, as one version.

        If another writer was faster, and has changed other chunks, this version goes on top of the other.

        Raises
        ------
        RunConflictError
            When another writer has changed the same; nothing is stored then.
        StoreError
            When nothing was written, or the storage fails; nothing is stored then.
        """
        try:
            with self.repository.lock:
                self.session.commit(
                    message, metadata=dict(metadata or {}), rebase_with=icechunk.ConflictDetector(), rebase_tries=100
                )
        except (icechunk.RebaseFailedError, icechunk.ConflictError) as error:
            said = first_line(error)
            msg = f"another writer has changed the same since this transaction began; nothing is stored: {said}"
            raise RunConflictError(msg) from error
        except icechunk.IcechunkError as error:
            msg = f"the transaction can't be committed, nothing is stored: {first_line(error)}"
            raise StoreError(msg) from error
        committed = self.session.snapshot_id
        self.version = next(each for each in versions(self.repository, self.branch) if each.id == committed)
        return self.version

    def rollback(self) -> None:
        """Give up what was written so far."""
        self.session.discard_changes()

    @property
    def unfinished(self) -> bool:
        """Whether there is something that was neither committed nor given up."""
        return self.version is None and self.session.has_uncommitted_changes
