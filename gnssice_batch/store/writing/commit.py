"""The one commit of a job: what its forks hold, merged on the head of the target branch, moved or not."""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, Protocol

import icechunk

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.log import logger
from gnssice_batch.store.faults import as_store_errors, first_line, repeatable
from gnssice_batch.store.forks import fork_of
from gnssice_batch.store.repository import OBJECTS_OF_A_COMMIT, Repository, with_ledgers_inline
from gnssice_batch.store.writing.changes import Units, changed_units, objects
from gnssice_batch.store.writing.structure import Structure, ensure_root

_TRIES: Final = 10
_JITTER_S: Final = 0.2
_RUN: Final = "run"

_log = logger(__name__)


class Change(Protocol):
    """Everything that one job publishes: what its forks carry, and what is added to that in the commit."""

    @property
    def run(self) -> str:
        """Name of the run."""

    @property
    def structure(self) -> Structure:
        """Groups and arrays, in a fork of their own."""

    @property
    def source_format(self) -> str:
        """Canvodpy's attribute of the root group, written when the repository has none yet."""

    @property
    def forks(self) -> Sequence[bytes]:
        """One of every partition that has written anything."""

    @property
    def message(self) -> str:
        """Message of the commit."""

    @property
    def metadata(self) -> Mapping[str, object]:
        """Metadata of the commit beside the name of the run, under 1 KB."""

    def misfits(self, repository: Repository, session: icechunk.Session) -> Sequence[str]:
        """What of the work does not fit the head that a session was opened on, a sentence each."""

    def differences(self, found: Units) -> Sequence[str]:
        """Where the merged changes are not the planned write units, a sentence each."""

    def completing(self, session: icechunk.Session) -> Callable[[], Units]:
        """Take down what the head holds, before anything is merged into it.

        What is given writes, after the merge, what is known only then, the rows of ledgers among it, and tells the
        chunks that it has written.
        """


@as_store_errors()
def publish(repository: Repository, branch: str, change: Change, ready: Callable[[], None] = lambda: None) -> str:
    """Merge everything into the target branch and commit once, on its head, moved or not.

    Parameters
    ----------
    ready
        Called before the commit; what it raises stops that.

    Returns
    -------
    str
        Id of the snapshot with this run's work.

    Raises
    ------
    RunConflictError
        When another run moved the branch so that this one's work does not fit, or kept winning.
    StoreError
        When the merged changes are not exactly the planned units, or the commit fails; nothing of the run is visible
        then.
    """
    for number in range(_TRIES):
        with repository.lock:
            snapshot = _try(repository, branch, change, ready)
        if snapshot:
            return snapshot
        _log.info("branch %s moved during the commit, trying again", branch, extra={"run": change.run})
        time.sleep(random.uniform(0, _JITTER_S * 2**number))  # noqa: S311 - spreads tries, keeps no secret
    msg = f"{branch!r} kept moving in {_TRIES} tries; nothing of this run was published: start it again"
    raise RunConflictError(msg)


@repeatable
def published_snapshot(repository: Repository, branch: str, run: str, since: str | None = None) -> str | None:
    """The snapshot of a branch that carries a run's work; None where there is none.

    Parameters
    ----------
    since
        The search ends at this snapshot, older ones can't carry it.
    """
    for entry in repository.handle.ancestry(branch=branch):
        if entry.metadata.get(_RUN) == run:
            return str(entry.id)
        if entry.id == since:
            return None
    return None


def _try(repository: Repository, branch: str, change: Change, ready: Callable[[], None]) -> str | None:
    session = with_ledgers_inline(repository).writable_session(branch)
    _check_against_head(repository, session, change)
    ensure_root(session, change.source_format)
    complete = change.completing(session)
    merge(session, change.structure, change.forks)
    arrays = _check_units(session, change)
    completed = complete()
    if not repository.location.local:
        repository.wrote(*objects(session, completed))
    ready()
    try:
        snapshot = str(session.commit(change.message, metadata={_RUN: change.run, **change.metadata}))
    except icechunk.IcechunkError as error:
        return _after_failure(repository, branch, change, session.snapshot_id, error)
    repository.wrote(OBJECTS_OF_A_COMMIT + arrays + len(completed))
    return snapshot


def _after_failure(
    repository: Repository, branch: str, change: Change, base: str, error: icechunk.IcechunkError
) -> str | None:
    """A lost answer is no failure: look whether the commit is there before anything is tried again.

    A branch that has moved says that another was faster, in whatever words the server has refused this commit.
    """
    there = published_snapshot(repository, branch, change.run, change.structure.base)
    if there or isinstance(error, icechunk.ConflictError) or repository.head(branch) != base:
        return there
    msg = f"the commit failed, readers still see the state before this run: {first_line(error)}"
    raise StoreError(msg) from error


def merge(session: icechunk.Session, structure: Structure, forks: Iterable[bytes]) -> None:
    """Merge the structure, then every fork, into a session; an open fork takes 20 KB, so there is never but one.

    Raises
    ------
    StoreError
        When Icechunk finds that two changes contradict each other.
    """
    try:
        for fork in chain([structure.change], forks):
            session.merge(fork_of(fork))
    except icechunk.IcechunkError as error:
        msg = f"the work of this run can't be merged, nothing was published: {first_line(error)}"
        raise StoreError(msg) from error


def _check_against_head(repository: Repository, session: icechunk.Session, change: Change) -> None:
    found = change.misfits(repository, session)
    if found:
        base, listed = change.structure.base, "; ".join(found)
        msg = f"another run moved the branch from {base} to {session.snapshot_id} and this one does not fit: {listed}"
        raise RunConflictError(msg)


def _check_units(session: icechunk.Session, change: Change) -> int:
    """Hold the changes of a session against the plan; the number of arrays that have any."""
    found = changed_units(session)
    wrong = change.differences(found)
    if wrong:
        listed = "\n".join(wrong)
        msg = f"the merged changes are not the planned write units, nothing was published:\n{listed}"
        raise StoreError(msg)
    return len(found)
