"""Where the headers of a receiver's files say that it was, held against the one position that angles are seen from."""

import json
from collections.abc import Mapping
from math import dist
from typing import Any, Final

from gnssice_batch.model.values import Status
from gnssice_batch.model.vod_values import Position
from gnssice_batch.planning.changes import MOVED_M
from gnssice_batch.store.layout.file_rows import NO_TIME
from gnssice_batch.store.reading.cells import StoredCells

_COLUMNS: Final = ("uri", "status", "first_epoch", "header")


def moved(receiver: StoredCells, position_m: Position) -> str:
    """Say which files were taken elsewhere than at a position; empty where all that say it were within 10 m."""
    columns = receiver.ledger(_COLUMNS)
    rows = zip(*(columns[name].tolist() for name in _COLUMNS), strict=True)
    latest = {uri: row for uri, *row in rows}
    off: dict[str, float] = {}
    found: list[tuple[int, str, float]] = []
    for uri, (status, first_ns, header) in latest.items():
        if header not in off:
            off[header] = _off(header, position_m)
        if off[header] > MOVED_M and status != Status.REJECTED.value and first_ns != NO_TIME:
            found.append((first_ns, uri, off[header]))
    if not found:
        return ""
    _, first, _ = min(found)
    return (
        f"the headers of {len(found):,} of {len(latest):,} files tell another position, up to"
        f" {max(metres for *_, metres in found):,.0f} m off, {first} first; one is used for all: set vod.position, or"
        " give the files since then a receiver of their own"
    )


def _off(header: str, position_m: Position) -> float:
    """How far the position in a header is off in m; 0 where it says none."""
    told: Mapping[str, Any] = json.loads(header) if header else {}
    position = told.get("position_xyz_m") or ()
    return dist(position, position_m) if len(position) == len(position_m) else 0.0
