"""The folder that compiled kernels are kept in: a writable copy where the one that is set may only be read.

numba reads kept kernels only from a folder that it may write to. In a container the root file system may be read-only,
and the user id any; the kernels of the image are then copied, once for all processes that share the temporary folder.
"""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numba

_NUMBA: Final[Any] = numba.config
_PREFIX: Final = "gnssice-kernels"


@cache
def use_writable_folder() -> None:
    """Let numba keep kernels in a writable copy of `NUMBA_CACHE_DIR` if it may not write there itself.

    Nothing is changed where no such folder is set, where it is writable, and where there is no room for a copy: kernels
    that can't be kept are compiled in each process.
    """
    if not _NUMBA.CACHE_DIR or writable(Path(_NUMBA.CACHE_DIR)):
        return
    with suppress(OSError):
        _NUMBA.CACHE_DIR = str(writable_copy(Path(_NUMBA.CACHE_DIR), Path(tempfile.gettempdir())))


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def writable_copy(kernels: Path, below: Path) -> Path:
    """The copy of a folder of kernels that all processes of this user share, made by the first that needs it.

    It is made under another name and then renamed, so that one process never sees the half of what another copies.

    Parameters
    ----------
    kernels
        Folder to copy; where it is missing the copy is empty.
    below
        Folder for the copy.

    Raises
    ------
    OSError
        When it can't be made, or when what stands there belongs to another user: kernels are executed.
    """
    shared = below / f"{_PREFIX}-{os.getuid()}-{_mark(kernels)}"
    if not shared.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-", dir=below))
        try:
            _copy(kernels, unfinished)
            unfinished.rename(shared)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
    found = shared.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        msg = f"{shared} is not a folder of this user alone"
        raise PermissionError(msg)
    return shared


def _mark(kernels: Path) -> str:
    """What tells one state of a folder from another, and from other folders: its files with sizes and times."""
    digest = sha256(str(kernels).encode())
    for path in sorted(kernels.rglob("*")):
        found = path.stat()
        digest.update(f"{path.relative_to(kernels)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _copy(kernels: Path, to: Path) -> None:
    for path in sorted(kernels.rglob("*")):
        target = to / path.relative_to(kernels)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
