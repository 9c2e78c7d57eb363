"""The members of tar or zip archives, each with what is wrong with it."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex.containers.streams import inflate

_TAR_BLOCK_BYTES: Final = 512
_TAR_FAULTS: Final = (tarfile.TarError, ValueError, OverflowError, EOFError, OSError)

_ZIP_LOCAL: Final = struct.Struct("<4s5H3L2H")
_ZIP_MAGIC: Final = b"PK\x03\x04"
_ZIP_ENCRYPTED: Final = 1
_ZIP_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_FAULTS: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError),
    *(ValueError, OverflowError, EOFError, OSError),
)


@dataclass(frozen=True, slots=True)
class File:
    """One file in an archive."""

    name: str
    content: bytes
    fault: Reason | None = None
    """None; ``TRUNCATED``: the content ends early; ``UNPACK_FAILED``, ``UNPACK_LIMIT``: there is none."""
    detail: str = ""


def tar_files(content: bytes) -> Iterator[File]:
    """Yield the regular files of a tar; a last one without name and content if the tar ends without its end mark.

    Raises
    ------
    ReadError
        ``UNPACK_FAILED`` if its first header is damaged.
    """
    cut = False
    try:
        archive = tarfile.open(fileobj=io.BytesIO(content), mode="r:")  # noqa: SIM115 - holds no file of the system
    except _TAR_FAULTS as error:
        raise ReadError(Reason.UNPACK_FAILED, f"tar: {error}") from error
    try:
        for entry in archive:
            if entry.isreg() and not entry.issparse():
                file = _tar_file(content, entry)
                cut = file.fault is not None
                yield file
    except _TAR_FAULTS:
        pass
    end = content[archive.offset : archive.offset + _TAR_BLOCK_BYTES]
    if not cut and end != bytes(_TAR_BLOCK_BYTES):
        yield File("", b"", Reason.TRUNCATED, "the tar ends without its end mark")


def _tar_file(content: bytes, entry: tarfile.TarInfo) -> File:
    """Return the bytes of an entry, or of what is left of it."""
    found = content[entry.offset_data : entry.offset_data + entry.size]
    if len(found) < entry.size:
        return File(entry.name, found, Reason.TRUNCATED, f"the tar ends inside {entry.name}")
    return File(entry.name, found)


def zip_files(content: bytes, limit: int) -> Iterator[File]:
    """Yield the files of a zip, unpacked to at most so many bytes each.

    Raises
    ------
    ReadError
        ``UNPACK_FAILED`` if its directory is damaged or missing.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _ZIP_FAULTS as error:
        raise ReadError(Reason.UNPACK_FAILED, f"zip: {error}") from error
    for entry in archive.infolist():
        if not entry.is_dir():
            yield _zip_file(archive, entry, limit)


def _zip_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> File:
    """Unpack an entry; its checksum is checked."""
    if entry.flag_bits & _ZIP_ENCRYPTED or entry.compress_type not in _ZIP_METHODS:
        return File(entry.filename, b"", Reason.UNPACK_FAILED, "zip: encrypted, or an unusual compression")
    try:
        with archive.open(entry) as stream:
            found = stream.read(limit + 1)
    except _ZIP_FAULTS as error:
        return File(entry.filename, b"", Reason.UNPACK_FAILED, f"zip: {error}")
    if len(found) > limit:
        return File(entry.filename, b"", Reason.UNPACK_LIMIT, f"unpacks to more than {limit} bytes")
    return File(entry.filename, found)


def zip_prefix(prefix: bytes, limit: int) -> bytes:
    """Return the first bytes of the first file of a zip of which only the first bytes are there."""
    at = 0
    while len(prefix) >= at + _ZIP_LOCAL.size and prefix.startswith(_ZIP_MAGIC, at):
        _, _, _, method, _, _, _, packed_bytes, _, name_bytes, extra_bytes = _ZIP_LOCAL.unpack_from(prefix, at)
        start = at + _ZIP_LOCAL.size + name_bytes
        if not prefix.endswith(b"/", 0, min(start, len(prefix))):
            found = prefix[start + extra_bytes :]
            return inflate(found, limit).content if method == zipfile.ZIP_DEFLATED else found[: packed_bytes or limit]
        at = start + extra_bytes + packed_bytes
    return b""
