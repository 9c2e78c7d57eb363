"""Series put into cells."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.plain import MISSING, Block, Series
from gnssice_batch.signals import sid

type Arrays = Mapping[str, npt.NDArray[Any]]

VARIABLE_OF: Final = {"S": "SNR", "C": "Pseudorange", "L": "Phase", "D": "Doppler"}
"""Kind of an observable to the variable that holds it; of indicators that two kinds give the later one's stands."""

_KINDS: Final = "".join(VARIABLE_OF)
_INDICATED: Final = {"LLI": "L", "SSI": "CL"}
"""The kinds of observables whose indicators are stored."""


def values_per_epoch(series: Series) -> npt.NDArray[np.int64]:
    """(E,) number of values in each epoch."""
    counts = np.zeros(series.time_100ns.size, np.int64)
    for block in series.blocks:
        there = np.count_nonzero(block.value != MISSING, axis=0)
        counts += np.bincount(block.epoch, weights=there, minlength=counts.size).astype(np.int64)
    return counts


def places_of(carried: Collection[str], sids: Sequence[str]) -> dict[str, int]:
    """Where the signals that a file carries a value of stand among the signals (S,) of the variables."""
    return {name: number for number, name in enumerate(sids) if name in carried}


def fill(arrays: Arrays, series: Series, slot_of_epoch: npt.NDArray[np.intp], places: Mapping[str, int]) -> None:
    """Put values and indicators into the data variables (N, S), which lie in memory signal by signal.

    Parameters
    ----------
    slot_of_epoch
        (E,) where each epoch goes, -1 for nowhere.
    places
        Of the signals; of others nothing is put, indicators included.
    """
    for block in series.blocks:
        _fill(arrays, block, slot_of_epoch[block.epoch], places)


def _fill(arrays: Arrays, block: Block, slot: npt.NDArray[np.intp], places: Mapping[str, int]) -> None:
    """Put a block, its (R,) epochs to their slots, kind by kind."""
    order = sorted(range(len(block.columns)), key=lambda k: _KINDS.index(block.columns[k].kind))
    kinds = [block.columns[k].kind for k in order]
    cell, value = _cells(block, order, slot, len(arrays["SNR"]), places), block.value[order]
    physical = value / (1000.0 * np.array(block.scales)[order, None])
    _put(arrays, [VARIABLE_OF[kind] for kind in kinds], cell, value != MISSING, physical)
    for name, of in _INDICATED.items():
        rows = [row for row, kind in enumerate(kinds) if kind in of]
        indicators = getattr(block, name.lower())[[order[row] for row in rows]]
        _put(arrays, [name] * len(rows), cell[rows], indicators >= 0, indicators)


def _cells(
    block: Block, order: Sequence[int], slot: npt.NDArray[np.intp], slots: int, places: Mapping[str, int]
) -> npt.NDArray[np.intp]:
    """(K, R) the cell of each number, counted signal by signal, the columns in some order; -1 for nowhere."""
    signals = [(block.columns[k].band, block.columns[k].letter) for k in order]
    different = list(dict.fromkeys(signals))
    found = [[places.get(sid(sv, *signal), -1) for sv in block.svs] for signal in different]
    place = np.array(found, np.intp).reshape(len(different), len(block.svs))[:, block.sv]
    cell = np.where((slot >= 0) & (place >= 0), slot + slots * place, -1)
    return cell[[different.index(signal) for signal in signals]]


def _put(
    arrays: Arrays,
    names: Sequence[str],
    cell: npt.NDArray[np.intp],
    given: npt.NDArray[np.bool_],
    numbers: npt.NDArray[Any],
) -> None:
    """Put numbers (K, R) that are given into their cells of the arrays that rows belong to; the last one stands."""
    chosen = np.flatnonzero(given & (cell >= 0))
    cells, wanted = cell.reshape(-1)[chosen], numbers.reshape(-1)[chosen]
    rows = begin = 0
    for name, run in groupby(names):
        rows += len(list(run))
        end = int(np.searchsorted(chosen, rows * given.shape[1]))
        arrays[name].T.reshape(-1, copy=False)[cells[begin:end]] = wanted[begin:end]
        begin = end
