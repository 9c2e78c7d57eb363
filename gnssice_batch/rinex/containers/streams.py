"""Compressed streams (gzip, compress, bzip2), never decompressed beyond a limit."""

import bz2
from collections.abc import Buffer, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol, cast

from isal import igzip_lib

from gnssice_batch.errors import Reason
from gnssice_batch.rinex.containers.lzw import DAMAGED, FULL, unpack_lzw

_PIECE_BYTES: Final = 1 << 30
_MOST_FOR_A_BYTE: Final = 1032
"""Bytes that deflate can make of one."""
_DAMAGED_DEFLATE: Final = cast("type[Exception]", igzip_lib.error)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What one compressed stream gave, and what stopped it."""

    content: bytes
    """All of it, or what came before the fault."""
    fault: Reason | None = None
    """None, ``TRUNCATED``, ``UNPACK_FAILED`` (damaged) or ``UNPACK_LIMIT``."""
    detail: str = ""


class _Decompressor(Protocol):
    """What the decompressors of isal and bz2 have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream is reached."""

    @property
    def needs_input(self) -> bool:
        """Whether all that the pieces so far have given was returned."""

    @property
    def unused_data(self) -> bytes:
        """What follows the end in the piece that held it."""

    def decompress(self, data: Buffer, max_length: int, /) -> bytes:
        """Unpack the next piece."""


def gunzip(content: bytes, limit: int) -> Unpacked:
    """Unpack gzip; the checksum of each of its streams is checked."""
    return _streams(content, limit, lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), _DAMAGED_DEFLATE)


def inflate(content: bytes, limit: int) -> Unpacked:
    """Unpack one raw deflate stream, as zip files hold them; what follows it is not looked at."""
    stream = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    return _one_stream(memoryview(content), limit, stream, _DAMAGED_DEFLATE)[0]


def bunzip2(content: bytes, limit: int) -> Unpacked:
    """Unpack bzip2; the checksum of each block is checked."""
    return _streams(content, limit, bz2.BZ2Decompressor, OSError)


def uncompress(content: bytes, limit: int) -> Unpacked:
    """Unpack compress. It has neither end mark nor checksum: what a cut took away shows in the text only."""
    unpacked, outcome = unpack_lzw(content, limit)
    if outcome == FULL or len(unpacked) > limit:
        return Unpacked(unpacked[:limit], Reason.UNPACK_LIMIT)
    if outcome == DAMAGED:
        return Unpacked(unpacked, Reason.UNPACK_FAILED, "a code that was not given yet")
    return Unpacked(unpacked)


STREAMS: Final[Mapping[str, Callable[[bytes, int], Unpacked]]] = MappingProxyType(
    {"gzip": gunzip, "compress": uncompress, "bzip2": bunzip2}
)
"""By the container's name, the function that unpacks at most so many bytes of it."""


def _streams(content: bytes, limit: int, start: Callable[[], _Decompressor], broken: type[Exception]) -> Unpacked:
    """Unpack streams that follow one another; the whole ones stand when what follows them is damaged."""
    done: list[bytes] = []
    view = memoryview(content)
    while view and (not done or view[0]):
        one, used = _one_stream(view, limit, start(), broken)
        if one.fault == Reason.UNPACK_FAILED and done:
            return Unpacked(b"".join(done), Reason.TRUNCATED, f"damaged after a whole stream: {one.detail}")
        done.append(one.content)
        if one.fault is not None:
            return Unpacked(_joined(done), one.fault, one.detail)
        limit -= len(one.content)
        view = view[used:]
    return Unpacked(_joined(done))


def _one_stream(view: memoryview, limit: int, stream: _Decompressor, broken: type[Exception]) -> tuple[Unpacked, int]:
    """Unpack the stream at the start of a buffer; also return its length there."""
    chunks: list[bytes] = []
    used = 0
    room = _size_at_end(view)
    while not stream.eof:
        if stream.needs_input and used == len(view):
            return Unpacked(_joined(chunks), Reason.TRUNCATED, "ends inside a compressed stream"), used
        piece = view[used : used + _PIECE_BYTES] if stream.needs_input else view[:0]
        try:
            chunk = stream.decompress(piece, min(room, limit + 1))
        except broken as error:
            return Unpacked(_joined(chunks), Reason.UNPACK_FAILED, str(error)), used
        if len(chunk) > limit:
            return Unpacked(_joined([*chunks, chunk[:limit]]), Reason.UNPACK_LIMIT), used
        chunks.append(chunk)
        limit -= len(chunk)
        used += len(piece)
        room = limit + 1
    return Unpacked(_joined(chunks)), used - len(stream.unused_data)


def _size_at_end(view: memoryview) -> int:
    """Guess what a stream unpacks to, so that room is made for it once: gzip says it at its end."""
    size = int.from_bytes(view[-4:], "little") + 1
    return size if size <= _MOST_FOR_A_BYTE * len(view) else len(view)


def _joined(chunks: list[bytes]) -> bytes:
    """Join, without a copy if there is one chunk only."""
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
