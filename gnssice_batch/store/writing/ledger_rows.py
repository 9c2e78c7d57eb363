"""Rows of the ledger, appended by the very commit that writes the data they tell of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import GPS_EPOCH
from gnssice_batch.model.template import LAYOUT_VERSION
from gnssice_batch.model.values import FileOutcome, Span, Status, Tally
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from gnssice_batch.store.layout.arrays import array
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.documents import (
    Document,
    document_of,
    documents,
    make_group,
    opened,
    put_documents,
    with_shape,
)
from gnssice_batch.store.layout.file_rows import (
    FILE_CHUNK_ROWS,
    NO_TIME,
    PATH,
    Row,
    change_rows,
    create_rows,
    is_of_columns,
    put_rows,
    read_files,
    rows_of_columns,
)
from gnssice_batch.store.layout.ledger import (
    LATER_COLUMNS,
    TABLE,
    TABLE_CHUNK_ROWS,
    TABLE_COLUMNS,
    TABLE_FILLS,
    header_row,
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
    message: str
    strategy: str = "skip"
    """canvodpy's word for what was done with epochs that were there before."""


def create_ledger(group: zarr.Group) -> None:
    """Make both empty tables of a receiver's group."""
    for path in ("metadata", TABLE):
        make_group(group.store, f"{group.path}/{path}")
    create_rows(group)
    put_documents(group, {f"{TABLE}/{name}": _document(name, dtype) for name, dtype in TABLE_COLUMNS.items()})


def append_files(
    group: zarr.Group,
    outcomes: Sequence[FileOutcome],
    provenance: Provenance,
    displaced: Mapping[int, Tally],
    joined: Mapping[int, int] = MappingProxyType({}),
    not_mixed: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Append one row a file to both tables, as `appending` says."""
    together(appending(group, outcomes, provenance, displaced, joined, not_mixed).calls)


@dataclass(frozen=True, slots=True)
class Appending:
    """Rows that are to be appended."""

    calls: list[Callable[[], None]]
    """They write the rows; all arrays are open."""
    chunks: dict[str, frozenset[tuple[int, ...]]]
    """By path of an array its chunks that are written."""


def appending(
    group: zarr.Group,
    outcomes: Sequence[FileOutcome],
    provenance: Provenance,
    displaced: Mapping[int, Tally],
    joined: Mapping[int, int] = MappingProxyType({}),
    not_mixed: Mapping[int, int] = MappingProxyType({}),
) -> Appending:
    """Take from older rows what better files displaced, and make both tables longer by one row a file.

    Parameters
    ----------
    joined
        By older row, how many more of its epochs have another main source now.
    not_mixed
        By older row, how many of its displaced values no file gives: its file has lost something.
    """
    older = is_of_columns(group)
    files = _migrated(group) if older else array(group, PATH)

    def change(number: int, row: Row) -> None:
        _displace(row, displaced.get(number, Tally()), not_mixed.get(number, 0), joined.get(number, 0))

    changed = change_rows(files, displaced.keys() | joined.keys() | not_mixed.keys(), change)
    first, rows = files.shape[0], [_file_row(outcome, provenance) for outcome in outcomes]
    found = _table_rows(group, [one for one in outcomes if one.status is not Status.REJECTED], provenance)
    rewritten = _chunks(0, first, FILE_CHUNK_ROWS) if older else frozenset((chunk,) for chunk in changed)
    chunks = rewritten | _chunks(first, len(rows), FILE_CHUNK_ROWS)
    if chunks:
        found.chunks[f"/{files.path}"] = chunks
    if rows:
        files.resize((first + len(rows),))
        found.calls.append(partial(put_rows, files, first, rows))
    return found


def _migrated(group: zarr.Group) -> zarr.Array[Any]:
    """The array of the files' rows, made of the columns of a ledger of layout 1, which it replaces."""
    rows = list(rows_of_columns(read_files(group)))
    del group[PATH]
    files = create_rows(group, len(rows))
    put_rows(files, 0, rows)
    group.update_attributes({"layout_version": LAYOUT_VERSION})
    return files


@cache
def _document(name: str, dtype: str) -> Document:
    """What Zarr makes of an empty column of canvodpy's table."""
    fill = TABLE_FILLS.get(name, "" if dtype == "str" else None)
    codecs = encoding(name, dtype, profile="default", level=5)
    return document_of(("file",), codecs, dtype=dtype, chunks=(TABLE_CHUNK_ROWS,), fill_value=fill)


def _table_rows(group: zarr.Group, taken: Sequence[FileOutcome], provenance: Provenance) -> Appending:
    """The rows of files that were taken in canvodpy's table."""
    if not taken:
        return Appending([], {})
    table = table_of(group)
    there = documents(table, TABLE_COLUMNS.keys() - set(LATER_COLUMNS), LATER_COLUMNS)
    first = there["index"]["shape"][0]
    columns = {name: there.get(name) or _document(name, dtype) for name, dtype in TABLE_COLUMNS.items()}
    longer = {name: with_shape(document, (first + len(taken),)) for name, document in columns.items()}
    put_documents(table, longer)
    rows = [_table_row(first + number, outcome, provenance) for number, outcome in enumerate(taken)]
    found = Appending([], {})
    for name, dtype in TABLE_COLUMNS.items():
        column, cells = opened(table, name, longer[name]), _cells([row[name] for row in rows], dtype)
        if dtype == "str" and (cells == column.fill_value).all():
            continue
        found.calls.append(partial(_put, column.with_config({"write_empty_chunks": True}), first, cells))
        found.chunks[f"/{column.path}"] = _chunks(first, len(rows), (column.shards or column.chunks)[0])
    return found


def _chunks(first: int, rows: int, rows_of_a_chunk: int) -> frozenset[tuple[int, ...]]:
    """The chunks that rows are in."""
    return frozenset(
        (chunk,) for chunk in range(first // rows_of_a_chunk, -(-(first + rows) // rows_of_a_chunk) if rows else 0)
    )


def _put(column: zarr.Array[Any], first: int, cells: npt.NDArray[Any]) -> None:
    column[first:] = cells


def _cells(values: Sequence[object], dtype: str) -> npt.NDArray[Any]:
    """Values of a column as they are stored; times are nanoseconds since 1980-01-06."""
    if dtype == "str":
        return np.array(values, np.dtypes.StringDType())
    if dtype == "datetime64[ns]":
        return np.asarray(GPS_EPOCH + np.array(values, np.int64).view("timedelta64[ns]"))
    return np.array(values, dtype)


def _displace(row: Row, lost: Tally, not_mixed: int, joined: int) -> None:
    """Take from a row what better files took from its file."""
    row["epochs_written"] = row.get("epochs_written", 0) - lost.epochs
    row["observations_written"] = row.get("observations_written", 0) - lost.observations
    row["epochs_joined"] = row.get("epochs_joined", 0) + joined
    alone = Tally(0, not_mixed)
    counts = dict(row.get("refused", {}))
    for reason, tally in ((Reason.SUPERSEDED, lost - alone), (Reason.NOT_MIXED, alone)):
        if tally != Tally():
            both = Tally(*counts.get(reason.value, (0, 0))) + tally
            counts[reason.value] = [both.epochs, both.observations]
    row["refused"] = {reason: counts[reason] for reason in sorted(counts)}
    if not_mixed and row["status"] == Status.OK.value:
        row["status"] = Status.PARTIAL.value


def _file_row(outcome: FileOutcome, provenance: Provenance) -> Row:
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
        "header": header_row(facts.header),
    }


def _table_row(index: int, outcome: FileOutcome, provenance: Provenance) -> dict[str, object]:
    first, last = _times(outcome.facts.span)
    return {
        "index": index,
        "rinex_hash": outcome.facts.sha256[:16],
        "start": first,
        "end": last,
        "snapshot_id": "",
        "action": "insert",
        "commit_msg": provenance.message,
        "written_at": provenance.written_at,
        "write_strategy": provenance.strategy,
        "attrs": "{}",
        "canonical_name": outcome.file.uri.rsplit("/", 1)[-1],
        "physical_path": outcome.file.uri,
        "preprocessing": "",
        "epochs": outcome.facts.epochs,
    }


def _by_reason(counts: Mapping[Reason, object]) -> dict[str, object]:
    return {str(reason): counts[reason] for reason in sorted(counts)}


def _times(span: Span | None) -> tuple[int, int]:
    return (span.first_ns, span.last_ns) if span else (NO_TIME, NO_TIME)
