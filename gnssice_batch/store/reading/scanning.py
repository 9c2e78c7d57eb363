"""The stored chunks of a receiver, all of them found, each of them read."""

from collections.abc import Mapping
from typing import Any, cast

import icechunk
import zarr
from zarr.core.sync import sync

from gnssice_batch.model.damage import Damage
from gnssice_batch.model.template import JOINED, OBSERVED_COORDINATES, VARIABLES
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.arrays import array
from gnssice_batch.store.layout.damage import damage_of
from gnssice_batch.store.reading.cells import StoredCells


@repeatable
def chunks_by_unit(stored: StoredCells) -> dict[int, dict[str, int]]:
    """By write unit and array that files fill, how many chunks are stored."""
    grid = stored.template.grid
    names = [*(spec.name for spec in VARIABLES), *OBSERVED_COORDINATES]
    names += [spec.name for spec in JOINED] if stored.template.joins else []
    found: dict[int, dict[str, int]] = {}
    for name in names:
        one = array(stored.group, name)
        length = (one.shards or one.chunks)[0]
        for position in sync(_positions(stored.group, name)):
            arrays = found.setdefault(position[0] * length // grid.unit, {})
            arrays[name] = arrays.get(name, 0) + 1
    return found


def damage_in(stored: StoredCells, unit: int, names: Mapping[str, int]) -> list[Damage]:
    """What of a write unit can't be read, every chunk of these arrays tried."""
    length = stored.template.grid.unit
    return stored.damage(range(unit * length, (unit + 1) * length), names)


@repeatable
def damage_beside(stored: StoredCells) -> tuple[int, list[Damage]]:
    """What can't be read of arrays that files do not fill unit by unit; first, how many chunks they have."""
    filled = {*(spec.name for spec in (*VARIABLES, *JOINED)), *OBSERVED_COORDINATES}
    count, found = 0, list[Damage]()
    for name, member in stored.group.members(max_depth=None):
        if isinstance(member, zarr.Array) and name not in filled:
            count += len(sync(_positions(stored.group, name)))
            found += damage_of(member)
    return count, found


async def _positions(group: zarr.Group, name: str) -> list[tuple[int, ...]]:
    session = cast("icechunk.IcechunkStore", group.store).session
    found: Any = session.chunk_coordinates(f"/{group.path}/{name}")
    return [tuple(position) async for position in found]
