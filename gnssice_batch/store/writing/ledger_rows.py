"""Rows of the ledger, appended by the very commit that writes the data they tell of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import GPS_EPOCH
from gnssice_batch.model.template import LAYOUT_VERSION, RINEX
from gnssice_batch.model.values import FileOutcome, Span, Status, Tally
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from gnssice_batch.store.layout.arrays import array
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.documents import Document, document_of, documents, put_documents, with_shape
from gnssice_batch.store.layout.file_rows import (
    FILE_CHUNK_ROWS,
    NO_TIME,
    PATH,
    Row,
    change_rows,
    create_rows,
    files_document,
    put_rows,
    read_files,
    row_count,
    rows_of_columns,
    texts_of,
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
from gnssice_batch.store.layout.patches import Patches
from gnssice_batch.store.layout.vod_ledger import vod_ledger_documents

type Chunks = dict[str, frozenset[tuple[int, ...]]]
"""By path of an array some of its chunks."""

_EARLIER_COLUMNS = tuple(name for name in TABLE_COLUMNS if name not in LATER_COLUMNS)


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
    group.create_group(TABLE)
    put_documents(group, ledger_documents())


def ledger_documents(product: str = RINEX.product) -> dict[str, Document]:
    """The documents of the arrays of both tables of a product, empty, by name."""
    if product == VOD.product:
        return vod_ledger_documents()
    return {
        PATH: files_document(),
        **{f"{TABLE}/{name}": _document(name, kind) for name, kind in TABLE_COLUMNS.items()},
    }


@dataclass(frozen=True, slots=True)
class NewRows:
    """What a run adds to a receiver's ledger, and takes from its rows."""

    outcomes: Sequence[FileOutcome]
    displaced: Mapping[int, Tally]
    """Ledger row to what better files took from it."""
    joined: Mapping[int, int] = MappingProxyType({})
    """By older row, how many more of its epochs have another main source now."""
    not_mixed: Mapping[int, int] = MappingProxyType({})
    """By older row, how many of its displaced values no file gives: its file has lost something."""

    def change(self, number: int, row: Row) -> None:
        """Take from an older row what it has lost."""
        _displace(row, self.displaced.get(number, Tally()), self.not_mixed.get(number, 0), self.joined.get(number, 0))

    @property
    def changed(self) -> Collection[int]:
        """The older rows that have lost anything."""
        return self.displaced.keys() | self.joined.keys() | self.not_mixed.keys()

    @property
    def taken(self) -> list[FileOutcome]:
        """The files that canvodpy's table knows."""
        return [one for one in self.outcomes if one.status is not Status.REJECTED]


def append_files(
    group: zarr.Group,
    outcomes: Sequence[FileOutcome],
    provenance: Provenance,
    displaced: Mapping[int, Tally],
    joined: Mapping[int, int] = MappingProxyType({}),
    not_mixed: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Append one row a file to both tables of one receiver's group, as `append_rows` does."""
    append_rows(group, {"": NewRows(outcomes, displaced, joined, not_mixed)}, provenance)


def append_rows(root: zarr.Group, news: Mapping[str, NewRows], provenance: Provenance) -> Chunks:
    """Take from older rows what better files displaced, and make both tables of receivers longer by one row a file.

    Parameters
    ----------
    root
        The group that the receivers' groups are in.
    news
        By receiver.

    Returns
    -------
    mapping
        By path of an array its chunks that are written.
    """
    chunks: Chunks = {}
    stored = documents(root, [_name(receiver, PATH) for receiver in news])
    for receiver, its in news.items():
        _change_older(root, receiver, its, chunks, migrates=not _is_array(stored[_name(receiver, PATH)]))
    there = _documents(root, [receiver for receiver, its in news.items() if its.outcomes])
    found: dict[str, tuple[int, npt.NDArray[Any]]] = {}
    for receiver in (receiver for receiver, its in news.items() if its.outcomes):
        found |= _columns(receiver, news[receiver], there, provenance)
    for path, written in append_cells(root, there, found).items():
        chunks[path] = chunks.get(path, frozenset()) | written
    return chunks


def append_cells(
    root: zarr.Group, there: Mapping[str, Document], news: Mapping[str, tuple[int, npt.NDArray[Any]]]
) -> Chunks:
    """Make arrays of one dimension longer; text that is nothing but the fill value is not stored.

    Parameters
    ----------
    there
        Documents of the arrays.
    news
        By array where its new values begin, and these.

    Returns
    -------
    mapping
        By path of an array its chunks that are written.
    """
    longer = {name: with_shape(there[name], (first + len(values),)) for name, (first, values) in news.items()}
    cells = {
        name: (first, values)
        for name, (first, values) in news.items()
        if there[name]["data_type"] != "string" or (values != there[name]["fill_value"]).any()
    }
    put_documents(root, longer)
    Patches(root, longer).write_each(cells, empties=True)
    chunks: Chunks = {}
    for name, (first, values) in cells.items():
        length = there[name]["chunk_grid"]["configuration"]["chunk_shape"][0]
        chunks[f"/{root.path}/{name}".replace("//", "/")] = _chunks(first, len(values), length)
    return chunks


def row_counts(root: zarr.Group, receivers: Iterable[str]) -> dict[str, int]:
    """Rows of ``metadata/files`` of receivers."""
    names = {receiver: f"{receiver}/{PATH}" for receiver in receivers}
    found = documents(root, names.values())
    return {
        receiver: found[name]["shape"][0] if _is_array(found[name]) else row_count(_group(root, receiver))
        for receiver, name in names.items()
    }


def replace_columns(group: zarr.Group) -> zarr.Array[Any]:
    """The array of the files' rows, made of the columns of a ledger of layout 1, which it replaces."""
    rows = list(rows_of_columns(read_files(group)))
    del group[PATH]
    files = create_rows(group, len(rows))
    put_rows(files, 0, rows)
    group.update_attributes({"layout_version": LAYOUT_VERSION})
    return files


def lacking_columns(group: zarr.Group) -> tuple[str, ...]:
    """The columns that canvodpy's table of a receiver lacks, because an older program made it."""
    table = table_of(group)
    return tuple(name for name in LATER_COLUMNS if name not in table)


def complete_table(group: zarr.Group) -> None:
    """Give canvodpy's table the columns that it lacks; in the rows that it has they are their fill values."""
    rows = array(table_of(group), "index").shape
    made = {f"{TABLE}/{name}": _document(name, TABLE_COLUMNS[name]) for name in lacking_columns(group)}
    put_documents(group, {name: with_shape(document, rows) for name, document in made.items()})


def _change_older(root: zarr.Group, receiver: str, its: NewRows, chunks: Chunks, *, migrates: bool) -> None:
    """Bring the rows that are there to what they have to be."""
    if migrates:
        files = replace_columns(_group(root, receiver))
        chunks[f"/{files.path}"] = _chunks(0, files.shape[0], FILE_CHUNK_ROWS)
    if its.changed:
        files = array(_group(root, receiver), PATH)
        changed = frozenset((chunk,) for chunk in change_rows(files, its.changed, its.change))
        chunks[f"/{files.path}"] = chunks.get(f"/{files.path}", frozenset()) | changed


def _documents(root: zarr.Group, receivers: Sequence[str]) -> dict[str, Document]:
    """The documents of all arrays of ledgers; of those that older tables lack what they would be, of no row."""
    wanted = [_name(receiver, PATH) for receiver in receivers]
    wanted += [_name(receiver, TABLE, name) for receiver in receivers for name in _EARLIER_COLUMNS]
    later = {_name(receiver, TABLE, name): name for receiver in receivers for name in LATER_COLUMNS}
    found = documents(root, wanted, later)
    return {name: _document(column, TABLE_COLUMNS[column]) for name, column in later.items()} | found


def _columns(
    receiver: str, its: NewRows, there: Mapping[str, Document], provenance: Provenance
) -> dict[str, tuple[int, npt.NDArray[Any]]]:
    """By array where its new values begin, and these."""
    path, taken = _name(receiver, PATH), its.taken
    texts = texts_of(_file_row(outcome, provenance) for outcome in its.outcomes)
    found = {path: (there[path]["shape"][0], column_cells(texts, "str"))}
    if taken:
        first = there[_name(receiver, TABLE, "index")]["shape"][0]
        rows = [_table_row(first + number, outcome, provenance) for number, outcome in enumerate(taken)]
        for name, dtype in TABLE_COLUMNS.items():
            found[_name(receiver, TABLE, name)] = first, column_cells([row[name] for row in rows], dtype)
    return found


def _name(*parts: str) -> str:
    return "/".join(filter(None, parts))


def _is_array(document: Document) -> bool:
    return bool(document["node_type"] == "array")


def _group(root: zarr.Group, receiver: str) -> zarr.Group:
    return zarr.open_group(root.store, path=_name(root.path, receiver), mode="r+") if receiver else root


@cache
def _document(name: str, dtype: str) -> Document:
    """What Zarr makes of an empty column of canvodpy's table."""
    fill = TABLE_FILLS.get(name, "" if dtype == "str" else None)
    codecs = encoding(name, dtype, profile="default", level=5)
    return document_of(("file",), codecs, dtype=dtype, chunks=(TABLE_CHUNK_ROWS,), fill_value=fill)


def _chunks(first: int, rows: int, rows_of_a_chunk: int) -> frozenset[tuple[int, ...]]:
    """The chunks that rows are in."""
    return frozenset(
        (chunk,) for chunk in range(first // rows_of_a_chunk, -(-(first + rows) // rows_of_a_chunk) if rows else 0)
    )


def column_cells(values: Sequence[object], dtype: str) -> npt.NDArray[Any]:
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
