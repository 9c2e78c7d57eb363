"""Where the text of a RINEX file goes: packed as chosen."""

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, Protocol

import hatanaka
from isal import igzip

from gnssice_batch.exports.values import Compression, Why, WithheldError

CHUNK_BYTES: Final = 4 << 20
"""Text that is packed at a time: of a CRINEX file each such part begins anew."""
_LEVEL: Final = 2
"""Level 3 of isal is under 3 % smaller and takes half as long again."""
_UNDER_WAY: Final = 2
_END: Final = re.compile(rb"^.{60}END OF HEADER *\n", re.MULTILINE)


class Sink(Protocol):
    """A file that is being written."""

    def write(self, text: bytes) -> None:
        """Take text; of the body whole epochs."""


@contextmanager
def sink(path: Path, packing: Compression, header: bytes, written_at: str) -> Iterator[Sink]:
    """A file with a header, to which the body is to be written.

    Parameters
    ----------
    written_at
        What a CRINEX file says of when it was made.
    """
    with ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(path.open("wb"))
        if packing in {Compression.GZ, Compression.CRX_GZ}:
            file = stack.enter_context(_gzip(file))
        if packing in {Compression.CRX, Compression.CRX_GZ}:
            yield stack.enter_context(_compacted(file, header, written_at))
        else:
            file.write(header)
            yield file  # type: ignore[misc]  # a file returns how much it has written


def _gzip(file: IO[bytes]) -> IO[bytes]:
    make: Any = igzip.GzipFile
    packed: IO[bytes] = make("", "wb", _LEVEL, file, mtime=0)
    return packed


class _Compact:
    """Makes CRINEX of each piece of a body beside others, by the program of those who made the format."""

    def __init__(self, file: IO[bytes], header: bytes, written_at: str, threads: ThreadPoolExecutor) -> None:
        self._file, self._header, self._threads = file, header, threads
        self._written_at = f"{datetime.fromisoformat(written_at):%d-%b-%y %H:%M}".encode("ascii")
        self._under_way = deque[Future[bytes]]()
        self._has_header = False

    def write(self, text: bytes) -> None:
        """Take whole epochs."""
        if len(self._under_way) >= _UNDER_WAY:
            self._take()
        self._under_way.append(self._threads.submit(_compact, self._header + text))

    def finish(self) -> None:
        """Write what is under way."""
        while self._under_way:
            self._take()

    def _take(self) -> None:
        packed = self._under_way.popleft().result()
        end = _end_of_header(packed)
        if not self._has_header:
            first, second, rest = packed[:end].split(b"\n", 2)
            dated = second[:40] + self._written_at.ljust(20) + second[60:]
            self._file.write(b"\n".join((first, dated, rest)))
            self._has_header = True
        self._file.write(memoryview(packed)[end:])


def _end_of_header(packed: bytes) -> int:
    """Where the body begins: behind the line that has the label where labels stand."""
    found = _END.search(packed)
    if found is None:
        raise WithheldError(Why.NOT_COMPACT, "rnx2crx makes no header of it: use none or gz")
    return found.end()


def _compact(text: bytes) -> bytes:
    try:
        return bytes(hatanaka.rnx2crx(text))
    except hatanaka.HatanakaException as error:
        raise WithheldError(Why.NOT_COMPACT, f"rnx2crx makes no CRINEX of it ({error}): use none or gz") from error


@contextmanager
def _compacted(file: IO[bytes], header: bytes, written_at: str) -> Iterator[_Compact]:
    with ThreadPoolExecutor(_UNDER_WAY, "crinex") as threads:
        made = _Compact(file, header, written_at, threads)
        yield made
        made.finish()
