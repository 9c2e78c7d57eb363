"""Fetched files that this process is going to read, some of them asked for only."""

from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future
from threading import Lock
from typing import Final

from gnssice_batch.archive.ahead import requests
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.model.values import SourceFile

type _Key = tuple[str, str, int, str]


class Kept:
    """Files by what the listing says of them, those kept first going first where they get too many."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: OrderedDict[_Key, Future[bytes]] = OrderedDict()
        self._size_bytes = 0

    def put(self, archive: ArchiveAccess, file: SourceFile, content: Future[bytes]) -> None:
        """Keep a file, unless it is on a disk anyway or larger than all that may be kept."""
        if archive.folder.local or file.size_bytes > archive.kept_bytes:
            return
        with self._lock:
            self._pop(_key(archive, file))
            self._add(_key(archive, file), content)
            self._make_room(archive)

    def ask(self, archive: ArchiveAccess, files: Iterable[SourceFile]) -> None:
        """Ask for files of an object store before they are wanted, as long as there is room for them."""
        most = 0 if archive.folder.local else min(archive.ahead_bytes, archive.kept_bytes)
        with self._lock:
            for file in files:
                if self._size_bytes + file.size_bytes > most:
                    return
                if _key(archive, file) not in self._files:
                    self._add(_key(archive, file), requests().submit(archive.fetch, file.uri))

    def once(self, archive: ArchiveAccess, file: SourceFile) -> bytes:
        """A file that several partitions read: kept, and fetched by the first of those that want it at a time.

        Raises
        ------
        ArchiveError
            When the archive does not give it.
        """
        if archive.folder.local or file.size_bytes > archive.kept_bytes:
            return archive.fetch(file.uri)
        mine, key = Future[bytes](), _key(archive, file)
        with self._lock:
            kept = self._pop(key)
            kept = None if kept and kept.done() and kept.exception() else kept
            self._add(key, kept or mine)
            self._make_room(archive)
        return kept.result() if kept else _settled(mine, archive, file)

    def take(self, archive: ArchiveAccess, file: SourceFile) -> Future[bytes] | None:
        """A file, which is kept no longer; None where it is not kept, or could not be had."""
        with self._lock:
            kept = self._pop(_key(archive, file))
        return None if kept and kept.done() and kept.exception() else kept

    def forget(self) -> None:
        """Keep nothing any more."""
        with self._lock:
            self._files.clear()
            self._size_bytes = 0

    def _add(self, key: _Key, file: Future[bytes]) -> None:
        self._files[key] = file
        self._size_bytes += key[2]

    def _make_room(self, archive: ArchiveAccess) -> None:
        while self._size_bytes > archive.kept_bytes:
            self._pop(next(iter(self._files)))

    def _pop(self, key: _Key) -> Future[bytes] | None:
        file = self._files.pop(key, None)
        self._size_bytes -= key[2] if file else 0
        return file


KEPT: Final = Kept()
"""Of this process."""


def _settled(request: Future[bytes], archive: ArchiveAccess, file: SourceFile) -> bytes:
    """Fetch a file, and tell those who wait for it."""
    try:
        content = archive.fetch(file.uri)
    except BaseException as error:
        request.set_exception(error)
        raise
    request.set_result(content)
    return content


def _key(archive: ArchiveAccess, file: SourceFile) -> _Key:
    return archive.folder.url, file.uri, file.size_bytes, file.etag
