"""An axis that is longer than its data cut back to the write units that hold any: metadata only, in one commit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import icechunk
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, VARIABLES, ArraySpec, GroupTemplate
from gnssice_batch.model.values import Span
from gnssice_batch.store.damage import of_version
from gnssice_batch.store.faults import as_store_errors
from gnssice_batch.store.layout.arrays import array, layout_attributes, read_template
from gnssice_batch.store.layout.coverage import coverage_attributes, searched_coverage
from gnssice_batch.store.layout.foreign import is_own
from gnssice_batch.store.repository import Repository


@dataclass(frozen=True, slots=True)
class TrimmedAxis:
    """One receiver's axis before and after."""

    before: Grid
    after: Grid
    span: Span | None
    """First and last epoch that hold anything; None where none does, the axis is left as it is then."""

    @property
    def epochs(self) -> int:
        """Epochs taken away."""
        return self.before.size - self.after.size


def trim_axes(repository: Repository, branch: str, *, dry_run: bool) -> tuple[str | None, Mapping[str, TrimmedAxis]]:
    """Cut the axes of all receivers back to their data and commit that once; versions before it stay as they are.

    The caller holds the repository's lock.

    Returns
    -------
    tuple of (str or None) and mapping
        The new snapshot, None where nothing was to be done or is to be done; what becomes of each receiver's axis.

    Raises
    ------
    StoreError
        When there is no such branch, it is damaged, or the commit fails; nothing has changed then.
    """
    with as_store_errors(repository.url), of_version(repository.url, repository.head(branch)):
        return _trimmed(repository, branch, dry_run=dry_run)


def _trimmed(repository: Repository, branch: str, *, dry_run: bool) -> tuple[str | None, Mapping[str, TrimmedAxis]]:
    try:
        session = repository.handle.writable_session(branch)
        root = zarr.open_group(session.store, mode="r+", zarr_format=3)
    except FileNotFoundError:
        return None, {}
    axes: dict[str, TrimmedAxis] = {}
    for receiver, group in sorted((name, group) for name, group in root.groups() if is_own(group)):
        template = read_template(group)
        axes[receiver] = axis = _needed(group, template.grid)
        if not dry_run:
            _trim(session, group, template, axis)
    if not session.has_uncommitted_changes:
        return None, axes
    cut = {receiver: axis.epochs for receiver, axis in axes.items() if axis.epochs}
    message = f"axes trimmed to the data: {sum(cut.values())} epochs of {', '.join(cut) or 'no receiver'}"
    try:
        return str(
            session.commit(message[:200], metadata={"trimmed_receivers": len(cut), "trimmed_epochs": sum(cut.values())})
        ), axes
    except icechunk.ConflictError as error:
        msg = f"another run moved {branch!r} meanwhile, nothing was trimmed: start again"
        raise StoreError(msg) from error


def _needed(group: zarr.Group, grid: Grid) -> TrimmedAxis:
    span = searched_coverage(group, grid)
    if span is None:
        return TrimmedAxis(grid, grid, None)
    first, last = grid.slot(span.first_ns) // grid.unit, grid.slot(span.last_ns) // grid.unit
    after = replace(grid, origin_ns=grid.origin_ns + first * grid.unit_ns, size=(last - first + 1) * grid.unit)
    return TrimmedAxis(grid, after, span)


def _trim(session: icechunk.Session, group: zarr.Group, template: GroupTemplate, axis: TrimmedAxis) -> None:
    """Push what lies behind the data out at the end of the axis, what lies before it out at its start; then cut."""
    before = (axis.after.origin_ns - axis.before.origin_ns) // axis.before.unit_ns
    behind = axis.before.units - axis.after.units - before
    trimmed = replace(template, grid=axis.after)
    moved = (*VARIABLES, *EPOCH_COORDINATES, *(JOINED if template.joins else ()))
    for spec in moved if axis.epochs else ():
        for units in filter(None, (behind, -(before + behind))):
            session.shift_array(f"/{template.receiver}/{spec.name}", _chunks(spec, axis.before, units))
        array(group, spec.name).resize(trimmed.shape(spec))
    attributes = {**layout_attributes(trimmed), **coverage_attributes(axis.span)}
    if any(group.attrs.get(name) != value for name, value in attributes.items()):
        group.update_attributes(attributes)


def _chunks(spec: ArraySpec, grid: Grid, units: int) -> tuple[int, ...]:
    """How many chunks along each dimension an array moves by so many write units."""
    return (units, 0) if len(spec.dims) > 1 else (units * (grid.unit // grid.read_unit),)
