"""Structure before data: groups made, lengthened, widened or shifted in a fork of a clean session."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import icechunk
import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import PlanError, StoreError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import (
    EPOCH_COORDINATES,
    JOINED,
    SID_COORDINATES,
    VARIABLES,
    ArraySpec,
    GroupTemplate,
    signal_columns,
)
from gnssice_batch.signals import MAPPING_VERSION
from gnssice_batch.store.faults import as_store_errors, repeatable
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.layout.arrays import create_arrays, layout_attributes, read_template
from gnssice_batch.store.layout.columns import write_column
from gnssice_batch.store.layout.documents import Document, documents, make_group, opened, put_documents, with_shape
from gnssice_batch.store.layout.foreign import foreign_arrays
from gnssice_batch.store.repository import OBJECTS_OF_A_COMMIT, STAGING, Repository, make_branch, remove_branch
from gnssice_batch.store.together import together
from gnssice_batch.store.writing.changes import Units, changed_units
from gnssice_batch.store.writing.ledger_rows import create_ledger

_EPOCHS_AT_ONCE = 1 << 21
_COLUMNS_AND_VARIABLES = (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES)


@dataclass(frozen=True, slots=True)
class Structure:
    """The structure of a run: what has to be merged at publication, and the fork every task starts from."""

    base: str
    """Snapshot of the target branch the structure was made on."""
    branch: str
    """Staging branch where it is committed."""
    change: bytes
    """The structure fork."""
    work_fork: bytes
    """The fork of the committed structure; each attempt of a task makes a copy of its own."""
    units: Units
    """Chunks the structure itself writes or moves."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A staging branch on which no structure was committed yet."""

    base: str
    """Snapshot of the target branch it was made on."""
    branch: str


@dataclass(frozen=True, slots=True)
class StructureChange:
    """What the groups of a repository have to become."""

    templates: Sequence[GroupTemplate]
    """Groups to make or change; none where every planned unit is there already."""
    source_format: str
    """canvodpy's attribute of the root group, written when the repository has none yet."""


@as_store_errors()
def stage(repository: Repository, base: str, staging: str) -> Staged:
    """Make a staging branch; readers of other branches see nothing of it.

    Parameters
    ----------
    base
        Snapshot the run was planned on.
    staging
        Name of the branch.
    """
    _branch(repository, staging, base)
    return Staged(base, staging)


def make_structure(
    repository: Repository, base: str, staging: str, wanted: StructureChange, previous: Structure | None = None
) -> Structure:
    """Bring groups to their templates on a new staging branch, as `structure_on` does on one that is there."""
    return structure_on(repository, stage(repository, base, staging), wanted, previous)


@as_store_errors()
def structure_on(
    repository: Repository, staged: Staged, wanted: StructureChange, previous: Structure | None = None
) -> Structure:
    """Bring groups to their templates and commit that on a staging branch.

    Parameters
    ----------
    previous
        The structure of an earlier round of the same run, which this one extends: its arrays stay the same arrays.

    Raises
    ------
    StoreError
        When a group can't become what its template says.
    PlanError
        When another program has added arrays over the axes of a group that has to grow.
    """
    session = repository.handle.writable_session(staged.branch)
    fork = fork_of(previous.change) if previous else session.fork()
    for template in wanted.templates:
        _apply(fork, template)
    change = fork_bytes(fork)
    units = changed_units(fork)
    if fork.has_uncommitted_changes:
        ensure_root(session, wanted.source_format)
        session.merge(fork)
        with repository.lock:
            session.commit("structure of a run")
            repository.wrote(OBJECTS_OF_A_COMMIT + len(units))
        session = repository.handle.writable_session(staged.branch)
    return Structure(staged.base, staged.branch, change, fork_bytes(session.fork()), units)


@repeatable
def _branch(repository: Repository, staging: str, snapshot: str) -> None:
    with repository.lock:
        make_branch(repository, staging, snapshot)


def staging_branch(run: str, number: int) -> str:
    """Name of the branch for a structure of a run; no two starts of the run take the same."""
    return f"{STAGING}{run}-{number}-{secrets.token_hex(2)}"


@repeatable
def discard_staging(repository: Repository, run: str) -> None:
    """Remove the staging branches of a run; their snapshots are garbage from then on."""
    with repository.lock:
        for branch in repository.handle.list_branches():
            if branch.startswith(f"{STAGING}{run}-"):
                remove_branch(repository, branch)


@repeatable
def staged_runs(repository: Repository) -> frozenset[str]:
    """The runs that have staging branches."""
    names = (name for name in repository.handle.list_branches() if name.startswith(STAGING))
    return frozenset(name.removeprefix(STAGING).rsplit("-", 2)[0] for name in names)


@repeatable
def is_available(repository: Repository, structure: Structure) -> bool:
    """Whether the staging branch of a structure is still there, and with it what the work forks were made from."""
    return structure.branch in repository.handle.list_branches()


def ensure_root(session: icechunk.Session, source_format: str) -> None:
    """Make the root group where there is none, beside the structure and not in it, so that first runs can't clash."""
    try:
        zarr.open_group(session.store, mode="r", zarr_format=3)
    except FileNotFoundError:
        zarr.create_group(session.store, attributes={"source_format": source_format})


def _apply(fork: icechunk.ForkSession, template: GroupTemplate) -> None:
    if not _has_group(fork, template.receiver):
        _create(fork, template)
        return
    group = zarr.open_group(fork.store, path=template.receiver, mode="r+")
    if names := foreign_arrays(group):
        msg = (
            f"{template.receiver}: its axes have to grow, and {' and '.join(names)} over them, which another program"
            " has added to the group, would not fit any more: move that to a group of its own"
        )
        raise PlanError([msg])
    _change(fork, group, read_template(group), template)


def _has_group(fork: icechunk.ForkSession, receiver: str) -> bool:
    try:
        zarr.open_group(fork.store, path=receiver, mode="r")
    except FileNotFoundError:
        return False
    except zarr.errors.ContainsArrayError as error:
        msg = f"{receiver} is an array in this repository, not a receiver's group"
        raise StoreError(msg) from error
    return True


def _create(fork: icechunk.ForkSession, template: GroupTemplate) -> None:
    group = make_group(fork.store, template.receiver, _attributes(template))
    made = create_arrays(group, _COLUMNS_AND_VARIABLES, template)
    _write_signals(group, made, template)
    _write_epochs(opened(group, "epoch", made["epoch"]), template.grid, 0, template.grid.size)
    create_ledger(group)
    _create_joined(group, template)


def _create_joined(group: zarr.Group, template: GroupTemplate) -> None:
    make_group(group.store, f"{template.receiver}/{JOINED[0].name.rpartition('/')[0]}")
    create_arrays(group, JOINED, template)


def _change(fork: icechunk.ForkSession, group: zarr.Group, old: GroupTemplate, new: GroupTemplate) -> None:
    before = (old.grid.origin_ns - new.grid.origin_ns) // old.grid.unit_ns
    specs = (*_COLUMNS_AND_VARIABLES, *(JOINED if old.joins else ()))
    there = documents(group, [spec.name for spec in specs])
    made = {spec.name: with_shape(there[spec.name], new.shape(spec)) for spec in specs}
    put_documents(group, {name: document for name, document in made.items() if document != there[name]})
    for spec in specs:
        if before and "epoch" in spec.dims:
            fork.shift_array(f"/{new.receiver}/{spec.name}", _offset(spec, new.grid, before))
    if new.joins and not old.joins:
        _create_joined(group, new)
    if new.axis != old.axis:
        _write_signals(group, made, new)
    if new.grid != old.grid:
        added_before = before * new.grid.unit
        epoch = opened(group, "epoch", made["epoch"])
        _write_epochs(epoch, new.grid, 0, added_before)
        _write_epochs(epoch, new.grid, added_before + old.grid.size, new.grid.size)
    named_anew = new.axis != old.axis and "mapping_version" in new.attributes
    group.update_attributes(_attributes(new) | ({"mapping_version": MAPPING_VERSION} if named_anew else {}))


def _attributes(template: GroupTemplate) -> dict[str, object]:
    return {**template.attributes, **layout_attributes(template)}


def _offset(spec: ArraySpec, grid: Grid, units: int) -> tuple[int, ...]:
    """How many chunks along each dimension an array moves when write units are put in front of it."""
    if len(spec.dims) == 1:
        return (units * (grid.unit // grid.read_unit),)
    return (units, 0)


def _write_epochs(epoch: zarr.Array[Any], grid: Grid, start: int, stop: int) -> None:
    at_once = max(_EPOCHS_AT_ONCE // grid.read_unit, 1) * grid.read_unit
    for first in range(start, stop, at_once):
        last = min(first + at_once, stop)
        write_column(epoch, first, grid.time_ns(0) + np.arange(first, last, dtype=np.int64) * grid.interval_ns)


def _write_signals(group: zarr.Group, made: Mapping[str, Document], template: GroupTemplate) -> None:
    columns = signal_columns(template.axis.sids, template.channels)
    together(partial(_fill, opened(group, name, made[name]), column) for name, column in columns.items())


def _fill(column: zarr.Array[Any], values: npt.NDArray[np.generic]) -> None:
    column[:] = values
