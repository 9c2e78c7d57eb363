"""Structure before data: groups made, lengthened, widened or shifted in a fork of a clean session."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

import icechunk
import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import PlanError, StoreError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import (
    JOINED_SOURCE,
    OWN_SID_COORDINATES,
    ArraySpec,
    GroupTemplate,
    signal_columns,
)
from gnssice_batch.signals import MAPPING_VERSION
from gnssice_batch.store.faults import as_store_errors, repeatable
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.layout.arrays import array_documents, check_layout, layout_attributes
from gnssice_batch.store.layout.axis import grid_of
from gnssice_batch.store.layout.columns import write_column
from gnssice_batch.store.layout.documents import (
    Document,
    cutting,
    documents,
    group_document,
    opened,
    put_documents,
    top_of,
    with_shape,
)
from gnssice_batch.store.layout.foreign import foreign_arrays
from gnssice_batch.store.layout.ledger import TABLE
from gnssice_batch.store.layout.patches import Patches
from gnssice_batch.store.repository import OBJECTS_OF_A_COMMIT, STAGING, Repository, make_branch, remove_branch
from gnssice_batch.store.writing.changes import Units, changed_units
from gnssice_batch.store.writing.ledger_rows import ledger_documents

_EPOCHS_AT_ONCE = 1 << 21
_GROUPS_AT_ONCE = 32
_JOINED_GROUP = JOINED_SOURCE.rpartition("/")[0]


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
    """canvodpy's attribute of the root group, written when the repository has none yet; empty: it gets none."""


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
    for some in batched(wanted.templates, _GROUPS_AT_ONCE):
        _bring(fork, some)
    change = fork_bytes(fork)
    units = changed_units(fork)
    if fork.has_uncommitted_changes:
        ensure_root(session, wanted.source_format, [template.receiver for template in wanted.templates])
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


def ensure_root(session: icechunk.Session, source_format: str, groups: Iterable[str] = ()) -> None:
    """Make the root group where there is none, beside the structure and not in it, so that first runs can't clash.

    Parameters
    ----------
    groups
        Likewise those that these groups lie in.
    """
    try:
        zarr.open_group(session.store, mode="r", zarr_format=3)
    except FileNotFoundError:
        zarr.create_group(session.store, attributes={"source_format": source_format} if source_format else {})
    for folder in sorted({name.rpartition("/")[0] for name in groups} - {""}):
        zarr.open_group(session.store, path=folder, mode="a", zarr_format=3)


def _bring(fork: icechunk.ForkSession, templates: Sequence[GroupTemplate]) -> None:
    """Make the groups of these templates that are not there, change the others."""
    root = top_of(fork.store)
    there = documents(root, (), [template.receiver for template in templates])
    for receiver, document in there.items():
        if document["node_type"] != "group":
            msg = f"{receiver} is an array in this repository, not a receiver's group"
            raise StoreError(msg)
    _create(root, [template for template in templates if template.receiver not in there])
    changed = [template for template in templates if template.receiver in there]
    for receiver, names in foreign_arrays(root, there).items():
        msg = (
            f"{receiver}: its axes have to grow, and {' and '.join(names)} over them, which another program"
            " has added to the group, would not fit any more: move that to a group of its own"
        )
        raise PlanError([msg])
    _change(fork, root, {template.receiver: (there[template.receiver], template) for template in changed})


def _create(root: zarr.Group, templates: Sequence[GroupTemplate]) -> None:
    empty = group_document({})
    groups = {template.receiver: group_document(_attributes(template)) for template in templates}
    put_documents(root, groups | {f"{one.receiver}/{name}": empty for one in templates for name in _groups(one)})
    made: dict[str, Document] = {}
    for template in templates:
        arrays = array_documents(_specs(template), template) | ledger_documents(template.contents.product)
        made |= {f"{template.receiver}/{name}": document for name, document in arrays.items()}
    put_documents(root, made)
    _write_signals(root, made, templates)
    for template in templates:
        name = f"{template.receiver}/epoch"
        _write_epochs(opened(root, name, made[name]), template.grid, 0, template.grid.size)


def _specs(template: GroupTemplate) -> tuple[ArraySpec, ...]:
    """All arrays of a group, those that older groups may lack among them."""
    return (*template.contents.arrays, *template.contents.joined)


def _groups(template: GroupTemplate) -> tuple[str, ...]:
    """The groups in a group."""
    return ("metadata", TABLE, *([_JOINED_GROUP] if template.contents.joined else []))


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a group is that is to be changed."""

    grid: Grid
    sids: tuple[str, ...]
    joins: bool


def _change(fork: icechunk.ForkSession, root: zarr.Group, wanted: Mapping[str, tuple[Document, GroupTemplate]]) -> None:
    """Bring groups to their templates; of each its document is given too."""
    for receiver, (document, _) in wanted.items():
        check_layout(receiver, document.get("attributes", {}))
    there = documents(
        root,
        [f"{receiver}/{spec.name}" for receiver, (_, new) in wanted.items() for spec in new.contents.arrays],
        [f"{receiver}/{spec.name}" for receiver, (_, new) in wanted.items() for spec in new.contents.joined],
    )
    stored = _stored(root, there, wanted)
    made: dict[str, Document] = {}
    groups: dict[str, Document] = {}
    for receiver, (document, new) in wanted.items():
        if not stored[receiver].joins:
            groups[f"{receiver}/{_JOINED_GROUP}"] = group_document({})
        groups[receiver] = group_document(
            document["attributes"] | _attributes(new) | _named_anew(stored[receiver], new)
        )
        made |= _reshaped(new, there)
    put_documents(root, groups)
    put_documents(root, {name: document for name, document in made.items() if document != there.get(name)})
    for receiver, (_, new) in wanted.items():
        _move(fork, root, made, stored[receiver], new)
    _write_signals(root, made, [new for receiver, (_, new) in wanted.items() if new.axis.sids != stored[receiver].sids])


def _stored(
    root: zarr.Group, there: Mapping[str, Document], wanted: Mapping[str, tuple[Document, GroupTemplate]]
) -> dict[str, _Stored]:
    names = {receiver: f"{receiver}/sid" for receiver in wanted}
    sids = Patches(root, there).read_each({name: range(there[name]["shape"][0]) for name in names.values()})
    return {
        receiver: _Stored(
            grid_of(document["attributes"], cutting(there[f"{receiver}/{new.contents.variables[0].name}"])),
            tuple(sids[names[receiver]].tolist()),
            f"{receiver}/{JOINED_SOURCE}" in there or not new.contents.joined,
        )
        for receiver, (document, new) in wanted.items()
    }


def _named_anew(stored: _Stored, new: GroupTemplate) -> dict[str, object]:
    anew = new.axis.sids != stored.sids and "mapping_version" in new.attributes
    return {"mapping_version": MAPPING_VERSION} if anew else {}


def _reshaped(new: GroupTemplate, there: Mapping[str, Document]) -> dict[str, Document]:
    """The documents of a group's arrays with the shapes of a template, those that it lacks among them."""
    specs = {f"{new.receiver}/{spec.name}": spec for spec in _specs(new)}
    lacking = array_documents([spec for name, spec in specs.items() if name not in there], new)
    return {
        name: with_shape(there[name], new.shape(spec)) if name in there else lacking[spec.name]
        for name, spec in specs.items()
    }


def _move(
    fork: icechunk.ForkSession, root: zarr.Group, made: Mapping[str, Document], old: _Stored, new: GroupTemplate
) -> None:
    """Move what a group holds where its axis begins earlier, and lengthen the epochs."""
    if new.grid == old.grid:
        return
    before = (old.grid.origin_ns - new.grid.origin_ns) // old.grid.unit_ns
    for spec in (*new.contents.arrays, *(new.contents.joined if old.joins else ())):
        if before and "epoch" in spec.dims:
            fork.shift_array(f"/{new.receiver}/{spec.name}", _offset(spec, new.grid, before))
    added_before = before * new.grid.unit
    epoch = opened(root, f"{new.receiver}/epoch", made[f"{new.receiver}/epoch"])
    _write_epochs(epoch, new.grid, 0, added_before)
    _write_epochs(epoch, new.grid, added_before + old.grid.size, new.grid.size)


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


def _write_signals(root: zarr.Group, made: Mapping[str, Document], templates: Sequence[GroupTemplate]) -> None:
    """Write which signals stand where; what follows from that is written by the publication."""
    cells: dict[str, tuple[int, npt.NDArray[Any]]] = {}
    for template in templates:
        columns = signal_columns(template.axis.sids, template.channels)
        cells |= {f"{template.receiver}/{name}": (0, columns[name]) for name in OWN_SID_COORDINATES}
    Patches(root, made).write_each(cells)
