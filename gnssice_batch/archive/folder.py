"""A folder anywhere, local or in an object store: the one door to fsspec."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from gnssice_batch.errors import ArchiveError


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by its URL; opened where it is used, so that it can travel to workers."""

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict)

    def read(self, name: str, size_bytes: int | None = None) -> bytes:
        """The bytes of a file, or its first `size_bytes`.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        OSError
            When the storage does not answer.
        """
        filesystem, root = self._open()
        content: bytes = filesystem.cat_file(f"{root}/{name}", start=0 if size_bytes else None, end=size_bytes)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole: a reader sees all of it or nothing, also when this process dies."""
        filesystem, root = self._open()
        path = f"{root}/{name}"
        if not isinstance(filesystem, LocalFileSystem):
            filesystem.pipe_file(path, content)
            return
        filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        unfinished = f"{path}.{uuid4().hex}.unfinished"
        filesystem.pipe_file(unfinished, content)
        filesystem.mv(unfinished, path)

    def entries(self) -> dict[str, Mapping[str, Any]]:
        """Path below the folder to what the storage says of each file; empty where there is no folder."""
        filesystem, root = self._open()
        filesystem.invalidate_cache()
        found: dict[str, Mapping[str, Any]] = filesystem.find(root, detail=True)
        return {path[len(root) :].lstrip("/"): entry for path, entry in found.items()}

    def exists(self) -> bool:
        """Whether there is such a folder."""
        filesystem, root = self._open()
        return bool(filesystem.isdir(root))

    def remove(self, name: str = "") -> None:
        """Remove a file or everything below a path; what is not there is removed already."""
        filesystem, root = self._open()
        path = f"{root}/{name}".rstrip("/")
        if filesystem.exists(path):
            filesystem.rm(path, recursive=True)

    def below(self, name: str) -> "Folder":
        """A folder in this one."""
        return Folder(f"{self.url.rstrip('/')}/{name}", self.storage_options)

    def _open(self) -> tuple[fsspec.AbstractFileSystem, str]:
        try:
            filesystem, root = fsspec.url_to_fs(self.url, **self.storage_options)
        except (ImportError, ValueError, TypeError) as error:
            msg = f"{self.url!r} can't be opened: {error}"
            raise ArchiveError(msg) from error
        return filesystem, root.rstrip("/")
