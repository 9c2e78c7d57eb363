"""Series put into cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.plain import MISSING, Block, Series
from gnssice_batch.signals import sid

type Arrays = Mapping[str, npt.NDArray[Any]]

VARIABLE_OF: Final = {"S": "SNR", "C": "Pseudorange", "L": "Phase", "D": "Doppler"}
"""Kind of an observable to the variable that holds it; of indicators that two kinds give the later one's stands."""

_WITH_STRENGTH: Final = frozenset("CL")
"""The kinds whose signal strength indicator is stored."""


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
    of_signal = {signal: [index.get(sid(sv, *signal), -1) for sv in block.svs] for signal in set(signals)}
    return np.array([of_signal[signal] for signal in signals], np.intp).reshape(len(signals), len(block.svs))


def _fill(arrays: Arrays, block: Block, slot: npt.NDArray[np.intp], place: npt.NDArray[np.intp]) -> None:
    """Put a block: its (R,) epochs to their slots, its (K, R) signals to their places."""
    kinds = np.array([column.kind for column in block.columns])
    for kind, name in VARIABLE_OF.items():
        of_kind = np.flatnonzero(kinds == kind)
        cells = _Cells((slot >= 0) & (place[of_kind] >= 0), slot * arrays[name].shape[1] + place[of_kind])
        value, divisor = block.value[of_kind], 1000.0 * np.array(block.scales)[of_kind, None]
        cells.put(arrays[name], value != MISSING, value / divisor)
        if kind == "L":
            cells.put(arrays["LLI"], block.lli[of_kind] >= 0, block.lli[of_kind])
        if kind in _WITH_STRENGTH:
            cells.put(arrays["SSI"], block.ssi[of_kind] >= 0, block.ssi[of_kind])


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where the numbers (K, R) of columns of one kind go."""

    inside: npt.NDArray[np.bool_]
    """(K, R) whether they go anywhere."""
    number: npt.NDArray[np.intp]
    """(K, R) the cell of an array (N, S), counted line by line."""

    def put(self, array: npt.NDArray[Any], given: npt.NDArray[np.bool_], numbers: npt.NDArray[Any]) -> None:
        """Put the numbers that are given."""
        chosen = np.flatnonzero(given & self.inside)
        cells = array.reshape(-1, copy=False)
        cells[self.number.reshape(-1)[chosen]] = numbers.reshape(-1)[chosen]
