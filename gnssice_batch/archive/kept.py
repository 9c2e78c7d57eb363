"""Fetched files that this process is going to read again."""

from collections import OrderedDict
from threading import Lock
from typing import Final

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.model.values import SourceFile

type _Key = tuple[str, str, int, str]


class Kept:
    """Files by what the listing says of them, those kept first going first where they get too many."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._contents: OrderedDict[_Key, bytes] = OrderedDict()
        self._size_bytes = 0

    def put(self, archive: ArchiveAccess, file: SourceFile, content: bytes) -> None:
        """Keep a file, unless it is on a disk anyway or larger than all that may be kept."""
        if archive.folder.local or len(content) > archive.kept_bytes:
            return
        with self._lock:
            self._pop(_key(archive, file))
            self._contents[_key(archive, file)] = content
            self._size_bytes += len(content)
            while self._size_bytes > archive.kept_bytes:
                self._pop(next(iter(self._contents)))

    def take(self, archive: ArchiveAccess, file: SourceFile) -> bytes | None:
        """The bytes of a file, which are kept no longer; None where they are not kept."""
        with self._lock:
            return self._pop(_key(archive, file))

    def has(self, archive: ArchiveAccess, file: SourceFile) -> bool:
        """Whether a file is kept."""
        with self._lock:
            return _key(archive, file) in self._contents

    def _pop(self, key: _Key) -> bytes | None:
        content = self._contents.pop(key, None)
        self._size_bytes -= len(content or b"")
        return content


KEPT: Final = Kept()
"""Of this process."""


def _key(archive: ArchiveAccess, file: SourceFile) -> _Key:
    return archive.folder.url, file.uri, file.size_bytes, file.etag
