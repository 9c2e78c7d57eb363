"""Files of a disk below a folder: directory links are followed, what is no file is named."""

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gnssice_batch.storage.entries import Entry, Listed, Other, OtherKind

_KINDS: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)
_REMOVALS: Final = 5
_ESCAPED: Final = re.compile(rb"\\x([0-9a-f]{2})")

type _Inode = tuple[int, int]
type Enter = Callable[[str], bool]
"""Says of a folder, by its path with a slash behind, whether it is looked into."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A folder that is to be listed."""

    below: str
    """Path below the root with a slash behind; empty for the root."""
    path: str
    above: tuple[_Inode, ...]
    """The folders that it is in: a link to one of them leads round in a circle."""


def listed(root: str, enter: Enter = lambda _: True) -> Listed:
    """What a folder of a disk holds, at any depth.

    A link stands for what it leads to: a folder, or a file with the target's size and time. One to a folder that is
    listed anyway is not followed; one that leads nowhere counts as a file of no bytes, which can't be read.

    Parameters
    ----------
    root
        Path of the folder; where there is none, nothing is found.
    enter
        Folders that it does not want are named and not looked into.
    """
    found = Listed({}, {})
    waiting = [_Found("", root or "/", ())]
    top = Path(root or "/").resolve()
    while waiting:
        folder = waiting.pop()
        try:
            waiting += _list(folder, found, enter, top)
        except FileNotFoundError:
            continue
        except OSError as error:
            found.others[folder.below or "./"] = Other(OtherKind.CLOSED, f"can't be listed: {error.strerror or error}")
    return Listed(dict(sorted(found.files.items())), found.others)


def _list(folder: _Found, found: Listed, enter: Enter, root: Path) -> Iterator[_Found]:
    """Take what is directly in a folder; the folders in it."""
    own = Path(folder.path).stat()
    above = (*folder.above, (own.st_dev, own.st_ino))
    with os.scandir(folder.path) as within:
        for each in within:
            below = readable(folder.below + each.name)
            told = _told(each)
            if told is None:
                continue
            if not stat.S_ISDIR(told.st_mode):
                _take(below, told, found)
            elif not enter(f"{below}/"):
                found.others[f"{below}/"] = Other(OtherKind.LEFT_OUT, "a folder that is not looked into")
            elif each.is_symlink() and _is_listed(Path(each.path).resolve(), root, enter):
                found.others[f"{below}/"] = Other(OtherKind.LINK, "a link to a folder that is listed by itself")
            elif (told.st_dev, told.st_ino) not in above:
                yield _Found(f"{below}/", each.path, above)


def _is_listed(folder: Path, root: Path, enter: Enter) -> bool:
    """Whether a folder is the root, or below it and looked into by its own name."""
    if not folder.is_relative_to(root):
        return False
    parts = folder.relative_to(root).parts
    return all(enter("/".join(parts[:end]) + "/") for end in range(1, len(parts) + 1))


def _told(each: "os.DirEntry[str]") -> os.stat_result | None:
    """What the disk says of a file, or of the link itself where it leads nowhere; None where it is gone meanwhile."""
    for follow in (True, False):
        try:
            return each.stat(follow_symlinks=follow)
        except FileNotFoundError:
            continue
        except OSError:
            if not each.is_symlink():
                raise
    return None


def _take(below: str, told: os.stat_result, found: Listed) -> None:
    for is_kind, what in _KINDS:
        if is_kind(told.st_mode):
            found.others[below] = Other(OtherKind.NO_FILE, f"is {what}")
            return
    size_bytes = told.st_size if stat.S_ISREG(told.st_mode) else 0
    found.files[below] = Entry(size_bytes, str(told.st_mtime), told.st_mtime)


def remove(path: str) -> None:
    """Remove a file, or a folder with all below it, that which others still write into it or remove too.

    Raises
    ------
    FileNotFoundError
        When there is no such thing.
    OSError
        When the disk does not let it.
    """
    if not Path(path).is_dir() or Path(path).is_symlink():
        Path(path).unlink()
        return
    for _ in range(_REMOVALS):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            if not Path(path).exists():
                return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        else:
            return
    shutil.rmtree(path)


def readable(path: str) -> str:
    r"""A path whose bytes are no UTF-8 with those bytes written as ``\xe9``; any other as it is."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode(errors="backslashreplace")
    return path


def on_disk(path: str) -> str:
    """The path of a file whose name `readable` may have written."""
    if "\\x" not in path or os.path.lexists(path):
        return path
    return os.fsdecode(_ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), path.encode()))
