"""SNR of receivers at a published snapshot; groups that were read lately stay open in this process."""

from collections import OrderedDict
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.storage.location import Location
from gnssice_batch.store.layout.patches import Patches
from gnssice_batch.store.reading.cells import StoredCells, cells_of_snapshot

SNR: Final = "SNR"
_GROUPS_KEPT: Final = 8


class _Groups:
    """Groups by repository, snapshot, receiver."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: OrderedDict[tuple[str, str, str], StoredCells] = OrderedDict()

    def get(self, where: Location, snapshot: str, receiver: str) -> StoredCells:
        """A group, opened unless it is open."""
        key = (where.url, snapshot, receiver)
        with self._lock:
            found = self._open.pop(key, None) or cells_of_snapshot(where, snapshot, receiver)
            self._open[key] = found
            while len(self._open) > _GROUPS_KEPT:
                self._open.popitem(last=False)
            return found


_GROUPS: Final = _Groups()


def snr_of(where: Location, snapshot: str, receiver: str, rows: range) -> npt.NDArray[np.float32]:
    """(N, S) SNR of some epochs of a receiver's axis, signal by signal in memory.

    Raises
    ------
    StoreError
        When it can't be read.
    DamagedError
        When a chunk of it is missing or does not decode.
    """
    group = _GROUPS.get(where, snapshot, receiver).group
    found: npt.NDArray[np.float32] = Patches.of(group, [SNR]).read([SNR], rows)[SNR]
    return found
