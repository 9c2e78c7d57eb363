"""What a listing says of each file."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_TAGS: Final = ("ETag", "etag", "md5", "mtime", "last_modified", "LastModified", "created")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as its storage lists it; of millions there is one each."""

    size_bytes: int
    etag: str
    """What changes when the file is replaced: the ETag, else the time of modification; empty where neither is told."""
    modified_s: float | None = None
    """Seconds since 1970."""


def entries(opened: Any, root: str) -> dict[str, Entry]:
    """Path below a folder to what a file system of fsspec says of each file, one folder or page after the other.

    Raises
    ------
    OSError
        When the storage does not answer.
    """
    opened.invalidate_cache()
    found: dict[str, Entry] = {}
    if getattr(opened, "async_impl", False):
        listed = opened.find(root, detail=True)
        while listed:
            path, told = listed.popitem()
            found[_below(root, path)] = entry(told)
        return dict(sorted(found.items()))
    folders = [root]
    while folders:
        folder = folders.pop()
        for told in _listed(opened, folder):
            name = told["name"].rstrip("/")
            if told["type"] != "directory":
                found[_below(root, name)] = entry(told)
            elif name != folder:
                folders.append(name)
    return dict(sorted(found.items()))


def entry(told: Mapping[str, Any]) -> Entry:
    """What a file system of fsspec says of a file."""
    tag = next((str(told[name]) for name in _TAGS if told.get(name)), "").strip('"')
    modified = told.get("LastModified") or told.get("last_modified") or told.get("mtime")
    seconds = modified.timestamp() if isinstance(modified, datetime) else modified
    return Entry(int(told.get("size") or 0), tag, seconds if isinstance(seconds, float) else None)


def _below(root: str, path: str) -> str:
    return path[len(root) :].removeprefix("/")


def _listed(opened: Any, folder: str) -> Sequence[Mapping[str, Any]]:
    """What is directly in a folder; one that is not there any more holds nothing, one that is closed is told."""
    try:
        listed: Sequence[Mapping[str, Any]] = opened.ls(folder or "/", detail=True)
    except FileNotFoundError:
        return ()
    except OSError as error:
        _log.warning("left out of a listing: %s", error)
        return ()
    return listed
