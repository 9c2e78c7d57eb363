"""Files that kill the process which reads them: found by a child process whose memory is bounded."""

import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gnssice_batch.errors import GnssiceError
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.model.values import SourceFile
from gnssice_batch.rinex import read

_READY: Final = b"r"
_READ: Final = b"."
_LEAST_BYTES: Final = 64 << 20
"""A child that has not so much to read with blames no file."""
_KEPT_FREE: Final = 0.3
"""Fraction of what the worker has left that its child leaves to it, and to the nanny where both are in one pod."""


def deadly_files(files: Sequence[SourceFile], context: ReadContext, memory_bytes: int | None) -> tuple[SourceFile, ...]:
    """Read files one after the other in child processes, and tell which of them no child has survived.

    Parameters
    ----------
    memory_bytes
        What a task may use, with the process that this function runs in; None: nothing limits it.

    Returns
    -------
    tuple of SourceFile
        The files whose reading needs more memory than there is beside this process, or ends the process that reads
        them; empty where there is not even enough for a child that reads a small one.
    """
    limit = None if memory_bytes is None else int((memory_bytes - _own_bytes()) * (1 - _KEPT_FREE))
    deadly: list[SourceFile] = []
    left = list(files)
    while left:
        said = _said_by_child(left, context, limit)
        if not said.startswith(_READY):
            return ()
        survived = said.count(_READ)
        deadly += left[survived : survived + 1]
        left = left[survived + 1 :]
    return tuple(deadly)


def _own_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _said_by_child(files: Sequence[SourceFile], context: ReadContext, limit: int | None) -> bytes:
    """What a child has written while it read files: that it was ready, then a mark for each file."""
    command = [sys.executable, "-m", __name__]
    task = pickle.dumps((list(files), context, limit))
    return subprocess.run(command, input=task, capture_output=True, check=False).stdout  # noqa: S603 - ourselves


def _survives(file: SourceFile, context: ReadContext) -> bool:
    """Whether this process can read a file; a refusal is one that the partition will give it too."""
    try:
        read(context.archive.fetch(file.uri), context.options_of(file.receiver))
    except MemoryError:
        return False
    except (GnssiceError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError):
        return True
    return True


def _reach(context: ReadContext) -> None:
    """Have loaded what a first request to the archive takes, so that no file is blamed for it."""
    with suppress(OSError):
        context.archive.folder.exists()


def main() -> None:
    """Be the child: end at the first file that can't be read in the memory that it has."""
    files, context, limit = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process that started this one
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (max(limit, 0), max(limit, 0)))
    try:
        _reach(context)
        bytearray(_LEAST_BYTES)
    except MemoryError:
        return
    os.write(sys.stdout.fileno(), _READY)
    for file in files:
        if not _survives(file, context):
            return
        os.write(sys.stdout.fileno(), _READ)


if __name__ == "__main__":
    main()
