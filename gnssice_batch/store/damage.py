"""What is said of a repository that can't be read: which part of it, what stands, what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeGuard

import icechunk
from icechunk import ErrorKind

from gnssice_batch.errors import StoreError
from gnssice_batch.redaction import redacted
from gnssice_batch.storage.urls import local_path

_KINDS: Final = frozenset(
    {
        ErrorKind.OBJECT_NOT_FOUND,
        ErrorKind.INVALID_OBJECT_SIZE,
        ErrorKind.MANIFEST_INFO_NOT_FOUND,
        ErrorKind.DESERIALIZATION,
        ErrorKind.INVALID_FILE_FORMAT,
    }
)
_OF_THE_SYSTEM: Final = "os error"
"""What the disk says, which is no damage of what is on it."""
_BY_THE_WAY: Final = "object store error Generic LocalFileSystem error: "
_OBJECT: Final = re.compile(r"\b(?:path=\"((?:snapshots|manifests|chunks|transactions)/\w+)\"|manifest_id=(\w+))")
_STATE: Final = "fetch_repo_info"
"""In the context of an error: it is the file that branches and versions are in."""
_DECODING: Final = re.compile(r"decompress|checksum", re.IGNORECASE)
_PARTS: Final = {"snapshots", "manifests", "chunks", "transactions"}
"""Folders of a repository."""
_FIRST: Final = ("snapshots", "transactions")
_FIRST_VERSION: Final = "1CECHNKREP0F1RSTCMT0"
"""Where Icechunk writes and what, before the file that makes a folder a repository; unfinished files have a number."""
_STATE_LOST: Final = (
    "All versions stand in its folder: put a copy of that file back, or the newest one in overwritten/, which is of the"
    " commit before, and run again."
)


def damaged(error: BaseException | None) -> TypeGuard[icechunk.IcechunkError]:
    """Whether an error of Icechunk tells of a repository of which something is missing or has other contents."""
    if not isinstance(error, icechunk.IcechunkError):
        return False
    kind = getattr(error, "kind", None)
    unreadable = kind == ErrorKind.IO and _OF_THE_SYSTEM not in str(error)
    return unreadable or kind in _KINDS or isinstance(error, icechunk.FormatError)


def told(error: icechunk.IcechunkError, url: str = "") -> str:
    """What an error of Icechunk means, in a sentence or two."""
    of = f"the repository {url}" if url else "the repository"
    if not damaged(error):
        return f"the storage of {of} failed: {first_line(error)}"
    if _STATE in str(error):
        return f"{of} is damaged, its file repo can't be read ({first_line(error)}). {_STATE_LOST}"
    found = _OBJECT.search(str(error))
    part = (found[1] or f"manifests/{found[2]}") if found else "one of its objects"
    return f"{of} is damaged, {part} can't be read ({first_line(error)}). {_what_to_do(url)}"


@contextmanager
def of_version(url: str, snapshot: str) -> Iterator[None]:
    """Say of what is read in this context which version it is, where that is damaged.

    Raises
    ------
    StoreError
        When it is.
    """
    of = f"the repository {url} is damaged, version {snapshot}"
    try:
        yield
    except icechunk.IcechunkError as error:
        if not damaged(error):
            raise
        found = _OBJECT.search(str(error))
        part = f" in {found[1] or f'manifests/{found[2]}'}" if found else ""
        raise StoreError(f"{of} can't be read{part} ({first_line(error)}). {_what_to_do(url)}") from error
    except RuntimeError as error:
        if not _DECODING.search(str(error)):
            raise
        raise StoreError(f"{of} has chunks that can't be decoded ({first_line(error)}). {_what_to_do(url)}") from error


def check_state(url: str) -> None:
    """Refuse a local folder that was a repository and lacks the file that makes it one.

    Raises
    ------
    StoreError
        When it is such a folder.
    """
    held = _held(local_path(url))
    if held & _PARTS and not begun(url):
        raise StoreError(f"the repository {url} is damaged, its file repo is missing. {_STATE_LOST}")


def begun(url: str) -> list[str]:
    """What is in a local folder that is being made a repository, or where that was cut short; empty for any other."""
    path = local_path(url)
    files = [each.relative_to(path) for each in path.rglob("*") if each.is_file()]
    if not all(each.parts[0] in _FIRST and each.name.partition("#")[0] == _FIRST_VERSION for each in files):
        return []
    held = {each.parts[0] for each in files}
    return [str(path / part) for part in _FIRST if part in held]


def check_free(url: str) -> None:
    """Refuse a local place for a repository that is not there yet, but something else is.

    Raises
    ------
    StoreError
        When it is a file, or holds files of others.
    """
    path = local_path(url)
    if path.exists() and not path.is_dir():
        raise StoreError(f"{url} should be the folder of the repository, and is a file: change store.url or site")
    if (held := _held(path)) and not begun(url):
        msg = f"{url} is no repository, and none can be made there, because it holds {', '.join(sorted(held)[:3])}"
        raise StoreError(f"{msg}: change store.url or site, or move that away")


def _what_to_do(url: str) -> str:
    rollback = f"IcechunkStore.open_or_create({url!r}).rollback(VERSION)" if url else "IcechunkStore.rollback"
    return (
        "Everything else stands: restore that part from a copy, or go back to an earlier version (gnssice-batch"
        f" versions lists them) with {rollback} in Python, and run again, which takes what that version lacks."
    )


def first_line(error: Exception) -> str:
    """The first line of what a library says, without a secret."""
    return redacted(str(error).strip().partition("\n")[0].removeprefix(_BY_THE_WAY))


def _held(path: Path) -> set[str]:
    """What is directly in a folder, but for folders without any file."""
    entries = path.iterdir() if path.is_dir() else ()
    return {entry.name for entry in entries if entry.is_file() or any(each.is_file() for each in entry.rglob("*"))}
