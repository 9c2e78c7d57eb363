"""A transaction: what is written together, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import icechunk

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.store.faults import first_line
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.versions import TRANSACTION, Version, version_at

_REBASES = 100


@dataclass(slots=True)
class Transaction:
    """What is written together, or not at all."""

    repository: Repository
    session: icechunk.Session
    """Icechunk's own session, for what this interface does not offer."""
    branch: str
    version: Version | None = None
    """What was committed; None as long as nothing was."""
    _mark: str = field(default_factory=lambda: uuid4().hex, init=False)
    _snapshot: str | None = field(default=None, init=False)

    def commit(self, message: str, metadata: Mapping[str, Any] | None = None) -> Version:
        """Publish everything that was written, as one version.

        If another writer was faster, and has changed other chunks, this version goes on top of the other. If the
        storage's answer is lost, the branch says whether the version is there.

        Raises
        ------
        RunConflictError
            When another writer has changed the same; nothing is stored then.
        StoreError
            When nothing was written, or the storage fails; the message says whether anything is stored.
        """
        base = self.session.snapshot_id
        try:
            with self.repository.lock:
                self._snapshot = self.session.commit(
                    message,
                    metadata={**(metadata or {}), TRANSACTION: self._mark},
                    rebase_with=icechunk.ConflictDetector(),
                    rebase_tries=_REBASES,
                )
        except icechunk.IcechunkError as error:
            self._snapshot = self._in_spite_of(error, base)
        self.version = self._shown(self._snapshot)
        return self.version

    def rollback(self) -> None:
        """Give up what was written so far."""
        self.session.discard_changes()

    @property
    def unfinished(self) -> bool:
        """Whether there is something that was neither committed nor given up."""
        return self._snapshot is None and self.session.has_uncommitted_changes

    def _in_spite_of(self, error: icechunk.IcechunkError, base: str) -> str:
        """The snapshot of a commit that failed, where only the answer to it was lost; else raise what happened."""
        there = self._landed(error, base)
        if there is not None:
            return there
        if isinstance(error, icechunk.ConflictError):
            said = first_line(error)
            msg = f"another writer has changed the same since this transaction began; nothing is stored: {said}"
            raise RunConflictError(msg) from error
        msg = f"the transaction can't be committed, nothing is stored: {first_line(error)}"
        raise StoreError(msg) from error

    def _landed(self, error: icechunk.IcechunkError, base: str) -> str | None:
        """The snapshot with this transaction's mark that the branch leads to; what is older than the base has none."""
        try:
            for entry in self.repository.handle.ancestry(branch=self.branch):
                if entry.metadata.get(TRANSACTION) == self._mark:
                    return str(entry.id)
                if entry.id == base:
                    return None
        except icechunk.IcechunkError as silent:
            msg = (
                f"the commit failed ({first_line(error)}), and the storage does not say whether it is stored"
                f" ({first_line(silent)}): look at list_versions() before you write it again"
            )
            raise StoreError(msg) from error
        return None

    def _shown(self, snapshot: str) -> Version:
        try:
            return version_at(self.repository, snapshot)
        except StoreError as error:
            msg = f"the transaction is stored as version {snapshot}, which can't be read again: {error}"
            raise StoreError(msg) from error
