"""Structure before data: groups made, lengthened, widened or shifted in a fork of a clean session, as their template says."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass

import icechunk
import numpy as np
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.grid import Grid
from gnssice_batch.store.arrays import array, create_array, layout_attributes, read_template
from gnssice_batch.store.changes import Units, changed_units
from gnssice_batch.store.ledger import create_ledger
from gnssice_batch.store.repository import Repository
from gnssice_batch.template import (
    EPOCH_COORDINATES,
    SID_COORDINATES,
    VARIABLES,
    ArraySpec,
    GroupTemplate,
    signal_columns,
)

_EPOCHS_AT_ONCE = 1 << 21


@dataclass(frozen=True, slots=True)
class Structure:
    """The structure of a run: what has to be merged at publication, and the fork every task starts from."""

    base: str
    """Snapshot of the target branch the structure was made on."""
    branch: str
    """Staging branch where it is committed."""
    change: bytes
    """The pickled structure fork."""
    work_fork: bytes
    """The pickled fork of the committed structure; each attempt of a task unpickles a copy of its own."""
    units: Units
    """Chunks the structure itself writes or moves."""


@dataclass(frozen=True, slots=True)
class StructureChange:
    """What the groups of a repository have to become."""

    templates: Sequence[GroupTemplate]
    """Groups to make or change; none where every planned unit is there already."""
    source_format: str
    """canvodpy's attribute of the root group, written when the repository has none yet."""


def make_structure(
    repository: Repository, branch: str, staging: str, wanted: StructureChange, previous: Structure | None = None
) -> Structure:
    """Bring groups to their templates and commit that on a staging branch, readers of `branch` see nothing of it.

    Parameters
    ----------
    branch
        The branch the run will publish on; its head is the base.
    staging
        Name of a new branch for this structure.
    previous
        The structure of an earlier round of the same run, which this one extends: its arrays stay the same arrays.

    Raises
    ------
    StoreError
        When a group can't become what its template says.
    """
    base = previous.base if previous else repository.head(branch)
    repository.handle.create_branch(staging, base)
    session = repository.handle.writable_session(staging)
    fork = pickle.loads(previous.change) if previous else session.fork()  # noqa: S301 - bytes of this very run
    for template in wanted.templates:
        _bring(fork, template, wanted.source_format)
    change = pickle.dumps(fork)
    if fork.has_uncommitted_changes:
        session.merge(fork)
        with repository.lock:
            session.commit(f"structure for {branch}")
    work = repository.handle.writable_session(staging).fork()
    return Structure(base, staging, change, pickle.dumps(work), changed_units(fork))


def discard(repository: Repository, structure: Structure) -> None:
    """Remove the staging branch of a structure; its snapshot is garbage from then on."""
    repository.handle.delete_branch(structure.branch)


def _bring(fork: icechunk.ForkSession, template: GroupTemplate, source_format: str) -> None:
    root = _root(fork, source_format)
    if template.receiver not in root:
        _create(root, template)
        return
    group = root[template.receiver]
    if not isinstance(group, zarr.Group):
        msg = f"{template.receiver} is an array in this repository, not a receiver's group"
        raise StoreError(msg)
    _change(fork, group, read_template(group), template)


def _root(fork: icechunk.ForkSession, source_format: str) -> zarr.Group:
    try:
        return zarr.open_group(fork.store, mode="r+", zarr_format=3)
    except FileNotFoundError:
        return zarr.create_group(fork.store, attributes={"source_format": source_format})


def _create(root: zarr.Group, template: GroupTemplate) -> None:
    group = root.create_group(template.receiver, attributes=_attributes(template))
    for spec in (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES):
        create_array(group, spec, template)
    _write_signals(group, template)
    _write_epochs(group, template.grid, 0, template.grid.size)
    create_ledger(group)


def _change(fork: icechunk.ForkSession, group: zarr.Group, old: GroupTemplate, new: GroupTemplate) -> None:
    before = (old.grid.origin_ns - new.grid.origin_ns) // old.grid.unit_ns
    for spec in (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES):
        array(group, spec.name).resize(new.shape(spec))
        if before and "epoch" in spec.dims:
            fork.shift_array(f"/{new.receiver}/{spec.name}", _offset(spec, new.grid, before))
    if new.axis != old.axis:
        _write_signals(group, new)
    if new.grid != old.grid:
        added_before = before * new.grid.unit
        _write_epochs(group, new.grid, 0, added_before)
        _write_epochs(group, new.grid, added_before + old.grid.size, new.grid.size)
    group.update_attributes(_attributes(new))


def _attributes(template: GroupTemplate) -> dict[str, object]:
    return {**template.attributes, **layout_attributes(template)}


def _offset(spec: ArraySpec, grid: Grid, units: int) -> tuple[int, ...]:
    """How many chunks along each dimension an array moves when write units are put in front of it."""
    if len(spec.dims) == 1:
        return (units * (grid.unit // grid.read_unit),)
    return (units, 0)


def _write_epochs(group: zarr.Group, grid: Grid, start: int, stop: int) -> None:
    epoch = array(group, "epoch")
    at_once = max(_EPOCHS_AT_ONCE // grid.read_unit, 1) * grid.read_unit
    for first in range(start, stop, at_once):
        last = min(first + at_once, stop)
        epoch[first:last] = grid.time_ns(0) + np.arange(first, last, dtype=np.int64) * grid.interval_ns


def _write_signals(group: zarr.Group, template: GroupTemplate) -> None:
    for name, column in signal_columns(template.axis.sids, template.channels).items():
        array(group, name)[:] = column
