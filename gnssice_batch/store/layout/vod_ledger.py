"""The ledger of a vod group: canvodpy's table, a row per unit made, beside the rows of the orbit files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.vod_values import KnownOrbits, MadeUnit, OrbitFacts
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.documents import Document, document_of, documents
from gnssice_batch.store.layout.ledger import TABLE, TABLE_CHUNK_ROWS
from gnssice_batch.store.layout.short_arrays import short_arrays

RINEX_SNAPSHOT: Final = "rinex_snapshot"
"""Attribute: version of the observations that a group was brought up to."""
POSITION: Final = "position_xyz_m"
"""Attribute: ECEF position that the angles are seen from."""
WAITING: Final = "units_without_orbits"
"""Attribute: starts of units, ns since 1980-01-06, that have no orbits yet for what has changed in them."""
ORBITS: Final = "metadata/orbits"
ORBIT_CHUNK_ROWS: Final = 128
ORBIT_VALUES: Final[Mapping[str, str]] = {
    "uri": "path below vod.orbits.url",
    "hash": "SHA-256",
    "source": "broadcast or sp3",
    "start": "first epoch, nanoseconds since 1980-01-06, GPS time",
    "end": "last epoch, likewise",
    "satellites": "number of satellites",
    "size_bytes": "",
    "etag": "what the archive says to notice a change",
    "run": "the run that used it first",
    "fault": "why it could not be read; empty where it could",
    "lost": "records that could not be read, by reason; nothing where there are none",
}

UNIT_COLUMNS: Final[Mapping[str, str]] = {
    "index": "int64",
    "source_file_hashes": "str",
    "source_gnss_stores": "str",
    "start": "datetime64[ns]",
    "end": "datetime64[ns]",
    "snapshot_id": "str",
    "action": "str",
    "commit_msg": "str",
    "run_id": "str",
    "written_at": "str",
    "write_strategy": "str",
    "calculator_name": "str",
    "attrs": "str",
    "preprocessing": "str",
    "epochs": "int64",
}
"""Columns of ``metadata/table`` of a vod group, those of canvodpy 1.0, a row per unit and run.

`attrs` is a JSON object: ``unit_start_ns``, since 1980-01-06; ``orbits_digest``, of the orbit files that reach the
unit; ``orbits``, their source; ``rinex_snapshot``; counts of ``pairs`` and ``values``; satellites ``without_orbits``
by system.
"""


@dataclass(frozen=True, slots=True)
class VodLedger:
    """What planning needs of a vod group's ledger."""

    units: Mapping[int, MadeUnit] = field(default_factory=dict)
    """By start of a unit, ns since 1980-01-06, how it was made last."""
    orbits: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By path and etag of an orbit file its row; the last one where there are several."""
    rows: int = 0
    """Rows of ``metadata/orbits``."""
    known: KnownOrbits = field(default_factory=dict)
    """What the rows say of their files."""


def vod_ledger_documents() -> dict[str, Document]:
    """The documents of the arrays of both tables, empty, by name."""
    return {ORBITS: _orbits_document(), **{f"{TABLE}/{name}": _column(kind) for name, kind in UNIT_COLUMNS.items()}}


@cache
def _orbits_document() -> Document:
    codecs = encoding("orbits", "str", profile="default", level=5)
    attributes: dict[str, Any] = {"long_name": "Orbit files, a JSON object each", "values": dict(ORBIT_VALUES)}
    words = {"dtype": "str", "chunks": (ORBIT_CHUNK_ROWS,), "fill_value": "", "attributes": attributes}
    return document_of(("file",), codecs, **words)


@cache
def _column(kind: str) -> Document:
    codecs = encoding("unit", kind, profile="default", level=5)
    return document_of(("unit",), codecs, dtype=kind, chunks=(TABLE_CHUNK_ROWS,))


def read_vod_ledger(group: zarr.Group) -> VodLedger:
    """The ledger of a vod group.

    Raises
    ------
    StoreError
        When there is none, or a row of it is no JSON object.
    """
    names = [f"{TABLE}/{name}" for name in ("attrs", "epochs")]
    found = documents(group, [ORBITS, *names])
    cells = short_arrays(group, found)
    attributes, epochs = (cells[name] for name in names)
    try:
        told = [json.loads(text or "{}") for text in attributes]
        made = {
            int(one["unit_start_ns"]): MadeUnit(
                str(one.get("orbits_digest", "")), int(count), str(one.get("orbits", ""))
            )
            for one, count in zip(told, epochs, strict=True)
            if "unit_start_ns" in one
        }
        rows = [json.loads(text) for text in cells[ORBITS]]
    except ValueError as error:
        msg = f"the ledger of {group.path!r} is no JSON: {error}"
        raise StoreError(msg) from error
    known = {(row["uri"], row.get("etag", "")): number for number, row in enumerate(rows) if "uri" in row}
    return VodLedger(made, known, len(rows), dict(_known(row) for row in rows if "uri" in row))


def _known(row: Mapping[str, Any]) -> tuple[tuple[str, str, int], tuple[int, int, str]]:
    key = row["uri"], row.get("etag", ""), int(row.get("size_bytes", 0))
    return key, (int(row.get("start", 0)), int(row.get("end", 0)), row.get("fault", ""))


def orbit_texts(orbits: Iterable[OrbitFacts | None], run: str) -> list[str]:
    """Rows of ``metadata/orbits`` as they are stored; None for one that stands for no file."""
    return [json.dumps(_orbit_row(one, run) if one else {}, separators=(",", ":")) for one in orbits]


def _orbit_row(one: OrbitFacts, run: str) -> dict[str, object]:
    row = {
        "uri": one.uri,
        "hash": one.sha256,
        "source": one.source,
        "start": one.start_ns,
        "end": one.end_ns,
        "satellites": one.satellites,
        "size_bytes": one.size_bytes,
        "etag": one.etag,
        "run": run,
    }
    failed = {"fault": one.fault, "lost": dict(one.lost)}
    return row | {name: value for name, value in failed.items() if value}
