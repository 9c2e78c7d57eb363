"""Versions of a repository: listed, shown, found by whatever names them."""

from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import takewhile
from typing import Any, Final, Self, override

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.repository import MAIN, STAGING, Repository
from gnssice_batch.store.tags import tags

_SHORTEST_PREFIX: Final = 4
_LONGEST_NUMBER: Final = 6
"""What is longer is the id of a snapshot."""
TRANSACTION: Final = "gnssice_batch_transaction"
"""Key in a commit's metadata under which a transaction finds its own commit again."""
_INTERNAL: Final = frozenset({"__icechunk", TRANSACTION})
_AS_OF: Final = "as of "


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a version says of itself."""

    number: int
    written_at: datetime
    message: str
    metadata: Mapping[str, Any]
    tags: tuple[str, ...]


class Version(str):
    """One version of a repository; as text it is the id of its snapshot, shown it says more."""

    __slots__ = ("_entry",)
    _entry: _Entry

    @classmethod
    def _of(cls, snapshot: str, entry: _Entry) -> Self:
        made = cls(snapshot)
        made._entry = entry
        return made

    @property
    def id(self) -> str:
        """Id of the snapshot."""
        return str.__str__(self)[:]

    @property
    def number(self) -> int:
        """1 for the first version of its branch; 0 for the empty one that every repository begins with."""
        return self._entry.number

    @property
    def written_at(self) -> datetime:
        """When it was committed, UTC."""
        return self._entry.written_at

    @property
    def message(self) -> str:
        """What its author has said of it."""
        return self._entry.message

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was committed with it."""
        return self._entry.metadata

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags that point at it."""
        return self._entry.tags

    def told(self, without: str = "") -> str:
        """Number, id, time, tags and message in a line.

        Parameters
        ----------
        without
            A tag that is not told.
        """
        named = [tag for tag in self.tags if tag != without]
        tags = f" [{', '.join(named)}]" if named else ""
        return f"{self.number} {self.id} {self.written_at:%Y-%m-%d %H:%M:%S}Z{tags} {self.message!r}"

    @override
    def __str__(self) -> str:
        return self.told()

    @override
    def __repr__(self) -> str:
        return f"<{self}>"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return _version, (self.id, self._entry)


type VersionName = Version | str | datetime | date | int
"""Whatever names a version."""


def _version(snapshot: str, entry: _Entry) -> Version:
    return Version._of(snapshot, entry)  # noqa: SLF001 - the constructor of a version that was pickled


@repeatable
def versions(repository: Repository, branch: str = MAIN) -> list[Version]:
    """The versions of a branch, oldest first, without the empty one that a repository begins with.

    Raises
    ------
    StoreError
        When there is no such branch.
    """
    return _versions(repository, repository.handle.ancestry(branch=branch))


@repeatable
def versions_before(repository: Repository, snapshot: str) -> list[Version]:
    """The versions that lead to a snapshot, oldest first, itself the last.

    Raises
    ------
    StoreError
        When there is no such snapshot.
    """
    return _versions(repository, repository.handle.ancestry(snapshot_id=snapshot))


@repeatable
def version_at(repository: Repository, snapshot: str) -> Version:
    """The version that a snapshot is, whatever has become of the branch it was committed on.

    Raises
    ------
    StoreError
        When there is no such snapshot.
    """
    return versions_leading_to(repository, [snapshot])[snapshot]


@repeatable
def versions_leading_to(repository: Repository, tips: Iterable[str]) -> dict[str, Version]:
    """By id the versions that lead to some snapshots, these among them, and the empty one that all begin with.

    A line of versions is walked to where it meets another one: what is asked for grows with the tips.

    Raises
    ------
    StoreError
        When there is no such snapshot.
    """
    entries: dict[str, icechunk.SnapshotInfo] = {}
    numbers: dict[str | None, int] = {None: -1}
    for tip in tips:
        line = _until(entries, repository.handle.ancestry(snapshot_id=tip)) if tip not in entries else []
        for entry in reversed(line):
            entries[str(entry.id)], numbers[entry.id] = entry, numbers.get(entry.parent_id, 0) + 1
    named = _tags_by_snapshot(repository)
    return {
        key: Version._of(key, _entry(numbers[key], entry, named.get(key, ())))  # noqa: SLF001 - made only here
        for key, entry in entries.items()
    }


def _until(known: Container[str], newest_first: Iterable[icechunk.SnapshotInfo]) -> list[icechunk.SnapshotInfo]:
    return list(takewhile(lambda entry: entry.id not in known, newest_first))


def _tags_by_snapshot(repository: Repository) -> dict[str, tuple[str, ...]]:
    named: dict[str, tuple[str, ...]] = {}
    for tag, snapshot in tags(repository).items():
        named[snapshot] = (*named.get(snapshot, ()), tag)
    return named


def _versions(repository: Repository, newest_first: Iterable[icechunk.SnapshotInfo]) -> list[Version]:
    named = _tags_by_snapshot(repository)
    entries = [entry for entry in newest_first if entry.parent_id is not None]
    return [
        Version._of(str(entry.id), _entry(number, entry, named.get(entry.id, ())))  # noqa: SLF001 - made only here
        for number, entry in enumerate(reversed(entries), 1)
    ]


def _entry(number: int, found: icechunk.SnapshotInfo, tags: tuple[str, ...]) -> _Entry:
    metadata = {name: value for name, value in found.metadata.items() if name not in _INTERNAL}
    return _Entry(number, found.written_at.astimezone(UTC), found.message, metadata, tags)


@repeatable
def snapshot_of(repository: Repository, version: VersionName, branch: str = MAIN) -> str:
    """Id of the snapshot that a version names.

    Parameters
    ----------
    version
        A `Version`, a tag, a branch, the id of a snapshot or the first 4 characters of it and more, the number of a
        version, or a time: the last version that was there then. A time without a zone is UTC, and a date is the end
        of that day.
    branch
        Where numbers and times are looked up.

    Raises
    ------
    StoreError
        When nothing or more than one has that name; the message says what there is.
    """
    if isinstance(version, Version):
        return version.id
    if isinstance(version, date):
        return _as_of(repository, _moment(version), branch)
    if isinstance(version, int):
        return _numbered(repository, version, branch)
    return next(_named(repository, version.strip(), branch))


def _named(repository: Repository, name: str, branch: str) -> Iterator[str]:
    handle = repository.handle
    if name in handle.list_tags():
        yield handle.lookup_tag(name)
    if name in handle.list_branches():
        yield handle.lookup_branch(name)
    found = _beginning_with(repository, name)
    if len(found) == 1:
        yield found.pop()
    moment = None if found else _moment_of(name)
    if moment is not None:
        yield _as_of(repository, moment, branch)
    if not found and _is_there(handle, name):
        yield name
    if not found and name.isdigit() and len(name) <= _LONGEST_NUMBER:
        yield _numbered(repository, int(name), branch)
    what = f"{len(found)} versions whose ids begin with {name!r}" if found else f"no version {name!r}"
    raise StoreError(f"the repository {repository.url} has {what}; {_what_there_is(repository, branch)}")


def _beginning_with(repository: Repository, name: str) -> set[str]:
    if len(name) < _SHORTEST_PREFIX:
        return set()
    handle = repository.handle
    tips = {handle.lookup_branch(each) for each in handle.list_branches()}
    tips |= {handle.lookup_tag(each) for each in handle.list_tags()}
    return {each for each in versions_leading_to(repository, tips) if each.startswith(name.upper())}


def _is_there(handle: icechunk.Repository, snapshot: str) -> bool:
    """Whether there is a snapshot that no branch or tag leads to any more."""
    try:
        handle.lookup_snapshot(snapshot)
    except (icechunk.NotFoundError, icechunk.InvalidInputError):
        return False
    return True


def _moment(given: date) -> datetime:
    if not isinstance(given, datetime):
        return datetime.combine(given, time.max, UTC)
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given


def _moment_of(text: str) -> datetime | None:
    """The time that a text says, None where it says none."""
    text = text.removeprefix(_AS_OF)
    for read in (date.fromisoformat, datetime.fromisoformat):
        with suppress(ValueError):
            return _moment(read(text))
    return None


def _as_of(repository: Repository, moment: datetime, branch: str) -> str:
    there = [version.id for version in versions(repository, branch) if version.written_at <= moment]
    if not there:
        msg = f"the repository {repository.url} had no version yet at {moment:%Y-%m-%d %H:%M:%S%z}"
        raise StoreError(f"{msg}; {_what_there_is(repository, branch)}")
    return there[-1]


def _numbered(repository: Repository, number: int, branch: str) -> str:
    if number == 0:
        return str(list(repository.handle.ancestry(branch=branch))[-1].id)
    for version in versions(repository, branch):
        if version.number == number:
            return version.id
    raise StoreError(f"the repository {repository.url} has no version {number}; {_what_there_is(repository, branch)}")


def _what_there_is(repository: Repository, branch: str) -> str:
    handle = repository.handle
    tags = sorted(handle.list_tags())
    branches = sorted(name for name in handle.list_branches() if not name.startswith(STAGING))
    latest = versions(repository, branch)[-3:] if branch in branches else []
    said = [f"tags: {', '.join(tags) or 'none'}", f"branches: {', '.join(branches)}"]
    return "; ".join([*said, f"latest versions: {', '.join(map(str, latest)) or 'none'}"])
