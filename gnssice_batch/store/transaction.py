"""A transaction: what is written together, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
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
    _refusals: int = field(default=0, init=False)

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
        base, snapshot = self.session.snapshot_id, None
        while snapshot is None:
            try:
                snapshot = self._committed(message, {**(metadata or {}), TRANSACTION: self._mark})
            except icechunk.IcechunkError as error:
                snapshot = self._in_spite_of(error, base)
        self._snapshot = snapshot
        self.version = self._shown(snapshot)
        return self.version

    def rollback(self) -> None:
        """Give up what was written so far."""
        self.session.discard_changes()

    @property
    def unfinished(self) -> bool:
        """Whether there is something that was neither committed nor given up."""
        return self._snapshot is None and self.session.has_uncommitted_changes

    def _committed(self, message: str, metadata: Mapping[str, Any]) -> str:
        with self.repository.lock:
            return self.session.commit(
                message, metadata=dict(metadata), rebase_with=icechunk.ConflictDetector(), rebase_tries=_REBASES
            )

    def _in_spite_of(self, error: icechunk.IcechunkError, base: str) -> str | None:
        """The snapshot of a commit that failed, where only the answer to it was lost; else raise what happened.

        None where another was faster and the server has refused this commit in words that Icechunk does not know: the
        commit is to be made again, as Icechunk itself does where it knows them.
        """
        since = self._since(base, error)
        there = [str(entry.id) for entry in since if entry.metadata.get(TRANSACTION) == self._mark]
        if there:
            return there[0]
        if isinstance(error, icechunk.ConflictError):
            said = first_line(error)
            msg = f"another writer has changed the same since this transaction began; nothing is stored: {said}"
            raise RunConflictError(msg) from error
        self._refusals += 1
        if self._refusals < _REBASES and since and since[0].id != self.session.snapshot_id:
            return None
        msg = f"the transaction can't be committed, nothing is stored: {first_line(error)}"
        raise StoreError(msg) from error

    def _since(self, base: str, error: icechunk.IcechunkError) -> list[icechunk.SnapshotInfo]:
        """What the branch has got since a snapshot, newest first."""
        try:
            newer = self.repository.handle.ancestry(branch=self.branch)
            return list(takewhile(lambda entry: entry.id != base, newer))
        except icechunk.IcechunkError as silent:
            msg = (
                f"the commit failed ({first_line(error)}), and the storage does not say whether it is stored"
                f" ({first_line(silent)}): look at list_versions() before you write it again"
            )
            raise StoreError(msg) from error

    def _shown(self, snapshot: str) -> Version:
        try:
            return version_at(self.repository, snapshot)
        except StoreError as error:
            msg = f"the transaction is stored as version {snapshot}, which can't be read again: {error}"
            raise StoreError(msg) from error
