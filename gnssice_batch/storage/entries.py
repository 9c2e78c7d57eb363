"""What a listing says of each file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from fsspec.asyn import AsyncFileSystem

from gnssice_batch.storage.web import leads_back, told_by_header

_TAGS: Final = (
    *("ETag", "etag", "md5", "mtime", "last_modified", "LastModified", "created"),
    *("Content-MD5", "Digest", "Last-Modified"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as its storage lists it; of millions there is one each."""

    size_bytes: int
    etag: str
    """What changes when the file is replaced: the ETag, else the time of modification; empty where neither is told."""
    modified_s: float | None = None
    """Seconds since 1970."""


class OtherKind(StrEnum):
    """Why something that a listing names is no file of it."""

    NO_FILE = "no_file"
    """A named pipe, a socket, a device."""
    LEFT_OUT = "left_out"
    """A folder that is not looked into."""
    LINK = "link"
    """A link to a folder that is listed by itself."""
    CLOSED = "closed"
    """A folder that can't be listed, so that files may be lost."""


@dataclass(frozen=True, slots=True)
class Other:
    """What a listing names beside files."""

    kind: OtherKind
    why: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What is below a folder."""

    files: dict[str, Entry]
    """By path, sorted."""
    others: dict[str, Other]
    """By path; that of a folder has a slash behind."""


def listed(opened: Any, root: str) -> Listed:
    """What a file system of fsspec says is below a folder, one folder or page after the other.

    Raises
    ------
    OSError
        When the storage does not answer.
    """
    opened.invalidate_cache()
    told_of = opened.find(root, detail=True) if _finds_at_once(opened) else {}
    others: dict[str, Other] = {}
    folders = [] if _finds_at_once(opened) else [root]
    while folders:
        folder = folders.pop()
        for told in _within(opened, folder, root, others):
            name = told["name"].rstrip("/")
            if told["type"] != "directory":
                told_of[name] = told
            elif name != folder:
                folders.append(name)
    told_of |= told_by_header(opened, [path for path, told in told_of.items() if told.get("size") is None])
    return Listed({_below(root, path): entry(told_of.pop(path)) for path in sorted(told_of)}, others)


def _finds_at_once(opened: Any) -> bool:
    """Whether a file system lists all below a folder by requests of its own kind; fsspec's walk omits what fails."""
    return isinstance(opened, AsyncFileSystem) and type(opened)._find is not AsyncFileSystem._find  # noqa: SLF001


def entry(told: Mapping[str, Any]) -> Entry:
    """What a file system of fsspec says of a file."""
    tag = next((str(told[name]) for name in _TAGS if told.get(name)), "").strip('"')
    modified = told.get("LastModified") or told.get("last_modified") or told.get("mtime")
    seconds = modified.timestamp() if isinstance(modified, datetime) else modified
    return Entry(int(told.get("size") or 0), tag, seconds if isinstance(seconds, float) else None)


def _below(root: str, path: str) -> str:
    return path[len(root) :].removeprefix("/")


def _within(opened: Any, folder: str, root: str, others: dict[str, Other]) -> list[Mapping[str, Any]]:
    """What is directly in a folder; one that is not there any more holds nothing, one that is closed is told."""
    try:
        within: list[Mapping[str, Any]] = opened.ls(folder or "/", detail=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        others[f"{_below(root, folder) or '.'}/"] = Other(OtherKind.CLOSED, f"can't be listed: {error}")
        return []
    return [told for told in within if not leads_back(told["name"])]
