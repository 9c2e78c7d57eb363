"""The bytes of a partition's files: each asked for once, also where they are read twice."""

from collections.abc import Collection, Container, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from gnssice_batch.archive.ahead import Ahead
from gnssice_batch.archive.kept import KEPT
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.model.values import SourceFile


class Fetching:
    """Files fetched ahead in their order, and held on to until it is clear whether this process reads them again.

    Parameters
    ----------
    files
        In the order in which they are wanted.
    known
        Those whose bytes nobody is going to want.
    shared
        Those that other partitions read too: they stay kept, and are fetched when they are wanted.
    """

    def __init__(
        self,
        archive: ArchiveAccess,
        files: Iterable[SourceFile],
        known: Container[SourceFile] = (),
        shared: Collection[SourceFile] = (),
    ) -> None:
        self._archive = archive
        self._shared = frozenset(shared)
        files = [file for file in files if file not in self._shared]
        self._held = {file: kept for file in files if (kept := KEPT.take(archive, file))}
        self._ahead = Ahead(archive, [file for file in files if file not in self._held and file not in known])

    def __enter__(self) -> Self:
        """Begin to fetch."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ask for nothing more; after a failure the task may be run again, so that what is there is kept."""
        self._ahead.close()
        if error is not None:
            self.keep()

    def fetch(self, file: SourceFile) -> bytes:
        """The bytes of a file.

        Raises
        ------
        ArchiveError
            When the archive does not give it.
        """
        if file in self._held:
            return self._held[file].result()
        content = KEPT.once(self._archive, file) if file in self._shared else self._ahead.take(file)
        if not self._archive.folder.local:
            self._held[file] = Future()
            self._held[file].set_result(content)
        return content

    def keep(self, wanted: Container[SourceFile] | None = None) -> None:
        """Keep files in this process, which reads them again.

        Parameters
        ----------
        wanted
            Which of them; None: all, for the partition is going to be done again.
        """
        for file, content in self._held.items():
            if wanted is None or file in wanted:
                KEPT.put(self._archive, file, content)
