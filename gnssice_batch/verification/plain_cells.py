"""Series put into cells."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.plain import MISSING, Block, Series
from gnssice_batch.signals import sid

type Arrays = Mapping[str, npt.NDArray[Any]]

VARIABLE_OF: Final = {"S": "SNR", "C": "Pseudorange", "L": "Phase", "D": "Doppler"}
"""Kind of an observable to the variable that holds it."""


def values_per_epoch(series: Series) -> npt.NDArray[np.int64]:
    """(E,) number of values in each epoch."""
    counts = np.zeros(series.time_100ns.size, np.int64)
    for block in series.blocks:
        there = np.count_nonzero(block.value != MISSING, axis=0)
        counts += np.bincount(block.epoch, weights=there, minlength=counts.size).astype(np.int64)
    return counts


def fill(arrays: Arrays, series: Series, slot_of_epoch: npt.NDArray[np.intp], sids: Sequence[str]) -> None:
    """Put values and indicators into the data variables (N, S).

    Parameters
    ----------
    slot_of_epoch
        (E,) where each epoch goes, -1 for nowhere.
    sids
        (S,) the signals of the variables; others have no place.
    """
    index = {name: number for number, name in enumerate(sids)}
    for block in series.blocks:
        _fill(arrays, block, slot_of_epoch[block.epoch], _places(block, index)[:, block.sv])


def _places(block: Block, index: Mapping[str, int]) -> npt.NDArray[np.intp]:
    """(K, V) where each satellite's signal of a column stands, -1 for nowhere."""
    signals = [(column.band, column.letter) for column in block.columns]
    places = [[index.get(sid(sv, *signal), -1) for sv in block.svs] for signal in signals]
    return np.array(places, np.intp).reshape(len(signals), len(block.svs))


def _fill(arrays: Arrays, block: Block, slot: npt.NDArray[np.intp], place: npt.NDArray[np.intp]) -> None:
    """Put a block: its (R,) epochs to their slots, its (K, R) signals to their places."""
    kinds = np.array([column.kind for column in block.columns])
    inside = (slot >= 0) & (place >= 0)
    physical = block.value / (1000.0 * np.array(block.scales))[:, None]

    def put(name: str, kind: str, given: npt.NDArray[np.bool_], numbers: npt.NDArray[Any]) -> None:
        of_kind = np.flatnonzero(kinds == kind)
        k, r = np.nonzero(given[of_kind] & inside[of_kind])
        k = of_kind[k]
        arrays[name][slot[r], place[k, r]] = numbers[k, r]

    observed = block.value != MISSING
    for kind, name in VARIABLE_OF.items():
        put(name, kind, observed, physical)
    put("LLI", "L", block.lli >= 0, block.lli)
    put("SSI", "C", block.ssi >= 0, block.ssi)
    put("SSI", "L", block.ssi >= 0, block.ssi)
