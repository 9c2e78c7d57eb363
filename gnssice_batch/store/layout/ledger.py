"""The ledger of a receiver: the outcome of every file, committed together with the data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import GPS_EPOCH
from gnssice_batch.model.template import EPOCH_UNITS
from gnssice_batch.model.values import FileOutcome, HeaderFacts, Rank, Span, Status, Tally, rank
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from gnssice_batch.store.layout.arrays import array
from gnssice_batch.store.layout.codecs import encoding

ROWS_OF_A_CHUNK: Final = 65_536
"""Rows of a stored chunk (a shard): canvodpy's tables have one chunk until then."""
ROWS_OF_A_READ: Final = 4_096
"""Rows of an inner chunk: what one appended row costs to encode again."""
NO_TIME: Final = int(np.iinfo(np.int64).min)

_TIME_ATTRIBUTES: Final[Mapping[str, str | int]] = {
    "units": EPOCH_UNITS,
    "calendar": "proleptic_gregorian",
    "_FillValue": NO_TIME,
}

FILE_COLUMNS: Final[Mapping[str, str]] = {
    "uri": "str",
    "size_bytes": "int64",
    "etag": "str",
    "sha256": "str",
    "status": "str",
    "reason": "str",
    "detail": "str",
    "line": "int64",
    "first_bytes": "str",
    "version": "str",
    "marker": "str",
    "receiver_type": "str",
    "antenna_type": "str",
    "time_system": "str",
    "interval_s": "float64",
    "first_epoch": "int64",
    "last_epoch": "int64",
    "lines": "int64",
    "epochs_read": "int64",
    "epochs_written": "int64",
    "observations_read": "int64",
    "observations_written": "int64",
    "signals": "int64",
    "skipped": "str",
    "refused": "str",
    "partitions": "str",
    "reader": "str",
    "mapping": "str",
    "run": "str",
    "read_at": "str",
    "header": "str",
}
"""Columns of ``metadata/files``, one row a file; `skipped` and `refused` are JSON by reason, `header` is the file's
`HeaderFacts` as JSON, without what is empty."""

TABLE_COLUMNS: Final[Mapping[str, str]] = {
    "index": "int64",
    "rinex_hash": "str",
    "start": "datetime64[ns]",
    "end": "datetime64[ns]",
    "snapshot_id": "str",
    "action": "str",
    "commit_msg": "str",
    "written_at": "str",
    "write_strategy": "str",
    "attrs": "str",
    "canonical_name": "str",
    "physical_path": "str",
}
"""Columns of ``metadata/table``, canvodpy's own, one row a file that was taken."""

_TIMES: Final = frozenset({"first_epoch", "last_epoch"})


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every row of one run shares."""

    run: str
    reader: str
    """Name and version of the program and the reader."""
    written_at: str
    """ISO 8601."""
    parent_snapshot: str
    message: str
    strategy: str = "skip"
    """canvodpy's word for what was done with epochs that were there before."""


@dataclass(frozen=True, slots=True)
class StoredRefusal:
    """What a row of a rejected file says of why."""

    reason: str
    reader: str
    """Program and reader that refused it."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The rows of ``metadata/files`` that planning needs, L of them."""

    uri: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    size_bytes: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    etag: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    status: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    first_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    last_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    signals: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    version: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    epochs: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    sha256: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    marker: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    refusals: Mapping[int, StoredRefusal] = field(default_factory=dict)
    """By row, of rejected files."""
    newest: HeaderFacts | None = None
    """Of the file with the last epoch; None where there is none, or from before headers were kept."""

    def __len__(self) -> int:
        return len(self.uri)

    def rank(self, row: int, *, current: bool = True) -> Rank:
        """Rank of the file of a row; `current` where the archive has not replaced it since."""
        version, sha256 = str(self.version[row]), str(self.sha256[row])
        return rank(int(self.signals[row]), version, int(self.epochs[row]), sha256, current=current)

    def markers(self) -> dict[str, str]:
        """By URI the marker of each file that was taken, as it was read last."""
        taken = self.status != Status.REJECTED.value
        return dict(zip(self.uri[taken].tolist(), self.marker[taken].tolist(), strict=True))


def create_ledger(group: zarr.Group) -> None:
    """Make both empty tables of a receiver's group."""
    metadata = group.create_group("metadata")
    for name, columns in (("table", TABLE_COLUMNS), ("files", FILE_COLUMNS)):
        table = metadata.create_group(name)
        for column, dtype in columns.items():
            _create_column(table, column, dtype)


def read_ledger(group: zarr.Group) -> Ledger:
    """What planning needs of a receiver's ledger."""
    table = _table(group, "files")
    columns = ("uri", "size_bytes", "etag", "status", "first_epoch", "last_epoch")
    ranks = ("signals", "version", "epochs_read", "sha256")
    ledger = Ledger(*(cast("Any", _column(table, name)) for name in (*columns, *ranks, "marker")))
    return replace(ledger, refusals=_refusals(table, ledger.status), newest=_newest(table, ledger.last_ns))


def read_files(group: zarr.Group) -> dict[str, npt.NDArray[np.generic]]:
    """Every column of ``metadata/files``, strings as objects; one that an older store lacks is empty."""
    table = _table(group, "files")
    return {name: _column(table, name) for name in FILE_COLUMNS}


def row_count(group: zarr.Group) -> int:
    """Rows of ``metadata/files``."""
    return array(_table(group, "files"), "uri").shape[0]


def append_files(
    group: zarr.Group, outcomes: Sequence[FileOutcome], provenance: Provenance, displaced: Mapping[int, Tally]
) -> None:
    """Append one row a file to both tables, and take from older rows what other files' better epochs displaced."""
    table = _table(group, "files")
    _displace(table, displaced)
    _append(table, FILE_COLUMNS, [_file_row(outcome, provenance) for outcome in outcomes])
    taken = [outcome for outcome in outcomes if outcome.status is not Status.REJECTED]
    canvod = _table(group, "table")
    first = array(canvod, "index").shape[0]
    rows = [_table_row(first + i, outcome, provenance) for i, outcome in enumerate(taken)]
    _append(canvod, TABLE_COLUMNS, rows)


def _create_column(table: zarr.Group, name: str, dtype: str) -> None:
    codecs = encoding(name, dtype, profile="default", level=5)
    table.create_array(
        name,
        shape=(0,),
        dtype=dtype,
        chunks=(ROWS_OF_A_READ,),
        shards=(ROWS_OF_A_CHUNK,),
        fill_value="" if dtype == "str" else None,
        dimension_names=("file",),
        attributes=dict(_TIME_ATTRIBUTES) if name in _TIMES else {},
        filters=codecs.filters,
        serializer=codecs.serializer,
        compressors=codecs.compressors,
    )


def _table(group: zarr.Group, name: str) -> zarr.Group:
    table = group[f"metadata/{name}"]
    if not isinstance(table, zarr.Group):
        msg = f"{group.path}/metadata/{name} is not a group"
        raise TypeError(msg)
    return table


def _column(table: zarr.Group, name: str) -> npt.NDArray[np.generic]:
    is_text = FILE_COLUMNS[name] == "str"
    if name not in table:
        rows = array(table, "uri").shape[0]
        return np.full(rows, "", object) if is_text else np.zeros(rows, FILE_COLUMNS[name])
    column = np.asarray(array(table, name)[:])
    return column.astype(object) if is_text else column


def _newest(table: zarr.Group, last_ns: npt.NDArray[np.int64]) -> HeaderFacts | None:
    """The header of the file with the last epoch."""
    if not last_ns.size or last_ns.max() == NO_TIME or "header" not in table:
        return None
    return header_of(str(array(table, "header")[int(np.argmax(last_ns))]))


def _refusals(table: zarr.Group, status: npt.NDArray[np.object_]) -> dict[int, StoredRefusal]:
    rows = np.flatnonzero(status == Status.REJECTED.value)
    if not rows.size:
        return {}
    reasons, readers = (np.asarray(array(table, name)[:])[rows].tolist() for name in ("reason", "reader"))
    return dict(zip(rows.tolist(), map(StoredRefusal, reasons, readers), strict=True))


def _append(table: zarr.Group, columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        return
    first = array(table, next(iter(columns))).shape[0]
    for name, dtype in columns.items():
        if name not in table:
            _create_column(table, name, dtype)
        column = array(table, name)
        column.resize((first + len(rows),))
        column[first:] = _cells([row[name] for row in rows], dtype)


def _cells(values: Sequence[object], dtype: str) -> npt.NDArray[Any]:
    """Values of a column as they are stored; times are nanoseconds since 1980-01-06."""
    if dtype == "str":
        return np.array(values, np.dtypes.StringDType())
    if dtype == "datetime64[ns]":
        return np.asarray(GPS_EPOCH + np.array(values, np.int64).view("timedelta64[ns]"))
    return np.array(values, dtype)


def _displace(table: zarr.Group, displaced: Mapping[int, Tally]) -> None:
    if not displaced:
        return
    rows = np.array(sorted(displaced))
    for name in ("epochs", "observations"):
        column = array(table, f"{name}_written")
        written = np.asarray(column[:])
        written[rows] -= [getattr(displaced[row], name) for row in rows]
        column[:] = written
    _displace_refused(table, displaced, rows)


def _displace_refused(table: zarr.Group, displaced: Mapping[int, Tally], rows: npt.NDArray[np.int64]) -> None:
    column = array(table, "refused")
    refused = np.asarray(column[:]).astype(object)
    for row in rows.tolist():
        counts = json.loads(refused[row] or "{}")
        epochs, observations = counts.get("superseded", (0, 0))
        lost = displaced[row]
        counts["superseded"] = [epochs + lost.epochs, observations + lost.observations]
        refused[row] = json.dumps(counts, sort_keys=True)
    column[:] = refused.astype(np.dtypes.StringDType())


def _file_row(outcome: FileOutcome, provenance: Provenance) -> dict[str, object]:
    facts, refusal = outcome.facts, outcome.refusal
    first, last = _times(facts.span)
    return {
        "uri": outcome.file.uri,
        "size_bytes": outcome.file.size_bytes,
        "etag": outcome.file.etag,
        "sha256": facts.sha256,
        "status": str(outcome.status),
        "reason": str(refusal.reason) if refusal else "",
        "detail": refusal.detail if refusal else "",
        "line": refusal.line if refusal else 0,
        "first_bytes": refusal.first_bytes.decode("latin-1") if refusal else "",
        "version": facts.version,
        "marker": facts.marker,
        "receiver_type": facts.receiver_type,
        "antenna_type": facts.antenna_type,
        "time_system": facts.time_system,
        "interval_s": facts.interval_s,
        "first_epoch": first,
        "last_epoch": last,
        "lines": facts.lines,
        "epochs_read": facts.epochs,
        "epochs_written": outcome.written.epochs,
        "observations_read": facts.observations,
        "observations_written": outcome.written.observations,
        "signals": facts.rank.signals if facts.rank else 0,
        "skipped": _by_reason(facts.skipped),
        "refused": _by_reason({r: [t.epochs, t.observations] for r, t in outcome.refused.items()}),
        "partitions": " ".join(outcome.partitions),
        "reader": provenance.reader,
        "mapping": facts.mapping or f"{MAPPING_NAME} {MAPPING_VERSION}",
        "run": provenance.run,
        "read_at": provenance.written_at,
        "header": header_json(facts.header),
    }


def _table_row(index: int, outcome: FileOutcome, provenance: Provenance) -> dict[str, object]:
    first, last = _times(outcome.facts.span)
    return {
        "index": index,
        "rinex_hash": outcome.facts.sha256[:16],
        "start": first,
        "end": last,
        "snapshot_id": provenance.parent_snapshot,
        "action": "insert",
        "commit_msg": provenance.message,
        "written_at": provenance.written_at,
        "write_strategy": provenance.strategy,
        "attrs": "{}",
        "canonical_name": outcome.file.uri.rsplit("/", 1)[-1],
        "physical_path": outcome.file.uri,
    }


@lru_cache(maxsize=1024)
def header_json(facts: HeaderFacts) -> str:
    """The facts of a header as one cell of the ledger holds them; empty where there are none."""
    told = {name: value for name, value in asdict(facts).items() if value not in ("", (), None)}
    return json.dumps(told) if told else ""


def header_of(cell: str) -> HeaderFacts | None:
    """The facts that a cell of the ledger holds; None for an empty one."""
    told: dict[str, Any] = json.loads(cell) if cell else {}
    names = {item.name for item in fields(HeaderFacts)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told.items() if name in names
    }
    return HeaderFacts(**values) if values else None


def _by_reason(counts: Mapping[Reason, object]) -> str:
    return json.dumps({str(reason): counts[reason] for reason in sorted(counts)}) if counts else "{}"


def _times(span: Span | None) -> tuple[int, int]:
    return (span.first_ns, span.last_ns) if span else (NO_TIME, NO_TIME)
