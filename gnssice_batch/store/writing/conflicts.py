"""Conflicts of finished work with a head that another run has moved."""

from collections.abc import Mapping
from dataclasses import dataclass

import icechunk
import zarr

from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.store.layout.arrays import read_template
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.changes import Units

type Wanted = Mapping[str, tuple[GroupTemplate, GroupTemplate | None]]
"""Receiver to the group as a run makes it, and as it stood when the run was planned."""


@dataclass(frozen=True, slots=True)
class Conflicts:
    """What stands against publishing work on a head."""

    structure: tuple[str, ...]
    """One sentence per group that does not fit."""
    units: Mapping[str, tuple[str, ...]]
    """By partition (or whatever the units were given by): one sentence per array of which others wrote units."""


def conflicts_at(repository: Repository, head: str, base: str, wanted: Wanted, units: Mapping[str, Units]) -> Conflicts:
    """Hold work planned on `base` against a later snapshot, before more of it is done.

    Stricter than `conflicts`: what is still to be done starts from the structure as it is, so that no group of it may
    have grown meanwhile.
    """
    session = repository.handle.readonly_session(snapshot_id=head)
    fit = conflicts(repository, session, base, wanted, units)
    if head == base:
        return fit
    heads = {receiver: _head_template(session, receiver) for receiver in wanted}
    grown = tuple(
        f"{receiver} was changed by another run"
        for receiver, (_, current) in wanted.items()
        if current and (other := heads[receiver]) and other.structure != current.structure
    )
    return Conflicts((*fit.structure, *grown), fit.units)


def conflicts(
    repository: Repository, session: icechunk.Session, base: str, wanted: Wanted, units: Mapping[str, Units]
) -> Conflicts:
    """Hold work planned on `base` against the snapshot of a session.

    Parameters
    ----------
    base
        Where it does not lead to that snapshot, because the branch was set back, nothing of the work fits.
    wanted
        The groups that the work changes.
    units
        Write units of the work, in parts.
    """
    if session.snapshot_id == base:
        return Conflicts((), dict.fromkeys(units, ()))
    if not any(entry.id == base for entry in repository.handle.ancestry(snapshot_id=session.snapshot_id)):
        set_back = f"the branch was set back: {base}, which this run was planned on, does not lead to its head any more"
        return Conflicts((set_back,), dict.fromkeys(units, (set_back,)))
    since = _changed_since(repository, base, session.snapshot_id)
    found = (_group_conflict(receiver, *wanted[receiver], _head_template(session, receiver)) for receiver in wanted)
    written = {key: _written(part, since) for key, part in units.items()}
    return Conflicts(tuple(sentence for sentence in found if sentence), written)


def same_indices(target: GroupTemplate, head: GroupTemplate) -> bool:
    """Whether an index on the axes of `target` means the same epoch and signal on those of `head`."""
    one, other = target.grid, head.grid
    same_grid = (one.origin_ns, one.interval_ns, one.phase_ns, one.unit) == (
        other.origin_ns,
        other.interval_ns,
        other.phase_ns,
        other.unit,
    )
    return same_grid and one.size <= other.size and head.axis.sids[: len(target.axis.sids)] == target.axis.sids


def _group_conflict(
    receiver: str, target: GroupTemplate, current: GroupTemplate | None, head: GroupTemplate | None
) -> str:
    if current is None:
        return f"{receiver} was made by another run" if head else ""
    if head is None:
        return f"{receiver} is gone"
    if current.structure != target.structure:
        changed = head.structure != current.structure
        return f"{receiver} was changed by another run, and this one changes it too" if changed else ""
    if not same_indices(target, head):
        return f"the axes of {receiver} are not those this run was planned for"
    return ""


def _written(units: Units, since: Units) -> tuple[str, ...]:
    return tuple(
        f"{path}: {len(both)} of its write units were written by another run"
        for path in units
        if (both := units[path] & since.get(path, frozenset()))
    )


def _changed_since(repository: Repository, base: str, snapshot: str) -> Units:
    moved = repository.handle.diff(from_snapshot_id=base, to_snapshot_id=snapshot).updated_chunks
    return {path: frozenset(tuple(index) for index in indices) for path, indices in moved.items()}


def _head_template(session: icechunk.Session, receiver: str) -> GroupTemplate | None:
    try:
        return read_template(zarr.open_group(session.store, path=receiver, mode="r"))
    except FileNotFoundError:
        return None
