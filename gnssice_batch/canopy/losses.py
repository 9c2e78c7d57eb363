"""What a unit would lose of what was known, for want of orbits, if it were made again: pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.canopy.cells import Floats, VodCells
from gnssice_batch.model.vod_values import Loss

_LEAST_PERCENT: Final = 99
"""Of the cells that were known, which have to be known again: a few at the ends of what files tell may differ."""


def loses_too_much(
    cells: VodCells, before: Floats, canopy: Floats, reference: Floats, satellites: Sequence[str], may_lose: Loss
) -> bool:
    """Whether more than a few cells would be without VOD only because it is not known any more where satellites are.

    Parameters
    ----------
    before
        (N, S) VOD as it was made before.
    canopy, reference
        (N, S) SNR of the receivers, from which the cells are made.
    satellites
        The S satellites of the signals.
    """
    if may_lose is Loss.REPLACED:
        return _fewer(_count(cells.vod), _count(before))
    there, lost = 0, 0
    for column, sv in enumerate(satellites):
        known = cells.known.get(sv)
        if may_lose is Loss.ANY or (may_lose is Loss.SATELLITES and (known is None or not known.any())):
            continue
        had = ~np.isnan(before[:, column]) & ~np.isnan(canopy[:, column]) & ~np.isnan(reference[:, column])
        there += int(had.sum())
        lost += int((had & ~_of(known, had)).sum())
    return _fewer(there - lost, there)


def _fewer(now: int, before: int) -> bool:
    return now < before * _LEAST_PERCENT // 100


def _count(vod: Floats) -> int:
    return int((~np.isnan(vod)).sum())


def _of(known: npt.NDArray[np.bool_] | None, had: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.zeros_like(had) if known is None else known
