"""Branches of a store, tags too, changed so that neither versions nor unpublished runs are lost."""

from dataclasses import dataclass

from gnssice_batch import config
from gnssice_batch.errors import ConfigError, RunConflictError, StoreError
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.operate.open_runs import for_moving, open_runs_at
from gnssice_batch.operate.status import existing_repository, no_repository
from gnssice_batch.store.branches import UNDO, Branch, Move, branches, carry_out, head_of, move_to, take_back, undo_tag
from gnssice_batch.store.repository import MAIN, STAGING, Repository, make_branch, remove_branch
from gnssice_batch.store.tags import tag_snapshot, tags
from gnssice_batch.store.versions import Version, snapshot_of, version_at, versions_leading_to


@dataclass(frozen=True, slots=True)
class Rollback:
    """A branch that was set back, or would be."""

    move: Move
    tag: str | None
    """Keeps what was taken back; None where nothing was."""


def list_branches(settings: config.Settings) -> list[Branch]:
    """The branches of a store, compared with the one that the settings name.

    Raises
    ------
    StoreError
        When there is no repository, or it can't be read.
    """
    target = target_of(settings)
    return branches(existing_repository(target), target.branch)


def create_branch(settings: config.Settings, name: str, version: str | None = None) -> Version:
    """Begin a branch at a version, or at the head of the settings' branch; that version.

    Raises
    ------
    ConfigError
        When only runs make branches of such a name.
    StoreError
        When there is such a branch, or no such version.
    """
    _check_branch(name)
    target, repository = _opened(settings)
    if name in repository.handle.list_branches():
        msg = f"the repository {repository.url} has a branch {name!r} already, at {repository.head(name)}"
        raise StoreError(msg)
    if name in tags(repository):
        msg = f"the repository {repository.url} has a tag {name!r}; a branch of that name could not be told from it"
        raise StoreError(msg)
    begins = _version(repository, target, version)
    with repository.lock:
        make_branch(repository, name, begins.id)
    return begins


def delete_branch(settings: config.Settings, name: str) -> str:
    """Remove a branch; the snapshot that it pointed at, which is garbage where nothing else leads to it.

    Raises
    ------
    ConfigError
        When it is ``main``, or a run's.
    StoreError
        When there is no such branch.
    RunConflictError
        When an unpublished run is to be published on it.
    """
    _check_branch(name)
    target, repository = _opened(settings)
    head = head_of(repository, name)
    _check_open_runs(target, name)
    with repository.lock:
        remove_branch(repository, name)
    return head


def publish_branch(settings: config.Settings, name: str, onto: str = MAIN, *, dry_run: bool = False) -> Move:
    """Move a branch to the head of another one that goes on from it: compared and set, so that no version is lost.

    Raises
    ------
    StoreError
        When there is no such branch.
    RunConflictError
        When the branch that is moved has versions that the other one lacks, an unpublished run is to be published on
        it, or somebody moves it meanwhile.
    """
    target, repository = _opened(settings)
    move = move_to(repository, onto, head_of(repository, name))
    if move.lost:
        listed = ", ".join(map(str, move.lost))
        msg = f"{onto!r} has versions that {name!r} lacks ({listed}): run on a branch that begins there, publish that"
        raise RunConflictError(msg)
    if move.gained and not dry_run:
        _check_open_runs(target, onto)
        carry_out(repository, move)
    return move


def rollback(settings: config.Settings, version: str, *, dry_run: bool = False, force: bool = False) -> Rollback:
    """Let the settings' branch show an earlier version; what is taken back gets a tag, and comes back by that.

    Parameters
    ----------
    force
        Though runs are open: they find the branch moved, and plan anew. Though the version is of another line.

    Raises
    ------
    StoreError
        When there is no such version.
    RunConflictError
        When the version is none that the branch has had, an unpublished run is to be published on the branch, or
        somebody moves it meanwhile.
    """
    target, repository = _opened(settings)
    move = move_to(repository, target.branch, snapshot_of(repository, version, target.branch))
    if move.gained and not (force or version.startswith(UNDO)):
        listed = ", ".join(map(str, move.gained))
        msg = f"{target.branch!r} never had what {version!r} has ({listed}): branch publish shows what goes on from it"
        raise RunConflictError(msg)
    tag = undo_tag() if move.lost else None
    if not dry_run and move.before != move.after:
        if not force:
            _check_open_runs(target, target.branch)
        take_back(repository, move, tag)
    return Rollback(move, tag)


def list_tags(settings: config.Settings) -> dict[str, Version]:
    """The tags of a store with the versions that they name.

    Raises
    ------
    StoreError
        When there is no repository, or it can't be read.
    """
    repository = existing_repository(target_of(settings))
    named = tags(repository)
    found = versions_leading_to(repository, named.values())
    return {name: found[its] for name, its in named.items()}


def create_tag(settings: config.Settings, name: str, version: str | None = None) -> Version:
    """Give a version, or the head of the settings' branch, a name that never changes; that version.

    Raises
    ------
    StoreError
        When another version has that name, or there is no such version.
    """
    _check_name(name)
    target, repository = _opened(settings)
    if name in repository.handle.list_branches():
        msg = f"the repository {repository.url} has a branch {name!r}; a tag of that name could not be told from it"
        raise StoreError(msg)
    tagged = _version(repository, target, version)
    tag_snapshot(repository, name, tagged.id)
    return tagged


def _opened(settings: config.Settings) -> tuple[Target, Repository]:
    target = target_of(settings)
    repository = for_moving(target)
    if repository is None:
        raise no_repository(target)
    return target, repository


def _version(repository: Repository, target: Target, version: str | None) -> Version:
    """The version that is named, else the newest of the settings' branch."""
    branch = target.branch
    head = snapshot_of(repository, version, branch) if version is not None else head_of(repository, branch)
    return version_at(repository, head)


def _check_name(name: str) -> None:
    if not name or name != name.strip() or not name.isprintable():
        msg = f"{name!r} is no name for a branch or a tag"
        raise ConfigError(msg)


def _check_branch(name: str) -> None:
    _check_name(name)
    if name == MAIN:
        msg = f"{MAIN!r} is the branch that every repository has"
        raise ConfigError(msg)
    if name.startswith(STAGING):
        msg = f"{name!r} is, or may become, the branch of a run: see runs list"
        raise ConfigError(msg)


def _check_open_runs(target: Target, branch: str) -> None:
    """Refuse to move a branch that an unpublished run compares its work with."""
    found = [one.run for one in open_runs_at(target) if one.record is None or one.record.branch == branch]
    if found:
        listed = ", ".join(found)
        msg = f"not published yet on {branch!r}: {listed}; start that again to finish it, or give it up (runs abandon)"
        raise RunConflictError(msg)
