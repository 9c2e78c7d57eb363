"""Virtual groups opened as datasets, which say of what can't be read in which file of the archive it is."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import icechunk
import numpy as np
import xarray as xr
import zarr
from xarray.backends import BackendArray, ZarrStore
from xarray.core import indexing

from gnssice_batch.errors import GnssiceError, StoreError
from gnssice_batch.model.virtual import StoredSeries, VirtualContents, VirtualRow, VirtualState
from gnssice_batch.store.damage import first_line
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.documents import groups_in
from gnssice_batch.store.layout.virtual_files import read_rows
from gnssice_batch.store.layout.virtual_groups import MARK, is_virtual, series_of
from gnssice_batch.store.reading.regular_times import RegularTimes
from gnssice_batch.store.reading.timeindex import PANDAS_LIMIT, epoch_index
from gnssice_batch.store.repository import MAIN, Repository

SCALE_DTYPE: Final = "scale_dtype"
_SCALES: Final = ("scale_factor", "add_offset")
_UNREADABLE: Final = (icechunk.IcechunkError, ValueError, RuntimeError, EOFError, OSError, zlib.error)
_GPS_EPOCH_NS: Final = int(np.datetime64("1980-01-06", "ns").astype(np.int64))
_MEANINGS: Final = (
    (("checksum",), "the file was touched or replaced since it was referenced"),
    (("authorize", "no virtual chunk container"), "its archive is not the one that this repository may read"),
    (("not found", "nosuchkey", "nosuchbucket"), "the file is not in the archive any more"),
    (("not enough data", "range"), "the file is shorter than when it was referenced"),
)
"""What is in a message of Icechunk about a virtual chunk, and what that means."""


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
    try:
        root = zarr.open_group(session.store, mode="r", zarr_format=3)
    except FileNotFoundError:
        return VirtualContents(session.snapshot_id)
    if not is_virtual(root):
        msg = (
            f"{repository.url} is no repository of virtual datasets: virtualize makes one at <store.url>/<site>/virtual"
        )
        raise StoreError(msg)
    found = {name: series_of(group) for name, group in groups_in(root).items()}
    series = {name: one for name, one in found.items() if one is not None}
    return VirtualContents(session.snapshot_id, series, read_rows(root))


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
    found = xr.open_dataset(store, chunks=None if chunks is None else dict(chunks), drop_variables=dropped)
    found = found.drop_attrs(deep=False).assign_attrs({k: v for k, v in found.attrs.items() if k != MARK})
    if told.series is not None:
        found = found.assign_coords(_times(member, told.series))
    found.encoding["source"] = url
    return found


@dataclass(frozen=True)
class Told:
    """Says in which file of the archive it is that something can't be read."""

    session: icechunk.Session
    group: str
    url: str
    series: StoredSeries | None

    @contextmanager
    def of(self, one: zarr.Array[Any], key: Any) -> Iterator[None]:
        """Turn what reading part of an array raises in this context into a `StoreError`.

        Parameters
        ----------
        key
            Which part, for each dimension.
        """
        try:
            yield
        except GnssiceError:
            raise
        except _UNREADABLE as error:
            raise self._error(one, key, error) from error

    def _error(self, one: zarr.Array[Any], key: Any, error: Exception) -> StoreError:
        rows = [row for row in self._rows() if row.group == self.group]
        rows = [row for row in rows if self._within(row, one, key)]
        bad = next((row for row in rows if self._fails(row, one)), rows[0] if rows else None)
        if bad is None:
            return StoreError(
                f"{self.url}: group {self.group!r}, array {one.basename!r} can't be read: {first_line(error)}"
            )
        return StoreError(f"{bad.file.uri}: {_meaning(bad, error)} ({first_line(error)}){_what_to_do(self.url)}")

    def _rows(self) -> Sequence[VirtualRow]:
        return tuple(read_rows(zarr.open_group(self.session.store, mode="r", zarr_format=3)).values())

    def _place(self, row: VirtualRow, one: zarr.Array[Any]) -> tuple[slice, ...] | None:
        """Where a file lies in an array; None where it is all of it."""
        dims = cast("Any", one.metadata).dimension_names or ()
        if self.series is None or self.series.profile.time not in dims:
            return None
        slot = self.series.grid.slot(row.first_ns)
        return tuple(slice(slot, slot + row.epochs) if dim == self.series.profile.time else slice(None) for dim in dims)

    def _within(self, row: VirtualRow, one: zarr.Array[Any], key: Any) -> bool:
        place = self._place(row, one)
        if place is None:
            return True
        at = next(number for number, part in enumerate(place) if part != slice(None) or one.ndim == 1)
        wanted = _positions(key[at] if isinstance(key, tuple) and len(key) > at else slice(None), one.shape[at])
        return bool(((wanted >= place[at].start) & (wanted < place[at].stop)).any())

    def _fails(self, row: VirtualRow, one: zarr.Array[Any]) -> bool:
        place = self._place(row, one)
        try:
            one[...] if place is None else one[place]
        except _UNREADABLE:
            return True
        return False


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


def _positions(key: Any, size: int) -> np.ndarray[Any, Any]:
    if isinstance(key, slice):
        return np.arange(*key.indices(size))
    found = np.atleast_1d(np.asarray(key))
    return np.where(found < 0, found + size, found).ravel()


def _meaning(row: VirtualRow, error: Exception) -> str:
    if row.state is VirtualState.NATIVE:
        return "its native chunks can't be read"
    if not isinstance(error, icechunk.IcechunkError):
        return "its chunks do not decode, so that the file has other bytes than when it was referenced"
    said = str(error).lower()
    return next((meaning for words, meaning in _MEANINGS if any(word in said for word in words)), "it can't be read")


def _what_to_do(url: str) -> str:
    return (
        f"; all other files of {url} can be read: put it back as it was, or run virtualize, which refers to what is"
        " there now; virtualize verify names all such files"
    )
