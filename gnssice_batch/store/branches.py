"""Branches of a repository: compared with each other, moved from one version to another."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import icechunk

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.store.faults import as_store_errors, repeatable
from gnssice_batch.store.repository import (
    MAIN,
    OBJECTS_OF_AN_UPDATE,
    STAGING,
    Repository,
    make_branch,
    no_such_branch,
    remove_branch,
)
from gnssice_batch.store.tags import remove_tag, tag_snapshot
from gnssice_batch.store.versions import Version, VersionName, snapshot_of, versions_before

UNDO: Final = "before-rollback-"
"""What the tags begin with that keep what a rollback has taken back."""


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


def begin_branch(repository: Repository, name: str, snapshot: str) -> None:
    """Begin a branch at a snapshot.

    Raises
    ------
    StoreError
        When there is a branch or a tag of that name, or only runs make branches of such a name.
    """
    _check_not_of_runs(name)
    for kind, names in (("branch", repository.handle.list_branches()), ("tag", repository.handle.list_tags())):
        if name in names:
            msg = f"the repository {repository.url} has a {kind} {name!r} already"
            raise StoreError(msg)
    with repository.lock:
        make_branch(repository, name, snapshot)


def end_branch(repository: Repository, name: str) -> str:
    """Remove a branch; the snapshot that it pointed at.

    Raises
    ------
    StoreError
        When there is no such branch, or it is ``main`` or a run's.
    """
    _check_not_of_runs(name)
    if name == MAIN:
        msg = f"{MAIN!r} is the branch that every repository has"
        raise StoreError(msg)
    head = head_of(repository, name)
    with repository.lock:
        remove_branch(repository, name)
    return head


def go_on(repository: Repository, branch: str, after: str) -> Move:
    """Move a branch to a version that goes on from it: compared and set, so that no version is lost.

    Raises
    ------
    RunConflictError
        When the branch has versions that would be lost, or somebody moves it meanwhile.
    """
    move = move_to(repository, branch, after)
    if move.lost:
        listed = ", ".join(map(str, move.lost))
        msg = f"{branch!r} has versions that {after} does not go on from ({listed}): nothing was changed"
        raise RunConflictError(msg)
    if move.gained:
        carry_out(repository, move)
    return move


def go_back(repository: Repository, branch: str, version: VersionName) -> str | None:
    """Let a branch show an earlier version of its own; the tag that keeps what is taken back, None if nothing is.

    That tag itself brings back what was taken.

    Raises
    ------
    StoreError
        When there is no such version.
    RunConflictError
        When the branch never had that version, or somebody moves it meanwhile.
    """
    move = move_to(repository, branch, snapshot_of(repository, version, branch))
    undoes = isinstance(version, str) and version.startswith(UNDO)
    if move.gained and not undoes:
        msg = f"{branch!r} never had {', '.join(map(str, move.gained))}: nothing was changed"
        raise RunConflictError(msg)
    tag = undo_tag() if move.lost else None
    if move.before != move.after:
        take_back(repository, move, tag)
    return tag


def take_back(repository: Repository, move: Move, tag: str | None) -> None:
    """Move a branch back, and keep what is taken back by a tag, which goes where nothing is taken.

    Raises
    ------
    RunConflictError
        When somebody has moved the branch meanwhile; nothing is changed then.
    """
    if tag:
        tag_snapshot(repository, tag, move.before)
    try:
        carry_out(repository, move)
    except RunConflictError:
        if tag:
            remove_tag(repository, tag)
        raise


def undo_tag() -> str:
    """A new name for what a rollback takes back."""
    return f"{UNDO}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _check_not_of_runs(name: str) -> None:
    if name.startswith(STAGING):
        msg = f"{name!r} is, or may become, the branch of a run"
        raise StoreError(msg)


def _branch(repository: Repository, name: str, known: frozenset[str]) -> Branch:
    head = repository.head(name)
    mine, latest = _ids(repository, head), repository.handle.lookup_snapshot(head)
    ahead, behind = len(set(mine) - known), len(known.difference(mine))
    return Branch(name, head, latest.written_at.astimezone(UTC), latest.message, ahead, behind)


def _ids(repository: Repository, head: str) -> list[str]:
    return [str(entry.id) for entry in repository.handle.ancestry(snapshot_id=head)]


def _of(found: Sequence[Version], wanted: set[Version]) -> tuple[Version, ...]:
    return tuple(version for version in found if version in wanted)
