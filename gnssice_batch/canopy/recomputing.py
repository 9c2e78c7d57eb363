"""The task that compares a unit with what its observations, with the same orbits, give once more."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gnssice_batch.canopy.unit import VodContext, compute
from gnssice_batch.model.vod_contents import SOURCE_ORBIT
from gnssice_batch.model.vod_values import VodAssignment
from gnssice_batch.storage.traffic import TRAFFIC, Traffic
from gnssice_batch.store.reading.cells import cells_of_fork


@dataclass(frozen=True, slots=True)
class Recomputed:
    """How a unit compares with what it is made from."""

    key: str
    cells: int
    """Compared, missing ones included."""
    differences: tuple[str, ...]
    """One sentence for every array that differs."""
    traffic: Traffic = field(default_factory=Traffic, compare=False)


def recompute(assignment: VodAssignment, fork: bytes, context: VodContext) -> Recomputed:
    """Compare every cell of a unit, missing ones included, with what observations and orbits give again.

    Raises
    ------
    StoreError
        When fork or observations can't be read.
    ArchiveError
        When an orbit file is not given.
    """
    found = compute(assignment, context)
    first = assignment.unit * assignment.grid.unit
    stored = cells_of_fork(fork, assignment.partition.receiver)
    expected: dict[str, npt.NDArray[Any]] = {**found.arrays, SOURCE_ORBIT.name: found.source}
    there = stored.read(range(first, first + assignment.grid.unit))
    differences = []
    for name, cells in expected.items():
        wrong = int((~_same(there[name], cells)).sum())
        if wrong:
            differences.append(f"{assignment.partition.key}: {wrong} cells of {name} are not what is computed again")
    count = sum(cells.size for cells in expected.values())
    return Recomputed(assignment.partition.key, count, tuple(differences), TRAFFIC.take())


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = one == other
    return same | (np.isnan(one) & np.isnan(other)) if one.dtype.kind == "f" else same
