"""Compressed streams (gzip, compress, bzip2, xz), never decompressed beyond a limit."""

import bz2
import lzma
from collections.abc import Buffer, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, cast

from isal import igzip_lib

from gnssice_batch.errors import Reason
from gnssice_batch.rinex.containers.lzw import DAMAGED, FULL, unpack_lzw

GZIP_MAGIC: Final = b"\x1f\x8b\x08"
BZIP2_MAGIC: Final = b"BZh"
XZ_MAGIC: Final = b"\xfd7zXZ\0"

_PIECE_BYTES: Final = 1 << 30
_XZ_MEMORY_BYTES: Final = 1 << 28
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
    oddity: Reason | None = None
    """``TRAILING_BYTES`` where something follows that is no further stream; the content is whole then."""


class _Decompressor(Protocol):
    """What the decompressors of isal, bz2 and lzma have in common."""

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
    kind = _Kind(GZIP_MAGIC, lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), _DAMAGED_DEFLATE)
    return _streams(content, limit, kind)


def inflate(content: bytes, limit: int) -> Unpacked:
    """Unpack one raw deflate stream, as zip files hold them; what follows it is not looked at."""
    stream = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    return _one_stream(memoryview(content), limit, stream, _DAMAGED_DEFLATE)[0]


def bunzip2(content: bytes, limit: int) -> Unpacked:
    """Unpack bzip2; the checksum of each block is checked."""
    return _streams(content, limit, _Kind(BZIP2_MAGIC, bz2.BZ2Decompressor, OSError))


def unxz(content: bytes, limit: int) -> Unpacked:
    """Unpack xz; its checks are checked. One that asks for more than a set memory is refused."""
    kind = _Kind(XZ_MAGIC, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY_BYTES), lzma.LZMAError)
    return _streams(content, limit, kind)


def uncompress(content: bytes, limit: int) -> Unpacked:
    """Unpack compress. It has neither end mark nor checksum: what a cut took away shows in the text only."""
    unpacked, outcome = unpack_lzw(content, limit)
    if outcome == FULL or len(unpacked) > limit:
        return Unpacked(unpacked[:limit], Reason.UNPACK_LIMIT)
    if outcome == DAMAGED:
        return Unpacked(unpacked, Reason.UNPACK_FAILED, "a code that was not given yet")
    return Unpacked(unpacked)


STREAMS: Final[Mapping[str, Callable[[bytes, int], Unpacked]]] = MappingProxyType(
    {"gzip": gunzip, "compress": uncompress, "bzip2": bunzip2, "xz": unxz}
)
"""By the container's name, the function that unpacks at most so many bytes of it."""


class _Kind(NamedTuple):
    """How streams of one kind are told and unpacked."""

    magic: bytes
    start: Callable[[], _Decompressor]
    broken: type[Exception]


def _streams(content: bytes, limit: int, kind: _Kind) -> Unpacked:
    """Unpack streams that follow one another; the whole ones stand when what follows them is damaged or is none."""
    done: list[bytes] = []
    view = memoryview(content)
    while view:
        if done and not _may_be(kind.magic, view):
            return Unpacked(_joined(done), detail="bytes follow that are no stream", oddity=Reason.TRAILING_BYTES)
        one, used = _one_stream(view, limit, kind.start(), kind.broken)
        if one.fault == Reason.UNPACK_FAILED and done:
            return Unpacked(b"".join(done), Reason.TRUNCATED, f"damaged after a whole stream: {one.detail}")
        done.append(one.content)
        if one.fault is not None:
            return Unpacked(_joined(done), one.fault, one.detail)
        limit -= len(one.content)
        view = _behind_padding(view[used:])
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


def _behind_padding(view: memoryview) -> memoryview:
    """Pass over the NUL bytes that a tape or xz puts behind a stream."""
    return view[len(view) - len(bytes(view).lstrip(b"\0")) :] if view and not view[0] else view


def _may_be(magic: bytes, view: memoryview) -> bool:
    """Whether a buffer begins a stream, though its first bytes may be damaged or cut off: most of them are right."""
    begin = bytes(view[: len(magic)])
    right = sum(one == other for one, other in zip(begin, magic, strict=False))
    return 2 * right > len(magic) or begin == magic[: len(begin)]


def _size_at_end(view: memoryview) -> int:
    """Guess what a stream unpacks to, so that room is made for it once: gzip says it at its end."""
    size = int.from_bytes(view[-4:], "little") + 1
    return size if size <= _MOST_FOR_A_BYTE * len(view) else len(view)


def _joined(chunks: list[bytes]) -> bytes:
    """Join, without a copy if there is one chunk only."""
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
