"""Unpacking of a file, with its container told by content, never by name.

gzip, compress (``.Z``), bzip2, xz, zip and tar, in one another to a small depth. What the members are is not looked at
here: the reader decides that by their content too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex.containers.archives import File, tar_files, zip_files, zip_prefix
from gnssice_batch.rinex.containers.streams import BZIP2_MAGIC, GZIP_MAGIC, STREAMS, XZ_MAGIC, Unpacked

PREFIX_BYTES: Final = 1 << 20
"""`unpack_prefix` stops here: no header of a RINEX file is longer."""

_DEPTH: Final = 4
_TAR_MAGIC: Final = slice(257, 262)
_MAGIC: Final = (
    (GZIP_MAGIC[:2], "gzip"),
    (b"\x1f\x9d", "compress"),
    (BZIP2_MAGIC, "bzip2"),
    (XZ_MAGIC, "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"LZIP\x01", "lzip"),
)
NOT_UNPACKED: Final = frozenset({"zstd", "lz4", "7z", "rar", "lzip"})
"""Containers that are known by their first bytes only."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a container."""

    name: str
    """Name inside a zip or tar; empty where the container holds one file only."""
    content: bytes
    """Unpacked bytes: all of them, those before the break, or none if it was refused."""
    fault: Reason | None = None
    """None if whole; `Reason.TRUNCATED` if the content ends early; else why it was refused."""
    detail: str = ""
    """What was found, in a sentence."""
    oddity: Reason | None = None
    """``TRAILING_BYTES`` where its compressed stream is whole and something else follows it."""


def members(content: bytes, max_bytes: int) -> Iterator[Member]:
    """Yield every file in a container, unpacked; a file that is no container is its own only member.

    Parameters
    ----------
    content
        Bytes of the archive's file.
    max_bytes
        What all members together may unpack to, and each container in between. More is never allocated.

    Yields
    ------
    Member
        In the container's order. A member of a zip or tar that can't be unpacked comes with its fault and without
        content; the others still come.

    Raises
    ------
    ReadError
        ``EMPTY``, ``UNPACK_FAILED``, ``UNPACK_LIMIT`` or ``UNSUPPORTED_CONTAINER``, if nothing in it can be unpacked.
    """
    refused: list[Member] = []
    usable = False
    for member in _members("", content, max_bytes, 0):
        if member.content:
            usable = True
            yield from refused
            yield member
            refused.clear()
        else:
            refused.append(member)
    if usable:
        yield from refused
    else:
        raise _nothing_in(refused)


def unpack_prefix(prefix: bytes) -> bytes:
    """Return the first bytes of the first file in a container of which only the first bytes are there.

    Parameters
    ----------
    prefix
        First bytes of the archive's file. bzip2 gives nothing before its first block is whole (up to 900 kB unpacked).

    Returns
    -------
    bytes
        At most `PREFIX_BYTES`; what could be unpacked before the end or the first damage, which may be nothing. A
        container of `NOT_UNPACKED` comes as it is.
    """
    for _ in range(_DEPTH):
        kind = container_of(prefix)
        if kind is None or kind in NOT_UNPACKED:
            break
        prefix = _first_file(kind, prefix)
    return prefix[:PREFIX_BYTES]


def _first_file(kind: str, prefix: bytes) -> bytes:
    """Return the first bytes of the first file in a container."""
    if kind == "zip":
        return zip_prefix(prefix, PREFIX_BYTES)
    if kind != "tar":
        return STREAMS[kind](prefix, PREFIX_BYTES).content
    try:
        return next((file.content for file in tar_files(prefix) if file.content), b"")
    except ReadError:
        return b""


def container_of(content: bytes) -> str | None:
    """Name the container by its first bytes, one that is unpacked or one of `NOT_UNPACKED`; None if it is none."""
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    return "tar" if content[_TAR_MAGIC] == b"ustar" else None


def _members(name: str, content: bytes, limit: int, depth: int) -> Iterator[Member]:
    """Yield the members of a container, or the content itself."""
    kind = container_of(content)
    if kind is None:
        yield _plain(name, content, limit)
    elif kind in NOT_UNPACKED:
        raise not_unpacked(kind)
    elif depth == _DEPTH:
        raise ReadError(Reason.UNPACK_LIMIT, f"containers are nested deeper than {_DEPTH}")
    elif kind == "tar":
        yield from _each(tar_files(content), limit, depth + 1)
    elif kind == "zip":
        yield from _each(zip_files(content, limit), limit, depth + 1)
    else:
        yield from _stream_members(name, _unpack(kind, content, limit), limit, depth + 1)


def _plain(name: str, content: bytes, limit: int) -> Member:
    """Return a file that is no container, if there is anything in it and it is not too long."""
    if not content:
        raise ReadError(Reason.EMPTY, "the file is empty")
    if len(content) > limit:
        raise _too_long(limit)
    return Member(name, content)


def _unpack(kind: str, content: bytes, limit: int) -> Unpacked:
    """Unpack one compressed stream, or raise."""
    unpacked = STREAMS[kind](content, limit)
    if unpacked.fault == Reason.UNPACK_LIMIT:
        raise _too_long(limit)
    if unpacked.fault == Reason.UNPACK_FAILED:
        raise ReadError(Reason.UNPACK_FAILED, f"{kind}: {unpacked.detail}")
    if unpacked.fault == Reason.TRUNCATED and not unpacked.content:
        raise ReadError(Reason.UNPACK_FAILED, f"{kind}: ends before anything could be unpacked")
    return unpacked


def not_unpacked(kind: str) -> ReadError:
    """Return the error for one of `NOT_UNPACKED`."""
    return ReadError(Reason.UNSUPPORTED_CONTAINER, f"{kind}: unpack it, or pack it as gzip")


def _too_long(limit: int) -> ReadError:
    return ReadError(Reason.UNPACK_LIMIT, f"unpacks to more than {limit} bytes")


def _stream_members(name: str, unpacked: Unpacked, limit: int, depth: int) -> Iterator[Member]:
    """Yield what is in an unpacked stream; a tar says itself which of its members a missing end took away."""
    inner = _members(name, unpacked.content, limit, depth)
    if unpacked.oddity is None and (unpacked.fault is None or container_of(unpacked.content) == "tar"):
        yield from inner
        return
    for member in inner:
        oddity = member.oddity or unpacked.oddity
        yield replace(
            member, fault=member.fault or unpacked.fault, detail=member.detail or unpacked.detail, oddity=oddity
        )


def _each(files: Iterator[File], limit: int, depth: int) -> Iterator[Member]:
    """Unpack each file of a zip or tar; what is wrong with one is said and does not stop the others."""
    for file in files:
        if file.fault is not None and not file.content:
            yield Member(file.name, b"", file.fault, file.detail)
            continue
        try:
            for member in _members(file.name, file.content, limit, depth):
                limit -= len(member.content)
                yield replace(member, fault=member.fault or file.fault, detail=member.detail or file.detail)
        except ReadError as error:
            yield Member(file.name, b"", error.reason, error.detail)


def _nothing_in(refused: list[Member]) -> ReadError:
    """Return the error for a container of which no member is usable: the first one's fault."""
    if not refused:
        return ReadError(Reason.EMPTY, "the container holds no file")
    fault = refused[0].fault or Reason.UNPACK_FAILED
    return ReadError(Reason.UNPACK_FAILED if fault == Reason.TRUNCATED else fault, refused[0].detail)
