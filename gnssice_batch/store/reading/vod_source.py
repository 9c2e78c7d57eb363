"""What of the observations vod is made from has changed between two snapshots, by write unit."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import icechunk
import zarr
from zarr.core.sync import sync

from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.store.faults import as_store_errors, repeatable
from gnssice_batch.store.layout.file_rows import PATH
from gnssice_batch.store.reading.cells import cells_in
from gnssice_batch.store.reading.ledger_changes import ledger_change
from gnssice_batch.store.reading.snr import SNR
from gnssice_batch.store.repository import Repository


@dataclass(frozen=True, slots=True)
class Changed:
    """The write units of receivers whose SNR is another one than at an earlier snapshot."""

    units: Mapping[str, frozenset[int]]
    """By receiver, on its axis as it is now."""
    everything: str = ""
    """Why it can't be told, so that all of them count, in a sentence; empty where it can."""


@repeatable
def units_with_snr(repository: Repository, snapshot: str, receivers: Iterable[str]) -> dict[str, frozenset[int]]:
    """By receiver the write units in which any SNR is stored; nothing of it is read."""
    session = repository.handle.readonly_session(snapshot_id=snapshot)

    async def found(receiver: str) -> frozenset[int]:
        return frozenset([index[0] async for index in session.chunk_coordinates(f"/{receiver}/{SNR}")])

    return {receiver: sync(found(receiver)) for receiver in receivers}


def changed_since(
    repository: Repository, since: str, snapshot: str, receivers: Collection[str], now: Mapping[str, GroupTemplate]
) -> Changed:
    """Write units of receivers whose SNR was changed after one snapshot, up to another one.

    Parameters
    ----------
    now
        The receivers' groups at the later snapshot.

    Raises
    ------
    StoreError
        When storage fails.
    """
    if since == snapshot:
        return Changed(dict.fromkeys(receivers, frozenset()))
    with as_store_errors(repository.url):
        if not leads_to(repository, since, snapshot):
            gone = f"version {since} of {repository.url} has expired, or the branch was set back before it"
            return Changed({}, gone)
        earlier = _paths_at(repository, since, receivers)
        difference = repository.handle.diff(from_snapshot_id=since, to_snapshot_id=snapshot)
    new = {str(path) for path in difference.new_arrays}
    found = {receiver: _units(difference, receiver) for receiver in receivers}
    for receiver in earlier:
        if f"/{receiver}/{SNR}" in new:
            return Changed({}, f"the group {receiver} was made anew")
        before = cells_in(repository, since, receiver)
        if before.template.grid.origin_ns != now[receiver].grid.origin_ns:
            moved = _units_along(repository, since, snapshot, now[receiver])
            if moved is None:
                return Changed({}, f"the axis of {receiver} begins at another time, and older files have lost cells")
            found[receiver] = moved
    return Changed(found)


@repeatable
def leads_to(repository: Repository, since: str, snapshot: str) -> bool:
    """Whether a snapshot is in the history of another one."""
    return any(str(entry.id) == since for entry in repository.handle.ancestry(snapshot_id=snapshot))


def _units_along(repository: Repository, since: str, snapshot: str, now: GroupTemplate) -> frozenset[int] | None:
    """The write units of an axis that has moved which were changed, version by version; None where it can't be told.

    Icechunk says of all that moved that it was changed, in the version that moved it and in any difference over it.
    """
    starts: set[int] = set()
    for earlier, later in pairwise(_versions_between(repository, since, snapshot)):
        difference = repository.handle.diff(from_snapshot_id=earlier, to_snapshot_id=later)
        before, after = (cells_in(repository, one, now.receiver) for one in (earlier, later))
        grid = after.template.grid
        if before.template.grid.origin_ns == grid.origin_ns:
            units: frozenset[int] | None = _units(difference, now.receiver)
        else:
            units = _units_of_new_files(before.group, after.group, difference, after.template)
        if units is None:
            return None
        starts |= {grid.origin_ns + unit * grid.unit_ns for unit in units}
    return frozenset((start - now.grid.origin_ns) // now.grid.unit_ns for start in starts)


def _versions_between(repository: Repository, since: str, snapshot: str) -> list[str]:
    """The versions from one to another, both included, oldest first."""
    found = []
    for entry in repository.handle.ancestry(snapshot_id=snapshot):
        found.append(str(entry.id))
        if found[-1] == since:
            break
    return found[::-1]


def _units_of_new_files(
    before: zarr.Group, after: zarr.Group, difference: icechunk.Diff, now: GroupTemplate
) -> frozenset[int] | None:
    """The write units that files have reached which came since, where the axis has moved.

    Icechunk says of all that moved that it was changed. Where only files were added the ledger tells where; None where
    it also tells of older files that have lost something, as then units may have changed that no new file reaches.
    """
    rows = {index[0] for index in difference.updated_chunks.get(f"/{now.receiver}/{PATH}", ())}
    ledger = ledger_change(before, after, rows)
    if ledger.files.changed or ledger.files.removed:
        return None
    grid = now.grid
    spans = ((grid.slot(first) // grid.unit, grid.slot(last) // grid.unit) for first, last in ledger.fresh.tolist())
    return frozenset(unit for first, last in spans for unit in range(first, last + 1))


def _paths_at(repository: Repository, snapshot: str, receivers: Iterable[str]) -> frozenset[str]:
    """Those of the receivers that a snapshot has."""
    session = repository.handle.readonly_session(snapshot_id=snapshot)

    async def found() -> frozenset[str]:
        return frozenset([name for name in receivers if await session.store.exists(f"{name}/zarr.json")])

    return sync(found())


def _units(difference: icechunk.Diff, receiver: str) -> frozenset[int]:
    return frozenset(index[0] for index in difference.updated_chunks.get(f"/{receiver}/{SNR}", ()))
