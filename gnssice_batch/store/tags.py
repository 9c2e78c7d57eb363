"""Names of versions: tags, which never change, branches."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.store.damage import first_line
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.repository import OBJECTS_OF_AN_UPDATE, STAGING, Repository
from gnssice_batch.store.together import together


@dataclass(frozen=True, slots=True)
class Named:
    """The versions of a repository that have names."""

    tags: Mapping[str, str]
    """By tag the version."""
    branches: Mapping[str, str]
    """By branch its newest version."""

    def tags_of(self, version: str) -> list[str]:
        """The tags of a version."""
        return [name for name, its in self.tags.items() if its == version]

    def branches_of(self, version: str) -> list[str]:
        """The branches that a version is the newest of."""
        return [name for name, its in self.branches.items() if its == version]


@repeatable
def named_versions(repository: Repository) -> Named:
    """The tags and branches of a repository, without those of unpublished runs."""
    branches = sorted(name for name in repository.handle.list_branches() if not name.startswith(STAGING))
    return Named(
        tags(repository),
        {name: repository.head(name) for name in branches},
    )


@repeatable
def tags(repository: Repository) -> dict[str, str]:
    """The tags by name, with the snapshots that they point at."""
    names = sorted(repository.handle.list_tags())
    found = together(partial(repository.handle.lookup_tag, name) for name in names)
    return dict(zip(names, map(str, found), strict=True))


@repeatable
def tag_snapshot(repository: Repository, tag: str, snapshot: str) -> None:
    """Tag a snapshot; a tag that is there already and says the same is fine.

    Raises
    ------
    StoreError
        When the tag is another snapshot's, or was deleted: tags never change.
    """
    try:
        with repository.lock:
            repository.handle.create_tag(tag, snapshot)
            repository.wrote(OBJECTS_OF_AN_UPDATE)
    except icechunk.IcechunkError as error:
        there = tags(repository).get(tag)
        if there != snapshot:
            has = f"version {there} has it, and tags never change" if there else first_line(error)
            msg = f"snapshot {snapshot} stands, but can't be tagged {tag!r}: {has}"
            raise StoreError(msg) from error


def remove_tag(repository: Repository, tag: str) -> None:
    """Remove a tag that nobody knows of yet; where that fails it stays, and does no harm."""
    with suppress(icechunk.IcechunkError), repository.lock:
        repository.handle.delete_tag(tag)
        repository.wrote(OBJECTS_OF_AN_UPDATE)


@repeatable
def check_tag(repository: Repository, tag: str, free_for: str | None = None) -> None:
    """Find out whether a tag can be given, before the work for it begins.

    Parameters
    ----------
    free_for
        A snapshot that may have it already.

    Raises
    ------
    StoreError
        When it is another snapshot's: tags never change.
    """
    if tag not in repository.handle.list_tags():
        return
    has = repository.handle.lookup_tag(tag)
    if has != free_for:
        raise StoreError(
            f"the repository {repository.url} has a tag {tag!r} already, of version {has}, and tags never change:"
            " choose another run.tag; nothing was published"
        )
