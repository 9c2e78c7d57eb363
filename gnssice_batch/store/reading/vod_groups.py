"""The groups of a vod repository as planning needs them."""

from collections.abc import Iterable
from dataclasses import dataclass

import zarr

from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import Span
from gnssice_batch.model.vod_values import Position
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.arrays import read_template
from gnssice_batch.store.layout.coverage import told_coverage
from gnssice_batch.store.layout.vod_ledger import POSITION, RINEX_SNAPSHOT, WAITING, VodLedger, read_vod_ledger
from gnssice_batch.store.repository import Repository


@dataclass(frozen=True, slots=True)
class VodGroup:
    """An analysis as it stands."""

    template: GroupTemplate
    ledger: VodLedger
    rinex_snapshot: str
    """Version of the observations that it was brought up to."""
    position_m: Position | None
    """That the angles were seen from."""
    waiting: frozenset[int]
    """Starts of units that have changed since they were made, or were not made at all, for want of orbits."""
    span: Span | None


@repeatable
def vod_groups(repository: Repository, snapshot: str, names: Iterable[str]) -> dict[str, VodGroup]:
    """Those of some groups that are there at a snapshot.

    Raises
    ------
    StoreError
        When a group is not what this program makes.
    """
    store = repository.handle.readonly_session(snapshot_id=snapshot).store
    found = {}
    for name in names:
        try:
            group = zarr.open_group(store, path=name, mode="r", zarr_format=3)
        except FileNotFoundError:
            continue
        found[name] = _vod_group(group)
    return found


def _vod_group(group: zarr.Group) -> VodGroup:
    attributes = dict(group.attrs)
    waiting = attributes.get(WAITING)
    return VodGroup(
        read_template(group),
        read_vod_ledger(group),
        str(attributes.get(RINEX_SNAPSHOT, "")),
        _position(attributes.get(POSITION)),
        frozenset(map(int, waiting)) if isinstance(waiting, list) else frozenset(),
        told_coverage(group),
    )


def _position(told: object) -> Position | None:
    if not isinstance(told, list):
        return None
    x, y, z = map(float, told)
    return x, y, z
