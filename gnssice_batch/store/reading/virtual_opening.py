"""A virtual group opened by its URL, from wherever its archive is."""

from collections.abc import Mapping
from typing import Any

import xarray as xr
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.location import location
from gnssice_batch.store.containers import containers_in
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.virtual_groups import is_virtual
from gnssice_batch.store.pointing import pointing_at
from gnssice_batch.store.reading.opening import opened_group, opened_repository
from gnssice_batch.store.reading.virtual import virtual_dataset
from gnssice_batch.store.repository import MAIN, Repository
from gnssice_batch.store.versions import VersionName


@repeatable
def open_virtual(  # noqa: PLR0913 - what is opened, which version of it, in what form, from where
    url: str,
    group: str = "",
    version: VersionName | None = None,
    branch: str = MAIN,
    *,
    chunks: Mapping[str, int] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    archive: str | None = None,
    archive_options: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Open a group of a virtual repository: an array over time, or a single file of the archive.

    Reading is that of any dataset: access to the archive is given here, with the credentials of this process. What
    can't be read is a `StoreError` that names the file; it never reads as missing values.

    Parameters
    ----------
    url
        Repository: ``<store.url>/<site>/virtual``.
    group
        A receiver, for its array over time, or ``<receiver>.files/<start>`` for one file; without one the error names
        those that there are.
    version
        Tag, snapshot id or its beginning, number of a version, `Version`, or a time: the last version that was there
        then; None: what the branch holds now.
    branch
        Branch, where no version is given.
    chunks
        Dask chunks by dimension; ``{}``: those of the files. None: no dask, values are read when they are used.
    storage_options
        How the repository is reached, and the archive too where it is in a storage of the same kind; None: as the
        environment or the identity of this machine says.
    archive
        Where the archive is now, if that is not where the repository says; nothing is changed there.
    archive_options
        How the archive is reached, where that differs.

    Returns
    -------
    xarray.Dataset
        Values, scaled as `xarray.open_dataset` of the files scales them; times are ``datetime64[ns]``. Where an array
        over time has no file, its values are missing.

    Raises
    ------
    ConfigError
        When there is no storage for such a URL.
    StoreError
        When there is no such repository, version or group, or it is not virtual.

    Examples
    --------
    >>> from gnssice_batch import open_virtual
    >>> ds = open_virtual("stores/rosalia/virtual", "canopy_01")
    >>> ds.SNR.sel(epoch="2025-01-01").sizes["epoch"]
    96
    """
    where = location(url, storage_options)
    repository = opened_repository(where)
    if archive is not None or archive_options is not None:
        repository = _elsewhere(repository, archive, archive_options)
    session, member = opened_group(repository, group, version, branch)
    if not is_virtual(zarr.open_group(session.store, mode="r", zarr_format=3)):
        msg = f"{url} is no repository of virtual datasets: open_dataset opens it"
        raise StoreError(msg)
    return virtual_dataset(session, member, where.url, chunks)


def _elsewhere(repository: Repository, archive: str | None, options: Mapping[str, Any] | None) -> Repository:
    for name, container in containers_in(repository.handle.config).items():
        repository = pointing_at(repository, name, location(archive or container.url_prefix, options))
    return repository
