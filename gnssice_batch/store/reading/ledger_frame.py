"""A receiver's ledger as a DataFrame, one row a file."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gnssice_batch.model.grid import GPS_EPOCH
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.arrays import check_layout
from gnssice_batch.store.layout.file_rows import FILE_COLUMNS, NO_TIME, TIME_COLUMNS, read_files
from gnssice_batch.store.reading.opening import group_at
from gnssice_batch.store.repository import MAIN
from gnssice_batch.store.versions import VersionName


@repeatable
def ledger(
    url: str,
    group: str,
    version: VersionName | None = None,
    branch: str = MAIN,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Read which files a receiver was made of, and what became of each, at one version of a repository.

    The number of a row is what the coordinate ``source_file`` holds. A file that was read again has several rows, the
    last one counts.

    Parameters
    ----------
    url
        Repository: a local path, ``file://``, ``s3://bucket/prefix`` or ``az://container/prefix``.
    group
        Receiver, e.g. ``canopy_01``.
    version
        Tag, snapshot id or its beginning, number of a version, `Version`, or a time; None: what the branch holds now.
    branch
        Branch, where no version is given.
    storage_options
        How the storage is reached, in the words of the setting ``store.storage_options``.

    Returns
    -------
    pandas.DataFrame
        Of the file: ``uri size_bytes etag sha256`` and, as read, ``version marker receiver_type antenna_type
        time_system interval_s`` (seconds) ``first_epoch last_epoch`` (GPS time, NaT where there is none) ``lines
        signals header`` (a mapping of what the header says). Of its end: ``status`` (``ok``, ``partial``,
        ``rejected``), ``reason detail line first_bytes`` of a rejection, ``epochs_read observations_read``,
        ``epochs_written observations_written`` (what is in the store now), ``epochs_joined`` (epochs whose main source
        is another file), ``skipped`` (mapping of reason to what the reader passed over), ``refused`` (mapping of reason
        to lost epochs and observations). Of the run: ``partitions reader mapping run read_at``.

    Raises
    ------
    ConfigError
        When there is no storage for such a URL.
    StoreError
        When there is no such repository, version or group, or the ledger can't be read.

    Examples
    --------
    >>> from gnssice_batch import ledger
    >>> files = ledger("stores/rosalia/rinex", "canopy_01")
    >>> files.groupby("status").size().to_dict()
    {'ok': 12}
    >>> int(files.epochs_written.sum())
    360
    """
    member = group_at(url, group, version, branch, storage_options)
    check_layout(member.path, dict(member.attrs))
    columns = read_files(member)
    return pd.DataFrame({name: _values(name, column) for name, column in columns.items()})


def _values(name: str, column: np.ndarray[Any, Any]) -> Any:
    if name in TIME_COLUMNS:
        times = GPS_EPOCH + column.view("timedelta64[ns]")
        return np.where(column == NO_TIME, np.datetime64("NaT", "ns"), times)
    if FILE_COLUMNS[name] == "json":
        return [json.loads(cell or "{}") for cell in column.tolist()]
    return column
