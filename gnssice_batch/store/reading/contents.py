"""The contents of a repository at one snapshot: groups, ledgers, history."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import icechunk
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import Span
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.store.damage import of_version
from gnssice_batch.store.faults import as_store_errors, repeatable
from gnssice_batch.store.layout.arrays import check_layout, contents_of, read_template
from gnssice_batch.store.layout.coverage import coverage
from gnssice_batch.store.layout.file_rows import Columns, read_files
from gnssice_batch.store.layout.foreign import own_and_others
from gnssice_batch.store.layout.ledger import LEDGER_COLUMNS, Ledger, ledger_of, read_ledger
from gnssice_batch.store.layout.virtual_groups import is_virtual
from gnssice_batch.store.reading.size import group_bytes
from gnssice_batch.store.repository import MAIN, Repository, no_such_branch
from gnssice_batch.store.together import together
from gnssice_batch.wording import several

_VIRTUAL: Final = (
    "is a repository of virtual datasets, which refer to NetCDF files: `gnssice-batch virtualize status` and"
    " `virtualize verify`, with the settings that made it, show it and compare it with its files; open_virtual reads it"
)
_VOD: Final = (
    "is a repository of vegetation optical depth: `gnssice-batch vod status`, with the settings that made it, shows it;"
    " open_dataset reads it"
)


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """One receiver as it stands."""

    template: GroupTemplate
    ledger: Ledger
    span: Span | None = None
    """First and last epoch that it holds; None where it holds none."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a repository."""

    id: str
    written_at: str
    message: str


@dataclass(frozen=True, slots=True)
class Contents[R]:
    """What a version of a repository holds."""

    receivers: Mapping[str, R]
    """In their order."""
    others: tuple[str, ...]
    """The groups that other programs made, sorted; the first is ``/`` where arrays are in none."""


@repeatable
def branch_head(repository: Repository, branch: str) -> str | None:
    """Snapshot a branch points at; None where there is no such branch."""
    try:
        return repository.head(branch)
    except icechunk.RefNotFoundError:
        return None


@repeatable
def first_snapshot(repository: Repository) -> str:
    """The empty snapshot that a repository begins with."""
    head = repository.head()
    if repository.handle.lookup_snapshot(head).parent_id is None:
        return head
    return [str(entry.id) for entry in repository.handle.ancestry(snapshot_id=head)][-1]


@repeatable
def stored_groups(repository: Repository, snapshot: str | None = None, branch: str = MAIN) -> dict[str, StoredGroup]:
    """Every receiver's group at a snapshot, or at the head of a branch; those of other programs are left out.

    Raises
    ------
    StoreError
        When a group that says that this program made it is not what it makes.
    """
    with _root(repository, branch, snapshot) as root:
        groups, _ = _members(root)
        found = together(partial(_stored_group, group) for group in groups.values())
        return dict(zip(groups, found, strict=True))


@repeatable
def stored_templates(
    repository: Repository, snapshot: str | None = None, branch: str = MAIN
) -> dict[str, GroupTemplate]:
    """The template of every group of this program at a snapshot, or at the head of a branch.

    Raises
    ------
    StoreError
        When a group that says that this program made it is not what it makes.
    """
    with _root(repository, branch, snapshot) as root:
        groups = _members(root)[0]
        return dict(zip(groups, together(partial(read_template, group) for group in groups.values()), strict=True))


@repeatable
def stored_receivers(repository: Repository, branch: str = MAIN, snapshot: str | None = None) -> tuple[str, ...]:
    """The receivers that have a group at the head of a branch, or at a snapshot, sorted.

    Raises
    ------
    StoreError
        When there is no such branch.
    """
    with _root(repository, branch, snapshot) as root:
        return tuple(_members(root)[0])


@repeatable
def other_groups(repository: Repository, branch: str = MAIN, snapshot: str | None = None) -> tuple[str, ...]:
    """The groups that other programs made at the head of a branch, or at a snapshot, sorted.

    The first of them is ``/`` where there are arrays in none.

    Raises
    ------
    StoreError
        When there is no such branch.
    """
    with _root(repository, branch, snapshot) as root:
        return _members(root)[1]


@repeatable
def not_for_writing(repository: Repository, branch: str = MAIN, snapshot: str | None = None) -> str:
    """Why this program does not write to a version of a repository, in a sentence; empty where it does.

    It does not where only other programs have put anything into it, or a later version of itself.
    """
    with _root(repository, branch, snapshot) as root:
        own, others = _members(root)
    if others and not own:
        msg = f"the repository {repository.url} was not made by gnssice-batch, canvodpy or xarray may have: it holds"
        return f"{msg} {several(others)} and no receiver of ours; nothing was written, choose another store.url or site"
    try:
        for name, group in own.items():
            check_layout(name, dict(group.attrs))
    except StoreError as error:
        return f"the repository {repository.url}: {error}"
    return ""


@repeatable
def not_of_receivers(repository: Repository, branch: str = MAIN, snapshot: str | None = None) -> str:
    """Which other kind of repository of this program it is, with the commands for that, in a sentence; empty: none."""
    with _root(repository, branch, snapshot) as root:
        if root is not None and is_virtual(root):
            return f"{repository.url} {_VIRTUAL}"
        first = next(iter(_members(root)[0].values()), None)
        product = contents_of(first.path, dict(first.attrs)).product if first is not None else ""
    return f"{repository.url} {_VOD}" if product == VOD.product else ""


@repeatable
def of_ledgers[R](
    repository: Repository,
    receivers: Iterable[str],
    columns: Collection[str],
    call: Callable[[str, Columns], R],
    branch: str = MAIN,
    snapshot: str | None = None,
) -> dict[str, R]:
    """What a call makes of columns of the ledger of each receiver, in their order; the columns are not kept.

    Raises
    ------
    StoreError
        When there is no such receiver.
    """

    def made(receiver: str, group: zarr.Group) -> R:
        return call(receiver, read_files(group, columns))

    with _root(repository, branch, snapshot) as root:
        groups = {receiver: _group(root, receiver) for receiver in receivers}
        found = together(partial(made, receiver, group) for receiver, group in groups.items())
        return dict(zip(groups, found, strict=True))


def history(repository: Repository, branch: str = MAIN) -> Iterator[Snapshot]:
    """Snapshots of a branch, newest first.

    Raises
    ------
    StoreError
        When there is no such branch.
    """
    with as_store_errors(repository.url):
        try:
            for entry in repository.handle.ancestry(branch=branch):
                yield Snapshot(str(entry.id), entry.written_at.isoformat(timespec="seconds"), str(entry.message))
        except icechunk.RefNotFoundError as error:
            raise no_such_branch(repository, branch) from error


@repeatable
def contents[R](
    repository: Repository, columns: Collection[str], call: Callable[[StoredGroup, Columns, int], R], branch: str = MAIN
) -> Contents[R]:
    """The groups at the head of a branch.

    Parameters
    ----------
    call
        Told of a receiver its group, these columns of its ledger, which are not kept, and the bytes of its arrays but
        those of the ledger.

    Raises
    ------
    StoreError
        When there is no such branch, or a group that says that this program made it is not what it makes.
    """

    def made(group: zarr.Group) -> R:
        template, files = read_template(group), read_files(group, {*LEDGER_COLUMNS, *columns})
        stored = StoredGroup(template, ledger_of(group, files), coverage(group, template.grid))
        return call(stored, files, group_bytes(group))

    with _root(repository, branch) as root:
        own, others = _members(root)
        found = together(partial(made, group) for group in own.values())
        return Contents(dict(zip(own, found, strict=True)), others)


def _members(root: zarr.Group | None) -> tuple[dict[str, zarr.Group], tuple[str, ...]]:
    """The groups of this program by name, and the names of those of others."""
    return own_and_others(root) if root is not None else ({}, ())


def _stored_group(group: zarr.Group) -> StoredGroup:
    template = read_template(group)
    return StoredGroup(template, read_ledger(group), coverage(group, template.grid))


def _group(root: zarr.Group | None, receiver: str) -> zarr.Group:
    group = root.get(receiver) if root is not None else None
    if not isinstance(group, zarr.Group):
        msg = f"the repository has no receiver {receiver!r}"
        raise StoreError(msg)
    check_layout(receiver, dict(group.attrs))
    return group


@contextmanager
def _root(repository: Repository, branch: str, snapshot: str | None = None) -> Iterator[zarr.Group | None]:
    handle = repository.handle
    try:
        session = handle.readonly_session(snapshot_id=snapshot) if snapshot else handle.readonly_session(branch)
    except icechunk.RefNotFoundError as error:
        raise no_such_branch(repository, branch) from error
    with of_version(repository.url, session.snapshot_id):
        yield _root_group(session)


def _root_group(session: icechunk.Session) -> zarr.Group | None:
    try:
        return zarr.open_group(session.store, mode="r", zarr_format=3)
    except FileNotFoundError:
        return None
