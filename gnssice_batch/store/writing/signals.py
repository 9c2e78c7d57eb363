"""The coordinates that follow from the names of signals, written by the commit that publishes them.

Workers and proof need none of them: on the staging branch each would cost a manifest.
"""

from collections.abc import Iterable
from itertools import batched
from typing import Any, Final

import icechunk
import numpy.typing as npt
import zarr

from gnssice_batch.model.template import DERIVED_COORDINATES, signal_columns
from gnssice_batch.store.layout.patches import Patches
from gnssice_batch.store.writing.changes import Units

_GROUPS_AT_ONCE: Final = 32
_SID: Final = "/sid"


def complete_signals(session: icechunk.Session, structure: Units) -> Units:
    """Write `DERIVED_COORDINATES` of the groups whose signals a structure has written.

    Parameters
    ----------
    structure
        The chunks that it writes.

    Returns
    -------
    mapping
        Those that are written here.
    """
    receivers = [path[1:].removesuffix(_SID) for path in structure if path.endswith(_SID)]
    if not receivers:
        return {}
    root = zarr.open_group(session.store, mode="r+")
    written: dict[str, frozenset[tuple[int, ...]]] = {}
    for some in batched(receivers, _GROUPS_AT_ONCE):
        names = [f"{receiver}/{name}" for receiver in some for name in ("sid", *DERIVED_COORDINATES)]
        arrays = Patches.of(root, names)
        cells = _cells(arrays, some)
        arrays.write_each(cells)
        written |= {f"/{name}": structure[f"/{name.rpartition('/')[0]}{_SID}"] for name in cells}
    return written


def _cells(arrays: Patches, receivers: Iterable[str]) -> dict[str, tuple[int, npt.NDArray[Any]]]:
    """By array all its values, from the first on."""
    names = {receiver: f"{receiver}{_SID}" for receiver in receivers}
    sids = arrays.read_each({name: range(arrays.documents[name]["shape"][0]) for name in names.values()})
    found: dict[str, tuple[int, npt.NDArray[Any]]] = {}
    for receiver, name in names.items():
        columns = signal_columns(sids[name].tolist(), {})
        found |= {f"{receiver}/{derived}": (0, columns[derived]) for derived in DERIVED_COORDINATES}
    return found
