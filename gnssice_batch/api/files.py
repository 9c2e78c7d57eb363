"""One file, looked at by itself."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gnssice_batch.inspection.facts import Inspection


def inspect(file: str | Path | bytes, name: str = "") -> "Inspection":
    """Show what the reader sees in one RINEX file, and what to be warned of.

    Parameters
    ----------
    file
        Path or fsspec URL of a file, or its bytes: any RINEX version, compressed or not.
    name
        Name of the file, compared with the content; taken from the path if not given.

    Returns
    -------
    Inspection
        With status ``rejected`` for a file that can't be read.

    Raises
    ------
    ArchiveError
        When there is no such file, or it can't be fetched.

    Examples
    --------
    >>> from gnssice_batch import inspect
    >>> seen = inspect("archive/canopy_01/25001/C00100SIM_R_20250010000_15M_30S_MO.crx.gz")
    >>> str(seen.status), seen.container, seen.parts[0].epochs
    ('ok', 'gzip', 30)
    >>> inspect(b"<html>").refusal.reason
    <Reason.NOT_RINEX: 'not_rinex'>
    """
    from gnssice_batch.inspection.facts import inspect as inspect_content
    from gnssice_batch.inspection.warnings import warnings_of

    path = "" if isinstance(file, bytes) else str(file)
    content = file if isinstance(file, bytes) else _content(path)
    seen = inspect_content(content, name or path.rpartition("/")[2])
    return replace(seen, warnings=warnings_of(seen))


def _content(path: str) -> bytes:
    from gnssice_batch.archive.listing import ArchiveAccess
    from gnssice_batch.storage.folder import Folder

    folder, _, name = path.rpartition("/")
    return ArchiveAccess(Folder(folder or ("/" if path.startswith("/") else "."))).fetch(name)
