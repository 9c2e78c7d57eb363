"""A receiver's group as a lazy xarray Dataset: nothing that grows with time is loaded."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import icechunk
import numpy as np
import xarray as xr
import zarr
from xarray.indexes import Index

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import SID_COORDINATES, SID_READ_UNIT, Contents
from gnssice_batch.model.values import Span
from gnssice_batch.storage.location import Location, location
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.damage import first_line, of_version
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.arrays import array, read_template
from gnssice_batch.store.layout.coverage import coverage, coverage_attributes
from gnssice_batch.store.layout.foreign import is_own, own_and_others
from gnssice_batch.store.layout.virtual_groups import is_virtual
from gnssice_batch.store.reading.accessor import GnssAccessor
from gnssice_batch.store.reading.foreign import as_it_is
from gnssice_batch.store.reading.regular_times import RegularTimes
from gnssice_batch.store.reading.shaping import (
    Whole,
    in_memory,
    masked,
    of_any_receiver,
    on_signals,
    with_text_objects,
    without_chunks_of_the_store,
)
from gnssice_batch.store.reading.timeindex import PANDAS_LIMIT, epoch_index
from gnssice_batch.store.reading.virtual import virtual_dataset
from gnssice_batch.store.repository import MAIN, Repository, no_such_branch, open_existing
from gnssice_batch.store.versions import VersionName, snapshot_of
from gnssice_batch.wording import several

_GPS_EPOCH_NS: Final = int(np.datetime64("1980-01-06", "ns").astype(np.int64))
_CHUNKS_ALONG_EPOCH: Final = 1_024
_CHUNK_BYTES: Final = 128 << 20
_WIDEST_VALUE_BYTES: Final = 8
_SHOWN: Final = 10
_ALONG_SID: Final = tuple(spec.name for spec in SID_COORDINATES)
_CF_TIME: Final = ("units", "calendar")

xr.register_dataset_accessor("gnss")(GnssAccessor)  # type: ignore[no-untyped-call]

type Chunks = Mapping[str, int] | Literal["auto"] | None


@repeatable
def open_dataset(  # noqa: PLR0913 - what is opened, which version of it, and in what form
    url: str,
    group: str = "",
    version: VersionName | None = None,
    branch: str = MAIN,
    *,
    chunks: Chunks = "auto",
    pandas_limit: int = PANDAS_LIMIT,
    trim: bool = True,
    sids: Sequence[str] | None = None,
    mask: bool = False,
    per_epoch: bool = True,
    text_objects: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Open a receiver's observations at one version of a repository.

    Nothing that grows with the length of the axis is loaded: the epochs follow from the group's origin and interval.
    The axis of a group is whole write units, and may have been stretched; what is given is the span of its data.

    Parameters
    ----------
    url
        Repository: a local path, ``file://``, ``s3://bucket/prefix`` or ``az://container/prefix``.
    group
        Receiver, e.g. ``canopy_01``; without one the error names those that there are. A group that another program
        made, canvodpy or xarray, is given as xarray opens it, with a warning; one of a virtual repository as
        `open_virtual` gives it.
    version
        Tag, snapshot id or its beginning, number of a version, `Version`, or a time: the last version that was there
        then; None: what the branch holds now.
    branch
        Branch, where no version is given.
    chunks
        Dask chunks along ``epoch`` and ``sid``. ``"auto"``: whole write units of 64 signals, several together once an
        axis is longer than 1,024 of them, and in an object store, whose answers they wait for together; a selection
        reads no more of a chunk than it needs. None: no dask, values are read when they are used.
    pandas_limit
        Longest axis, in epochs, with an ordinary pandas index. A longer one has an index that computes its times,
        as have selections of it that are still longer. Both kinds align with each other and with any pandas index.
    trim
        From the first to the last epoch that holds anything, as the attributes ``time_coverage_start`` and
        ``time_coverage_end`` say them (ACDD's names, GPS time); False: the whole axis.
    sids
        Signals, in this order; those that the receiver never had are missing everywhere. Integers stay integers, which
        `xarray.Dataset.reindex` turns into floats. None: all of the receiver.
    mask
        `LLI` and `SSI` as float32 with NaN where they are missing, so that their means are means.
    per_epoch
        With the coordinates ``epoch_flag epoch_offset rx_clock_offset source_file``, which belong to one receiver:
        without them (False) several receivers can be merged.
    text_objects
        Text coordinates as Python objects, which canvodpy's validator asks for; False: of fixed width, as plots want.
    storage_options
        How the storage is reached, in the words of the setting ``store.storage_options``; None: as the environment
        or the identity of this machine says. Keys given here travel with the dataset where it is pickled.

    Returns
    -------
    xarray.Dataset
        Data variables ``SNR Pseudorange Phase Doppler LLI SSI`` over ``(epoch, sid)``, everything else as coordinates;
        of a group of a vod repository, e.g. ``tau_omega/canopy_01_vs_reference_01``, ``VOD theta phi``.
        Epochs are ``datetime64[ns]`` in GPS time; missing is NaN, and -1 in `LLI` and `SSI`. Dask chunks of its
        variables agree; coordinates along ``sid`` are in memory, and stay there unless ``sid`` is cut anew.

    Raises
    ------
    ConfigError
        When there is no storage for such a URL.
    StoreError
        When there is no such repository, version or group, (the message says what there is), when a later version of
        this program made the group, or when another program made it and it can't be opened.

    Examples
    --------
    >>> from gnssice_batch import open_dataset
    >>> ds = open_dataset("stores/rosalia/rinex", "canopy_01")
    >>> list(ds.data_vars)
    ['SNR', 'Pseudorange', 'Phase', 'Doppler', 'LLI', 'SSI']
    >>> day = ds.SNR.sel(epoch="2025-01-01").dropna("epoch", how="all")
    >>> day.sizes["epoch"]
    360
    """
    where = location(url, storage_options)
    session, member = _opened(where, group, version, branch)
    with of_version(where.url, session.snapshot_id):
        if is_virtual(member):
            return virtual_dataset(session, member, where.url, {} if isinstance(chunks, str) else chunks)
        if not is_own(member):
            wishes = {"sids": sids is not None, "mask": mask, "per_epoch": not per_epoch, "text_objects": text_objects}
            return as_it_is(session, member, where.url, {} if isinstance(chunks, str) else chunks, wishes)
        found = _dataset(session, member, where, chunks, pandas_limit=pandas_limit, trim=trim)
        found = found if sids is None else on_signals(found, sids)
        found = masked(found) if mask else found
        found = found if per_epoch else of_any_receiver(found)
        return with_text_objects(found) if text_objects else found


def _dataset(
    session: icechunk.Session, member: zarr.Group, where: Location, chunks: Chunks, *, pandas_limit: int, trim: bool
) -> xr.Dataset:
    template = read_template(member)
    grid = template.grid
    _check_ends(member, grid)
    lazy = xr.open_zarr(
        session.store,
        group=member.path,
        consolidated=False,
        zarr_format=3,
        drop_variables=["epoch", *_ALONG_SID],
        chunks=_chunks(chunks, grid, distant=not where.local),
    )
    dataset = lazy.assign_coords(_epochs(member, grid, pandas_limit)).assign_coords(_signals(member))
    dataset.encoding["source"] = where.url
    without_chunks_of_the_store(dataset.variables.values())
    span = coverage(member, grid)
    found = _covered(_ordered(dataset, template.contents), span, grid, trim=trim)
    if chunks is None:
        first = grid.slot(span.first_ns) if span is not None and trim else 0
        _prefer(found, first, dask_chunks(grid, distant=not where.local))
    return found


def group_at(
    url: str, group: str, version: VersionName | None, branch: str, storage_options: Mapping[str, Any] | None
) -> zarr.Group:
    """Open a receiver's group as Zarr has it; likewise."""
    return _opened(location(url, storage_options), group, version, branch)[1]


def dask_chunks(grid: Grid, *, distant: bool = False) -> dict[str, int]:
    """Chunks that keep the number of tasks small on any axis and the bytes of each at 128 MiB or one write unit.

    Along ``sid`` they are as wide as the inner chunks, because a selection of several signals reads whole dask chunks.

    Parameters
    ----------
    distant
        Whether a request takes long: the write units of one chunk are asked for together, dask itself asks for no more
        chunks at a time than there are cores.
    """
    wanted = grid.units if distant else -(-grid.units // _CHUNKS_ALONG_EPOCH)
    bearable = _CHUNK_BYTES // (grid.unit * SID_READ_UNIT * _WIDEST_VALUE_BYTES)
    return {"epoch": grid.unit * max(1, min(wanted, bearable)), "sid": SID_READ_UNIT}


def _chunks(chunks: Chunks, grid: Grid, *, distant: bool) -> dict[str, int] | None:
    if chunks is None:
        return None
    return dask_chunks(grid, distant=distant) if isinstance(chunks, str) else dict(chunks)


def _prefer(dataset: xr.Dataset, first: int, chunks: Mapping[str, int]) -> None:
    """Say to `xarray.open_dataset` what ``chunks={}`` is, of a dataset that begins somewhere on the axis."""
    along, size = chunks["epoch"], dataset.sizes["epoch"]
    ends = [0, *range(along - first % along, size, along), size]
    whole = {**chunks, "epoch": tuple(end - start for start, end in pairwise(ends))}
    for variable in dataset.variables.values():
        if "epoch" in variable.dims:
            variable.encoding["preferred_chunks"] = {str(dim): whole[str(dim)] for dim in variable.dims}


def _opened(
    where: Location, group: str, version: VersionName | None, branch: str
) -> tuple[icechunk.Session, zarr.Group]:
    return opened_group(opened_repository(where), group, version, branch)


def opened_group(
    repository: Repository, group: str, version: VersionName | None, branch: str
) -> tuple[icechunk.Session, zarr.Group]:
    """A group of a version of a repository, with the session that it is read in.

    Raises
    ------
    StoreError
        When there is no such version or group; the message says what there is.
    """
    session = _session(repository, version, branch)
    with of_version(repository.url, session.snapshot_id):
        return session, _group(session, group)


def opened_repository(where: Location) -> Repository:
    """Open a repository for reading.

    Raises
    ------
    StoreError
        When there is none; the message says what there is.
    """
    repository = open_existing(where, portable=True)
    if repository is None:
        raise StoreError(f"there is no repository at {where.url}" + (_beside(where.url) if where.local else ""))
    return repository


def _beside(url: str) -> str:
    path = local_path(url)
    there = next(folder for folder in (path, *path.parents) if folder.is_dir())
    return f"; {there} holds {_listed(_entries(there), 'nothing')}"


def _entries(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


def _session(repository: Repository, version: VersionName | None, branch: str) -> icechunk.Session:
    handle = repository.handle
    try:
        if version is None:
            return handle.readonly_session(branch)
        return handle.readonly_session(snapshot_id=snapshot_of(repository, version, branch))
    except icechunk.RefNotFoundError as error:
        raise no_such_branch(repository, branch) from error
    except (icechunk.IcechunkError, ValueError) as error:
        msg = f"the repository {repository.url} can't be read: {first_line(error)}"
        raise StoreError(msg) from error


def _group(session: icechunk.Session, name: str) -> zarr.Group:
    try:
        root = zarr.open_group(session.store, mode="r", zarr_format=3)
    except FileNotFoundError:
        msg = "the repository is empty: nothing was published in this version"
        raise StoreError(msg) from None
    member = root.get(name) if name.strip("/") else _with_arrays(root)
    if not isinstance(member, zarr.Group):
        wanted = f"the repository has no group {name!r}" if name else "say which receiver"
        own, others = own_and_others(root)
        msg = f"{wanted}; it has {_listed([*own, *others], 'none')}"
        raise StoreError(msg)
    return member


def _with_arrays(root: zarr.Group) -> zarr.Group | None:
    """The root where another program has put arrays into it, which this one never does."""
    return root if any(True for _ in root.array_keys()) else None


def _check_ends(group: zarr.Group, grid: Grid) -> None:
    epoch = array(group, "epoch")
    ends = [0, grid.size - 1] if grid.size else []
    stored = [int(np.asarray(epoch[position])) for position in ends]
    computed = [grid.time_ns(position) for position in ends]
    if epoch.shape != (grid.size,) or stored != computed:
        msg = f"group {group.path!r}: the stored epochs {stored} are not those of its origin and interval, {computed}"
        raise StoreError(msg)


def _listed(names: list[str], nothing: str = "") -> str:
    return several(names, _SHOWN) or nothing


def _signals(group: zarr.Group) -> dict[str, xr.Variable]:
    """The coordinates along ``sid`` in memory: they are few, and compared all the time."""
    return {name: _in_memory(array(group, name)) for name in _ALONG_SID}


def _in_memory(stored: zarr.Array[Any]) -> xr.Variable:
    return Whole("sid", in_memory(np.asarray(stored[:])), dict(stored.attrs))


def _epochs(group: zarr.Group, grid: Grid, pandas_limit: int) -> xr.Coordinates:
    times_ns = RegularTimes(_GPS_EPOCH_NS + grid.time_ns(0), grid.interval_ns, grid.size)
    index: Index = epoch_index(times_ns, "epoch", pandas_limit)
    attributes = dict(array(group, "epoch").attrs)
    encoding = {"dtype": np.dtype("int64"), **{name: attributes.pop(name) for name in _CF_TIME}}
    variables = index.create_variables()
    for variable in variables.values():
        variable.attrs, variable.encoding = attributes, encoding
    return xr.Coordinates(variables, dict.fromkeys(variables, index))


def _covered(dataset: xr.Dataset, span: Span | None, grid: Grid, *, trim: bool) -> xr.Dataset:
    """The part of a dataset that holds anything, or all of it, with the attributes that say which part does."""
    if span is None:
        return dataset
    part = slice(grid.slot(span.first_ns), grid.slot(span.last_ns) + 1)
    taken = dataset.isel(epoch=part) if trim and part != slice(0, grid.size) else dataset
    return taken.assign_attrs(coverage_attributes(span))


def _ordered(dataset: xr.Dataset, contents: Contents) -> xr.Dataset:
    """The data variables in the order of the template, others behind them."""
    ours = [spec.name for spec in contents.variables if spec.name in dataset.data_vars]
    return dataset[[*ours, *(name for name in dataset.data_vars if name not in ours)]]
