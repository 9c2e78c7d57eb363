"""A folder anywhere, local or in an object store: the one door to fsspec."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from fsspec.asyn import sync
from fsspec.implementations.local import LocalFileSystem

from gnssice_batch.errors import GnssiceError
from gnssice_batch.redaction import redacted
from gnssice_batch.storage import disk
from gnssice_batch.storage.conditional import CONDITIONAL, REFUSED, client
from gnssice_batch.storage.entries import Entry, Listed, OtherKind, listed
from gnssice_batch.storage.filesystems import filesystem
from gnssice_batch.storage.listing import AT_ONCE, UnorderedError, list_all
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.object_lists import object_lister
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.urls import Kind, Place, below, place

_log = logging.getLogger(__name__)

_DENIALS: Final = frozenset({401, 403})
_SINGLY: Final = 100
"""So many objects are removed by a request each, which says whether it was; of more many by one request."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by its URL; opened where it is used, so that it can travel to workers."""

    url: str
    options: StorageOptions = field(default_factory=StorageOptions)

    @property
    def local(self) -> bool:
        """Whether it is on a disk of this machine."""
        return place(self.url).kind is Kind.LOCAL

    def read(self, name: str, size_bytes: int | None = None) -> bytes:
        """The bytes of a file, or its first `size_bytes`.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        OSError
            When the storage does not answer.
        """
        with as_os_errors():
            opened, root = self._open()
            path = f"{root}/{name}"
            if isinstance(opened, LocalFileSystem):
                path = disk.on_disk(path)
            content: bytes = opened.cat_file(path, start=0 if size_bytes else None, end=size_bytes)
            return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole: a reader sees all of it or nothing, also when this process dies.

        Raises
        ------
        OSError
            When the storage does not take it.
        """
        with as_os_errors():
            opened, root = self._open()
            path = f"{root}/{name}"
            if not isinstance(opened, LocalFileSystem):
                opened.pipe_file(path, content)
                return
            opened.makedirs(path.rpartition("/")[0], exist_ok=True)
            unfinished = f"{path}.{uuid4().hex}.unfinished"
            opened.pipe_file(unfinished, content)
            opened.mv(unfinished, path)

    @property
    def conditional(self) -> bool:
        """Whether its server decides between writers; elsewhere, as on a disk, whoever writes holds a lock."""
        return place(self.url).kind in CONDITIONAL

    def read_version(self, name: str) -> tuple[bytes, str]:
        """The bytes of a file with its version, as `write_version` wants it; that is empty where there are none.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        OSError
            When the storage does not answer.
        """
        if not self.conditional:
            return self.read(name), ""
        with as_os_errors():
            opened, root = self._open()
            found: tuple[bytes, str] = sync(opened.loop, client(place(self.url).kind, opened).get, f"{root}/{name}")
            return found

    def write_version(self, name: str, content: bytes, version: str | None) -> str | None:
        """Write a file that still has a version, or, where that is None, one that is not there yet.

        Returns
        -------
        str or None
            Its version now; None where the server has refused, as others have written it. A refusal may also follow
            a write that has succeeded and whose answer was lost: look at what stands there.

        Raises
        ------
        OSError
            When the storage does not take it.
        """
        if not self.conditional:
            self.write(name, content)
            return ""
        with as_os_errors():
            opened, root = self._open()
            put = client(place(self.url).kind, opened).put
            answer = sync(opened.loop, put, f"{root}/{name}", content, if_match=version)
            if answer.won or answer.status in REFUSED:
                return answer.etag if answer.won else None
            msg = f"{self.url}/{name}: a conditional write was answered with {answer.status}"
            raise (PermissionError if answer.status in _DENIALS else OSError)(msg)

    def entries(self, at_once: int = AT_ONCE) -> dict[str, Entry]:
        """Path below the folder to what the storage says of each file, sorted; empty where there is no folder.

        Parameters
        ----------
        at_once
            Requests under way in S3 and Azure.

        Raises
        ------
        OSError
            When the storage does not answer, or a folder in it can't be listed.
        """
        found = self.listed(at_once)
        for path, other in found.others.items():
            if other.kind is OtherKind.CLOSED:
                msg = f"{self.url}: {path} {other.why}"
                raise OSError(msg)
        return found.files

    def listed(self, at_once: int = AT_ONCE, enter: disk.Enter = lambda _: True) -> Listed:
        """What is below the folder, with what is no file, or can't be listed; nothing where there is no folder.

        Parameters
        ----------
        at_once
            Requests under way in S3 and Azure.
        enter
            Which folders of a disk are looked into.

        Raises
        ------
        OSError
            When the storage does not answer.
        """
        with as_os_errors():
            opened, root = self._open()
            if isinstance(opened, LocalFileSystem):
                return disk.listed(root, enter)
            where = place(self.url)
            if where.kind is not Kind.S3 and where.kind is not Kind.AZURE:
                return listed(opened, root)
            found = _objects(where, self.options, at_once)
            return listed(opened, root) if found is None else Listed(found, {})

    def exists(self) -> bool:
        """Whether there is such a folder.

        Raises
        ------
        OSError
            When the storage does not answer.
        """
        with as_os_errors():
            opened, root = self._open()
            return bool(opened.isdir(root))

    def remove(self, name: str = "", keeping: str = "") -> None:
        """Remove a file or everything below a path; what is not there is removed already.

        Parameters
        ----------
        keeping
            A file directly below the path that stays.

        Raises
        ------
        OSError
            When the storage does not let it.
        """
        with as_os_errors():
            opened, root = self._open()
            path = f"{root}/{name}".rstrip("/")
            if self.conditional and self._remove_singly(name, path, keeping):
                return
            with suppress(FileNotFoundError):
                within = opened.ls(path, detail=False) if keeping else [path]
                for each in within:
                    if not keeping or each.rpartition("/")[2] != keeping:
                        disk.remove(each) if isinstance(opened, LocalFileSystem) else opened.rm(each, recursive=True)
                        _check_removed(opened, each)

    def remove_file(self, name: str) -> None:
        """Remove one file, asking for nothing else; one that is not there is removed already.

        Raises
        ------
        OSError
            When the storage does not let it.
        """
        if not self.conditional:
            self.remove(name)
            return
        with as_os_errors():
            opened, root = self._open()
            sync(opened.loop, client(place(self.url).kind, opened).remove, f"{root}/{name}")

    def _remove_singly(self, name: str, path: str, keeping: str) -> bool:
        """Remove objects by a request each, all at once; False where they are many, or it is not as simple as that."""
        opened, where = self._open()[0], place(below(self.url, name) if name else self.url)
        opened.invalidate_cache()
        found = _objects(where, self.options, AT_ONCE)
        if found is None or len(found) > _SINGLY:
            return False
        paths = [f"{path}/{each}" for each in found if each != keeping] or ([path] if name else [])
        failed = sync(opened.loop, _failures, client(where.kind, opened).remove, paths)
        if any(_is_denial(error) or isinstance(error, PermissionError) for error in failed.values()):
            raise _left(path, list(failed))
        return not failed

    def below(self, name: str) -> "Folder":
        """A folder in this one."""
        return Folder(below(self.url, name), self.options)

    def _open(self) -> tuple[Any, str]:
        return filesystem(self.url, self.options)


def folder_at(location: Location) -> Folder:
    """The folder at a location."""
    return Folder(location.url, location.options)


def _objects(where: Place, options: StorageOptions, at_once: int) -> dict[str, Entry] | None:
    """All objects below a place; None where obstore can't list it, be it for a name that it does not take.

    Raises
    ------
    PermissionError
        When the server does not let it be listed.
    """
    from obstore.exceptions import (  # noqa: PLC0415 - only where objects are listed
        BaseError,
        PermissionDeniedError,
        UnauthenticatedError,
    )

    try:
        return list_all(object_lister(where, options), at_once)
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise PermissionError(_first_line(error)) from None
    except (BaseError, UnorderedError) as error:
        _log.warning("%s is listed page after page: %s", below(where.bucket, where.prefix), _first_line(error))
        return None


def _first_line(error: Exception) -> str:
    return redacted(str(error).strip().partition("\n")[0])


async def _failures(remove: Callable[[str], Awaitable[None]], paths: Sequence[str]) -> dict[str, Exception]:
    """What became of the objects that could not be removed, by path."""
    ended = await asyncio.gather(*(remove(path) for path in paths), return_exceptions=True)
    return {path: error for path, error in zip(paths, ended, strict=True) if isinstance(error, Exception)}


def _left(path: str, left: Sequence[str]) -> PermissionError:
    return PermissionError(
        f"{len(left)} of the objects below {path} are still there, {left[0]} among them: may they be deleted?"
    )


def _check_removed(opened: Any, path: str) -> None:
    """Raise where something is left: s3fs leaves out without a word what a server does not let be deleted."""
    left = [] if isinstance(opened, LocalFileSystem) else opened.find(path)
    if left:
        raise _left(path, left)


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise whatever the libraries of object stores raise as `OSError`, without a secret in it."""
    try:
        yield
    except (OSError, GnssiceError) as error:
        if isinstance(error, OSError) and not isinstance(error, PermissionError) and _is_denial(error.__cause__):
            raise PermissionError(redacted(str(error))) from None
        if isinstance(error, OSError) and (said := redacted(str(error))) != str(error):
            raise type(error)(said) from None
        raise
    except Exception as error:
        if not _of_a_storage(error):
            raise
        msg = f"{type(error).__name__}: {_first_line(error)}"
        raise (PermissionError if _is_denial(error) else OSError)(msg) from None


def _is_denial(error: BaseException | None) -> bool:
    """Whether a server has refused who asked, or what signed the request."""
    answer = getattr(error, "response", None)
    said = answer.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(answer, dict) else None
    return (said or getattr(error, "status_code", None)) in _DENIALS


def _of_a_storage(error: Exception) -> bool:
    """Whether an error comes from a library of a storage, or is one that those raise of their own."""
    return type(error).__module__.partition(".")[0] in {"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs"} or (
        isinstance(error, RuntimeError | TimeoutError)
    )
