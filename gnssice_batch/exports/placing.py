"""A finished file put at its name: nothing of another receiver, nor of another program, is replaced."""

import gzip
import json
import os
import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gnssice_batch.exports.headers import receiver_of
from gnssice_batch.exports.values import Choice, Format, Origin, Why, WithheldError

_GZIP: Final = b"\x1f\x8b"
_HEADER_BYTES: Final = 1 << 15
"""More than the comments that name the receiver begin behind."""


@contextmanager
def placed(path: Path, origin: Origin, choice: Choice) -> Iterator[Path]:
    """A name of its own beside a path, which becomes the path if nothing is raised, and is removed otherwise.

    Raises
    ------
    WithheldError
        When there is a file by then that may not be replaced.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.unfinished")
    try:
        yield unfinished
        _place(unfinished, path, origin, choice)
    finally:
        unfinished.unlink(missing_ok=True)


def check_free(path: Path, origin: Origin, choice: Choice) -> None:
    """Refuse a path at which a file stands that may not be replaced.

    Raises
    ------
    WithheldError
        With the receiver that the file was made for.
    """
    if not os.path.lexists(path):
        return
    there = made_for(path, choice.format)
    if there is None:
        message = "what is there under this name is no export, and is never replaced: choose another folder"
    elif there != origin.receiver.encode("ascii", "replace").decode("ascii"):
        message = f"the file of this name is of receiver {there}, not {origin.receiver}: choose another folder"
    elif not choice.overwrite:
        message = f"there is a file of this name, of receiver {there}: --overwrite replaces it"
    else:
        return
    raise WithheldError(Why.EXISTS, message)


def made_for(path: Path, file_format: Format) -> str | None:
    """The receiver that a file was exported of, as ASCII; None where it is no export of this format."""
    if not path.is_file():
        return None
    with suppress(OSError, ValueError, EOFError, zlib.error, AttributeError, KeyError):
        return _RECEIVER[file_format](path).encode("ascii", "replace").decode("ascii")
    return None


def _place(unfinished: Path, path: Path, origin: Origin, choice: Choice) -> None:
    """Give a file its name; where something has come to stand there meanwhile it has to be one that may be replaced."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        check_free(path, origin, choice)
        unfinished.replace(path)
    except OSError:
        _place_without_links(unfinished, path, origin, choice)


def _place_without_links(unfinished: Path, path: Path, origin: Origin, choice: Choice) -> None:
    """The same where a file can have one name only: the name is taken by an empty file first."""
    try:
        path.open("xb").close()
    except FileExistsError:
        check_free(path, origin, choice)
    unfinished.replace(path)


def _of_rinex(path: Path) -> str:
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        return receiver_of(gzip.GzipFile(fileobj=file).read(_HEADER_BYTES) if packed else file.read(_HEADER_BYTES))


def _of_netcdf(path: Path) -> str:
    import netCDF4  # noqa: PLC0415 - only who asks for it needs it

    with netCDF4.Dataset(path) as file:
        return str(file.source_receiver)


def _of_parquet(path: Path) -> str:
    from pyarrow import parquet  # noqa: PLC0415 - only who asks for it needs it

    told = parquet.read_schema(path).metadata or {}
    return str(json.loads(told[b"gnssice_batch"])["source"]["receiver"])


_RECEIVER: Final[Mapping[Format, Callable[[Path], str]]] = {
    Format.RINEX3: _of_rinex,
    Format.RINEX2: _of_rinex,
    Format.NETCDF: _of_netcdf,
    Format.PARQUET: _of_parquet,
}
