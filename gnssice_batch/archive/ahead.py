"""Files fetched while others are decoded, no more bytes of them at a time than is allowed."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Final

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.model.values import SourceFile

_REQUESTS: Final = 16
"""Requests for files that one process has under way."""


class Ahead:
    """Some files in the order in which they are wanted; of an archive on a disk each is read when it is taken."""

    def __init__(self, archive: ArchiveAccess, files: Iterable[SourceFile]) -> None:
        self._archive = archive
        self._waiting = deque(() if archive.folder.local else files)
        self._under_way: dict[str, tuple[int, Future[bytes]]] = {}
        self._go_on()

    def take(self, file: SourceFile) -> bytes:
        """The bytes of a file, which are forgotten here; one that was taken before, or is none of these, is asked for.

        Raises
        ------
        ArchiveError
            When the archive does not give it.
        """
        _, request = self._under_way.get(file.uri, (0, None))
        if request is None:
            if file in self._waiting:
                self._waiting.remove(file)
            return self._archive.fetch(file.uri)
        try:
            return request.result()
        finally:
            del self._under_way[file.uri]
            self._go_on()

    def close(self) -> None:
        """Ask for nothing more."""
        self._waiting.clear()
        for _, request in self._under_way.values():
            request.cancel()
        self._under_way.clear()

    def _go_on(self) -> None:
        """Ask for the next files while there is room; for one at least, however large."""
        held = sum(size for size, _ in self._under_way.values())
        while self._waiting and (not held or held + self._waiting[0].size_bytes <= self._archive.ahead_bytes):
            file = self._waiting.popleft()
            self._under_way[file.uri] = (file.size_bytes, requests().submit(self._archive.fetch, file.uri))
            held += file.size_bytes


@cache
def requests() -> ThreadPoolExecutor:
    """The threads that ask archives for files."""
    return ThreadPoolExecutor(_REQUESTS, "fetch")
