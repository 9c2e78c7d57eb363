"""Branches of a repository: compared with each other, moved from one version to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import icechunk

from gnssice_batch.errors import RunConflictError
from gnssice_batch.store.faults import as_store_errors, repeatable
from gnssice_batch.store.repository import OBJECTS_OF_AN_UPDATE, STAGING, Repository, no_such_branch
from gnssice_batch.store.versions import Version, versions_before


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch, and how it stands to another one."""

    name: str
    head: str
    """Snapshot id."""
    written_at: datetime
    message: str
    ahead: int
    """Versions that the other one does not have."""
    behind: int
    """Versions of the other one that it does not have."""


@dataclass(frozen=True, slots=True)
class Move:
    """What it means for its readers that a branch points at another version."""

    branch: str
    before: str
    after: str
    gained: tuple[Version, ...]
    """Versions that they see then and did not see before, oldest first."""
    lost: tuple[Version, ...]
    """Versions that they saw and do not see any more, oldest first."""


@repeatable
def branches(repository: Repository, other: str) -> list[Branch]:
    """All branches by name, but those on which runs prepare their structure.

    Parameters
    ----------
    other
        The branch that they are compared with.
    """
    names = sorted(name for name in repository.handle.list_branches() if not name.startswith(STAGING))
    known = frozenset(_ids(repository, head_of(repository, other)))
    return [_branch(repository, name, known) for name in names]


@repeatable
def head_of(repository: Repository, branch: str) -> str:
    """Snapshot id that a branch points at.

    Raises
    ------
    StoreError
        When there is no such branch.
    """
    if branch not in repository.handle.list_branches():
        raise no_such_branch(repository, branch)
    return repository.head(branch)


@repeatable
def move_to(repository: Repository, branch: str, after: str) -> Move:
    """What it would mean to let a branch point at a snapshot."""
    before = head_of(repository, branch)
    old, new = versions_before(repository, before), versions_before(repository, after)
    gained, lost = {*new}.difference(old), {*old}.difference(new)
    return Move(branch, before, after, _of(new, gained), _of(old, lost))


@as_store_errors()
def carry_out(repository: Repository, move: Move) -> None:
    """Move a branch, if it still is where it was.

    Raises
    ------
    RunConflictError
        When somebody has moved it meanwhile; nothing is changed then.
    """
    try:
        with repository.lock:
            repository.handle.reset_branch(move.branch, move.after, from_snapshot_id=move.before)
            repository.wrote(OBJECTS_OF_AN_UPDATE)
    except icechunk.IcechunkError as error:
        head = repository.head(move.branch)
        if head == move.after:
            return
        if head == move.before:
            raise
        msg = f"somebody has moved {move.branch!r} to {head} meanwhile; nothing was changed: see versions, try again"
        raise RunConflictError(msg) from error


def _branch(repository: Repository, name: str, known: frozenset[str]) -> Branch:
    head = repository.head(name)
    mine, latest = _ids(repository, head), repository.handle.lookup_snapshot(head)
    ahead, behind = len(set(mine) - known), len(known.difference(mine))
    return Branch(name, head, latest.written_at.astimezone(UTC), latest.message, ahead, behind)


def _ids(repository: Repository, head: str) -> list[str]:
    return [str(entry.id) for entry in repository.handle.ancestry(snapshot_id=head)]


def _of(found: Sequence[Version], wanted: set[Version]) -> tuple[Version, ...]:
    return tuple(version for version in found if version in wanted)
