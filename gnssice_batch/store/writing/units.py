"""The write units of one partition, read or written by a worker in its own copy of the work fork."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import icechunk
import numpy.typing as npt
import zarr
from zarr.core.sync import sync
from zarr.storage import StorePath

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import (
    JOINED,
    JOINED_SOURCE,
    OBSERVED_COORDINATES,
    RINEX,
    VARIABLES,
    Contents,
    GroupTemplate,
    digest,
)
from gnssice_batch.model.values import NO_SOURCE, Assignment, Partition, SignalAxis
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.layout.documents import unit_length
from gnssice_batch.store.layout.patches import Patches
from gnssice_batch.store.writing.changes import changed_units, objects

type Arrays = Mapping[str, npt.NDArray[Any]]

_VARIABLES = tuple(spec.name for spec in VARIABLES)
_JOINED = tuple(spec.name for spec in JOINED)


@dataclass(frozen=True, slots=True)
class WorkFork:
    """One attempt's own copy of the work fork, opened at one receiver's group."""

    fork: icechunk.ForkSession
    group: zarr.Group
    arrays: Patches

    def objects(self) -> tuple[int, int]:
        """How many chunks have been written as objects of their own, and their bytes."""
        self.arrays.finish()
        return objects(self.fork, changed_units(self.fork))

    def as_bytes(self) -> bytes:
        """The fork with everything written into it, as the coordinator merges it."""
        self.arrays.finish()
        return fork_bytes(self.fork)


class Placed(Protocol):
    """Where the work of a partition goes."""

    @property
    def partition(self) -> Partition:
        """The partition."""

    @property
    def grid(self) -> Grid:
        """The epoch axis it was planned for."""

    @property
    def axis(self) -> SignalAxis:
        """The signal axis it was planned for."""


@repeatable
def open_fork_of(fork: bytes, placed: Placed, contents: Contents) -> WorkFork:
    """As `open_work_fork`, of a group of any contents; nothing of it is emptied.

    Raises
    ------
    StoreError
        When the stored axis is not the one this partition was planned for.
    """
    copy = fork_of(fork)
    group = zarr.open_group(copy.store, path=placed.partition.receiver, mode="r+")
    variables = [spec.name for spec in contents.variables]
    arrays = Patches.of(group, ("sid", *variables, *contents.written), [spec.name for spec in contents.joined])
    _check_axes(arrays, placed, contents)
    return WorkFork(copy, group, arrays)


@repeatable
def open_work_fork(fork: bytes, assignment: Assignment) -> WorkFork:
    """Make a copy of the work fork, units to be made from nothing emptied, and hold the stored group against the rest.

    Raises
    ------
    StoreError
        When the stored axis is not the one this partition was planned for.
    """
    work = open_fork_of(fork, assignment, RINEX)
    if assignment.rewritten:
        emptied = assignment.rewritten.intersection(assignment.partition.stored_units)
        empty_units(work.group, assignment.grid, emptied)
    return work


def empty_units(group: zarr.Group, grid: Grid, units: Iterable[int]) -> None:
    """Remove every chunk of some write units that comes from files, unread: it may be damaged."""
    names = [*(spec.name for spec in (*VARIABLES, *JOINED)), *OBSERVED_COORDINATES]
    arrays = [found for name in names if isinstance(found := group.get(name), zarr.Array)]
    sync(_delete_all([path for unit in units for one in arrays for path in _chunks(one, grid, unit)]))


@repeatable
def emptied_fork(fork: bytes, emptied: Iterable[tuple[GroupTemplate, Iterable[int]]]) -> bytes:
    """A fork in which nothing stands in some write units of some groups."""
    copy = fork_of(fork)
    for template, units in emptied:
        empty_units(zarr.open_group(copy.store, path=template.receiver, mode="r+"), template.grid, units)
    return fork_bytes(copy)


def _chunks(one: zarr.Array[Any], grid: Grid, unit: int) -> Iterator[StorePath]:
    """The chunks of an array in a write unit, there or not."""
    lengths = one.shards or one.chunks
    rows = range(unit * grid.unit // lengths[0], (unit + 1) * grid.unit // lengths[0])
    across = (range(-(-size // length)) for size, length in zip(one.shape[1:], lengths[1:], strict=True))
    for index in product(rows, *across):
        yield one.store_path / one.metadata.encode_chunk_key(index)


async def _delete_all(paths: Iterable[StorePath]) -> None:
    for path in paths:
        await path.delete()


def read_epochs(work: WorkFork, start: int, epochs: int) -> tuple[Arrays, Arrays]:
    """Data variables (epochs, S) and `OBSERVED_COORDINATES` (epochs,) of a span of the axis."""
    found = work.arrays.read((*_VARIABLES, *OBSERVED_COORDINATES), range(start, start + epochs))
    coordinates = {name: found.pop(name) for name in OBSERVED_COORDINATES}
    return found, coordinates


def read_joined(work: WorkFork, start: int, epochs: int) -> Arrays:
    """Arrays of `JOINED` (epochs, S) by name of a span of the axis; none where no files were joined in it."""
    rows = range(start, start + epochs)
    if JOINED_SOURCE not in work.arrays.documents:
        return {}
    source = work.arrays.read([JOINED_SOURCE], rows)[JOINED_SOURCE]
    return work.arrays.read(_JOINED, rows) if (source != NO_SOURCE).any() else {}


def write_epochs(work: WorkFork, start: int, variables: Arrays) -> None:
    """Write data variables or `JOINED` of whole read units, all signals wide; all-missing chunks are not stored.

    The arrays go out together, while the caller goes on.
    """
    work.arrays.send(start, variables)


def write_coordinates(work: WorkFork, start: int, coordinates: Arrays, *, fresh: bool) -> None:
    """Write `OBSERVED_COORDINATES` of whole read units; chunks of nothing but the fill value are not stored.

    Parameters
    ----------
    fresh
        Whether nothing was ever written there: then none of these need to be removed.
    """
    work.arrays.send(start, coordinates, fresh=fresh)


def _check_axes(arrays: Patches, assignment: Placed, contents: Contents) -> None:
    key, planned = assignment.partition.key, assignment.axis
    snr, signals = arrays.documents[contents.variables[0].name], arrays.documents["sid"]["shape"][0]
    stored = arrays.read(["sid"], range(min(signals, len(planned.sids))))["sid"].tolist()
    if digest(stored) != planned.digest:
        msg = f"{key}: the stored signal axis is not the one this partition was planned for; start the run again"
        raise StoreError(msg)
    found = (arrays.group.attrs["origin_ns"], snr["shape"][0], unit_length(snr))
    wanted = (assignment.grid.origin_ns, assignment.grid.size, assignment.grid.unit)
    if found != wanted:
        msg = f"{key}: the stored epoch axis (origin, size, unit) is {found}, planned for {wanted}; start the run again"
        raise StoreError(msg)
