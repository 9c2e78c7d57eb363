"""Virtual groups opened as datasets, which say of what can't be read in which file of the archive it is."""

from collections.abc import Mapping
from typing import Any, Final

import icechunk
import numpy as np
import xarray as xr
import zarr
from xarray.backends import BackendArray, ZarrStore
from xarray.core import indexing

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import StoredSeries, VirtualContents
from gnssice_batch.store.damage import first_line
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.documents import groups_in
from gnssice_batch.store.layout.telling import Told
from gnssice_batch.store.layout.virtual_files import read_rows
from gnssice_batch.store.layout.virtual_groups import MARK, is_virtual, series_of
from gnssice_batch.store.reading.regular_times import RegularTimes
from gnssice_batch.store.reading.timeindex import PANDAS_LIMIT, epoch_index
from gnssice_batch.store.repository import MAIN, Repository

SCALE_DTYPE: Final = "scale_dtype"
_SCALES: Final = ("scale_factor", "add_offset")
_GPS_EPOCH_NS: Final = int(np.datetime64("1980-01-06", "ns").astype(np.int64))


@repeatable
def virtual_contents(repository: Repository, branch: str = MAIN, snapshot: str | None = None) -> VirtualContents:
    """What a virtual repository holds at the head of a branch, or at a snapshot.

    Raises
    ------
    StoreError
        When it is no virtual repository.
    """
    handle = repository.handle
    session = handle.readonly_session(snapshot_id=snapshot) if snapshot else handle.readonly_session(branch)
    root = _root(session)
    if root is None:
        return VirtualContents(session.snapshot_id)
    if why := _not_virtual(repository, root):
        raise StoreError(why)
    found = {name: series_of(group) for name, group in groups_in(root).items()}
    series = {name: one for name, one in found.items() if one is not None}
    return VirtualContents(session.snapshot_id, series, read_rows(root))


@repeatable
def not_virtual(repository: Repository, branch: str = MAIN) -> str:
    """Why a repository is none of virtual datasets, in a sentence; empty where it is one, or holds nothing yet."""
    root = _root(repository.handle.readonly_session(branch))
    return "" if root is None else _not_virtual(repository, root)


def _root(session: icechunk.Session) -> zarr.Group | None:
    try:
        return zarr.open_group(session.store, mode="r", zarr_format=3)
    except FileNotFoundError:
        return None


def _not_virtual(repository: Repository, root: zarr.Group) -> str:
    if is_virtual(root):
        return ""
    return f"{repository.url} is no repository of virtual datasets: virtualize makes one at <store.url>/<site>/virtual"


def virtual_dataset(
    session: icechunk.Session, member: zarr.Group, url: str, chunks: Mapping[str, int] | None
) -> xr.Dataset:
    """The dataset of a virtual group, as xarray makes it of the files themselves.

    Parameters
    ----------
    chunks
        Dask chunks as `xarray.open_zarr` takes them; None for none.

    Raises
    ------
    StoreError
        When the group holds groups instead of arrays.
    """
    if not any(True for _ in member.array_keys()):
        inside = ", ".join(sorted(member.group_keys())) or "nothing"
        raise StoreError(f"group {member.path!r} of {url} has no arrays; it has {inside}")
    told = Told(session, member.path, url, series_of(member))
    store = _TellingStore.open_group(session.store, group=member.path, mode="r", consolidated=False, zarr_format=3)
    store.told = told
    dropped = [told.series.profile.time] if told.series else []
    try:
        found = xr.open_dataset(store, chunks=None if chunks is None else dict(chunks), drop_variables=dropped)
    except (ValueError, LookupError, TypeError, OverflowError, NotImplementedError) as error:
        msg = f"xarray can't open group {member.path!r} of {url}: {first_line(error)}"
        raise StoreError(msg) from error
    found = found.drop_attrs(deep=False).assign_attrs({k: v for k, v in found.attrs.items() if k != MARK})
    if told.series is not None:
        found = found.assign_coords(_times(member, told.series))
    found.encoding["source"] = url
    return found


class _TellingArray(BackendArray):
    """An array of xarray's Zarr backend whose errors name the file of the archive."""

    def __init__(self, inner: Any, told: Told) -> None:
        self.inner, self.told = inner, told
        self.shape, self.dtype = inner.shape, inner.dtype

    def get_array(self) -> Any:
        """The array of Zarr."""
        return self.inner.get_array()

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        with self.told.of(self.inner.get_array(), key.tuple):
            return self.inner[key]

    async def async_getitem(self, key: indexing.ExplicitIndexer) -> Any:
        """The same, for xarray's asynchronous reading."""
        with self.told.of(self.inner.get_array(), key.tuple):
            return await self.inner.async_getitem(key)


class _TellingStore(ZarrStore):
    """xarray's Zarr backend with arrays that tell."""

    told: Told
    __slots__ = ("told",)

    def open_store_variable(self, name: str) -> xr.Variable:
        """A variable as xarray opens it; scales of single precision as NetCDF has them."""
        found: xr.Variable = super().open_store_variable(name)  # type: ignore[no-untyped-call]  # of xarray
        inner: Any = found._data  # noqa: SLF001 - xarray has no public way to exchange what a backend reads from
        telling: Any = indexing.LazilyIndexedArray(_TellingArray(inner.array, self.told))
        found._data = telling  # noqa: SLF001
        kind = found.attrs.pop(SCALE_DTYPE, None)
        if kind is not None:
            scales = {scale: np.dtype(kind).type(found.attrs[scale]) for scale in _SCALES if scale in found.attrs}
            found.attrs.update(scales)
        return found


def _times(member: zarr.Group, series: StoredSeries) -> xr.Coordinates:
    """The time axis, computed from origin and interval."""
    grid, name = series.grid, series.profile.time
    times = RegularTimes(_GPS_EPOCH_NS + grid.origin_ns, grid.interval_ns, grid.size)
    index = epoch_index(times, name, PANDAS_LIMIT)
    variables = index.create_variables()
    attributes = {key: value for key, value in member[name].attrs.items() if key not in {"units", "calendar"}}
    for variable in variables.values():
        variable.attrs = attributes
        variable.encoding = {"units": "nanoseconds since 1980-01-06", "dtype": np.dtype("int64")}
    return xr.Coordinates(variables, dict.fromkeys(variables, index))
