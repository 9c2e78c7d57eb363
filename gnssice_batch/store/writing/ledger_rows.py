"""Rows of the ledger, appended by the very commit that writes the data they tell of."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import GPS_EPOCH
from gnssice_batch.model.values import FileOutcome, Span, Status, Tally
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from gnssice_batch.store.layout.arrays import array
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.ledger import (
    FILE_COLUMNS,
    NO_TIME,
    ROWS_OF_A_CHUNK,
    ROWS_OF_A_READ,
    TABLE_COLUMNS,
    TIME_ATTRIBUTES,
    TIME_COLUMNS,
    header_json,
    table_of,
)
from gnssice_batch.store.together import together


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


def create_ledger(group: zarr.Group) -> None:
    """Make both empty tables of a receiver's group."""
    metadata = group.create_group("metadata")
    for name, columns in (("table", TABLE_COLUMNS), ("files", FILE_COLUMNS)):
        table = metadata.create_group(name)
        for column, dtype in columns.items():
            _create_column(table, column, dtype)


def append_files(
    group: zarr.Group,
    outcomes: Sequence[FileOutcome],
    provenance: Provenance,
    displaced: Mapping[int, Tally],
    joined: Mapping[int, int] = MappingProxyType({}),
    not_mixed: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Append one row a file to both tables, as `appending` says."""
    together(appending(group, outcomes, provenance, displaced, joined, not_mixed))


def appending(
    group: zarr.Group,
    outcomes: Sequence[FileOutcome],
    provenance: Provenance,
    displaced: Mapping[int, Tally],
    joined: Mapping[int, int] = MappingProxyType({}),
    not_mixed: Mapping[int, int] = MappingProxyType({}),
) -> list[Callable[[], None]]:
    """Take from older rows what better files displaced; the calls, all open, that append one row a file to both tables.

    Parameters
    ----------
    joined
        By older row, how many more of its epochs have another main source now.
    not_mixed
        By older row, how many of its displaced values no file gives: its file has lost something.
    """
    table = table_of(group, "files")
    _add_columns(table)
    _displace(table, displaced, not_mixed)
    _make_partial(table, not_mixed)
    _add_to(table, "epochs_joined", joined)
    calls = _append(table, FILE_COLUMNS, [_file_row(outcome, provenance) for outcome in outcomes])
    taken = [outcome for outcome in outcomes if outcome.status is not Status.REJECTED]
    canvod = table_of(group, "table")
    first = array(canvod, "index").shape[0]
    rows = [_table_row(first + i, outcome, provenance) for i, outcome in enumerate(taken)]
    return calls + _append(canvod, TABLE_COLUMNS, rows)


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
        attributes=dict(TIME_ATTRIBUTES) if name in TIME_COLUMNS else {},
        filters=codecs.filters,
        serializer=codecs.serializer,
        compressors=codecs.compressors,
    )


def _add_columns(table: zarr.Group) -> None:
    """Make the columns that a ledger of an older version lacks."""
    rows = array(table, "uri").shape
    for name, dtype in FILE_COLUMNS.items():
        if name not in table:
            _create_column(table, name, dtype)
            array(table, name).resize(rows)


def appended_chunks(group: zarr.Group, outcomes: Sequence[FileOutcome]) -> dict[str, frozenset[tuple[int, ...]]]:
    """By path of a column the chunks that the last rows, of so many files, are in."""
    taken = [outcome for outcome in outcomes if outcome.status is not Status.REJECTED]
    found: dict[str, frozenset[tuple[int, ...]]] = {}
    for name, columns, rows in (("files", FILE_COLUMNS, outcomes), ("table", TABLE_COLUMNS, taken)):
        count = array(table_of(group, name), next(iter(columns))).shape[0]
        chunks = range((count - len(rows)) // ROWS_OF_A_CHUNK, -(-count // ROWS_OF_A_CHUNK)) if rows else ()
        indices = frozenset((index,) for index in chunks)
        found |= {f"/{group.path}/metadata/{name}/{column}": indices for column in columns} if indices else {}
    return found


def _append(
    table: zarr.Group, columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]
) -> list[Callable[[], None]]:
    if not rows:
        return []
    first = array(table, next(iter(columns))).shape[0]
    values = {name: _cells([row[name] for row in rows], dtype) for name, dtype in columns.items()}
    return [partial(_put, _lengthened(array(table, name), len(rows)), first, cells) for name, cells in values.items()]


def _lengthened(column: zarr.Array[Any], rows: int) -> zarr.Array[Any]:
    """A column with room for more rows; those that say nothing are stored too, so that all cost the same requests."""
    column.resize((column.shape[0] + rows,))
    return column.with_config({"write_empty_chunks": True})


def _put(column: zarr.Array[Any], first: int, cells: npt.NDArray[Any]) -> None:
    column[first:] = cells


def _cells(values: Sequence[object], dtype: str) -> npt.NDArray[Any]:
    """Values of a column as they are stored; times are nanoseconds since 1980-01-06."""
    if dtype == "str":
        return np.array(values, np.dtypes.StringDType())
    if dtype == "datetime64[ns]":
        return np.asarray(GPS_EPOCH + np.array(values, np.int64).view("timedelta64[ns]"))
    return np.array(values, dtype)


def _displace(table: zarr.Group, displaced: Mapping[int, Tally], not_mixed: Mapping[int, int]) -> None:
    if not displaced:
        return
    _add_to(table, "epochs_written", {row: -lost.epochs for row, lost in displaced.items()})
    _add_to(table, "observations_written", {row: -lost.observations for row, lost in displaced.items()})
    column = array(table, "refused")
    refused = np.asarray(column[:]).astype(object)
    for row, lost in displaced.items():
        counts = {Reason(reason): Tally(*both) for reason, both in json.loads(refused[row] or "{}").items()}
        alone = Tally(0, not_mixed.get(row, 0))
        more = {Reason.SUPERSEDED: lost - alone, **({Reason.NOT_MIXED: alone} if alone.observations else {})}
        counts |= {reason: counts.get(reason, Tally()) + tally for reason, tally in more.items()}
        refused[row] = _by_reason({reason: [tally.epochs, tally.observations] for reason, tally in counts.items()})
    column[:] = refused.astype(np.dtypes.StringDType())


def _make_partial(table: zarr.Group, rows: Collection[int]) -> None:
    if not rows:
        return
    column = array(table, "status")
    status = np.asarray(column[:]).astype(object)
    chosen = np.array(sorted(rows))
    status[chosen[status[chosen] == Status.OK.value]] = Status.PARTIAL.value
    column[:] = status.astype(np.dtypes.StringDType())


def _add_to(table: zarr.Group, name: str, more: Mapping[int, int]) -> None:
    if not more:
        return
    column = array(table, name)
    cells = np.asarray(column[:])
    cells[list(more)] += list(more.values())
    column[:] = cells


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
        "epochs_joined": outcome.joined,
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


def _by_reason(counts: Mapping[Reason, object]) -> str:
    return json.dumps({str(reason): counts[reason] for reason in sorted(counts)}) if counts else "{}"


def _times(span: Span | None) -> tuple[int, int]:
    return (span.first_ns, span.last_ns) if span else (NO_TIME, NO_TIME)
