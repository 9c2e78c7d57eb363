"""The ledger of a receiver: the outcome of every file, committed together with the data."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, lru_cache, partial
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import Reason
from gnssice_batch.model.template import EPOCH_UNITS
from gnssice_batch.model.values import HeaderFacts, Rank, Span, Status, rank
from gnssice_batch.store.layout.arrays import array
from gnssice_batch.store.together import together

ROWS_OF_A_CHUNK: Final = 65_536
"""Rows of a stored chunk (a shard): canvodpy's tables have one chunk until then."""
ROWS_OF_A_READ: Final = 4_096
"""Rows of an inner chunk: what one appended row costs to encode again."""
NO_TIME: Final = int(np.iinfo(np.int64).min)

TIME_ATTRIBUTES: Final[Mapping[str, str | int]] = {
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
    "epochs_joined": "int64",
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
`HeaderFacts` as JSON, without what is empty.

Ledgers of older versions get the columns that they lack when rows are appended; until then they read as empty or 0.
"""

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

TIME_COLUMNS: Final = frozenset({"first_epoch", "last_epoch"})


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
    damaged: frozenset[int] = frozenset()
    """Rows of files of which the reader has lost something."""
    refusals: Mapping[int, StoredRefusal] = field(default_factory=dict)
    """By row, of rejected files."""
    header_cell: Callable[[int], str] = field(default=lambda _: "")
    """Reads the header of a row as the table holds it; all of them would not fit into memory."""

    def __len__(self) -> int:
        return len(self.uri)

    def rank(self, row: int, *, current: bool = True) -> Rank:
        """Rank of the file of a row; `current` where the archive has not replaced it since."""
        version, sha256 = str(self.version[row]), str(self.sha256[row])
        return rank(
            int(self.signals[row]),
            version,
            int(self.epochs[row]),
            sha256,
            current=current,
            intact=row not in self.damaged,
        )

    def header(self, row: int) -> HeaderFacts | None:
        """What the header of a row's file said; None in rows from before headers were kept."""
        return header_of(self.header_cell(row))

    def markers(self) -> dict[str, str]:
        """By URI the marker of each file that was taken, as it was read last."""
        taken = self.status != Status.REJECTED.value
        return dict(zip(self.uri[taken].tolist(), self.marker[taken].tolist(), strict=True))


def read_ledger(group: zarr.Group) -> Ledger:
    """What planning needs of a receiver's ledger."""
    table = table_of(group, "files")
    columns = ("uri", "size_bytes", "etag", "status", "first_epoch", "last_epoch")
    ranks = ("signals", "version", "epochs_read", "sha256")
    names = (*columns, *ranks, "marker")
    ledger = Ledger(*cast("Any", together(partial(_column, table, name) for name in names)))
    return replace(
        ledger,
        refusals=_refusals(table, ledger.status),
        damaged=frozenset(_damaged(table, ledger.status)),
        header_cell=lambda row: str(array(table, "header")[row]) if "header" in table else "",
    )


def read_files(group: zarr.Group, columns: Collection[str] = FILE_COLUMNS.keys()) -> dict[str, npt.NDArray[np.generic]]:
    """Columns of ``metadata/files``, strings as objects; one that an older store lacks is empty."""
    table = table_of(group, "files")
    found = together(partial(_column, table, name) for name in columns)
    return dict(zip(columns, found, strict=True))


def written_span(group: zarr.Group) -> Span | None:
    """First and last epoch of the files that anything was written of; None where there are none."""
    table = table_of(group, "files")
    names = ("first_epoch", "last_epoch", "epochs_written")
    first, last, written = together(partial(_column, table, name) for name in names)
    taken = written.astype(np.int64) > 0
    if not taken.any():
        return None
    return Span(int(first[taken].astype(np.int64).min()), int(last[taken].astype(np.int64).max()))


def row_count(group: zarr.Group) -> int:
    """Rows of ``metadata/files``."""
    return array(table_of(group, "files"), "uri").shape[0]


def table_of(group: zarr.Group, name: str) -> zarr.Group:
    """A table of a receiver's ledger.

    Raises
    ------
    TypeError
        When an array has its name.
    """
    table = group[f"metadata/{name}"]
    if not isinstance(table, zarr.Group):
        msg = f"{group.path}/metadata/{name} is not a group"
        raise TypeError(msg)
    return table


def _column(table: zarr.Group, name: str) -> npt.NDArray[np.generic]:
    is_text = FILE_COLUMNS[name] == "str"
    found = table.get(name)
    if not isinstance(found, zarr.Array):
        rows = array(table, "uri").shape[0]
        return np.full(rows, "", object) if is_text else np.zeros(rows, FILE_COLUMNS[name])
    column = np.asarray(found[:])
    return column.astype(object) if is_text else column


def _refusals(table: zarr.Group, status: npt.NDArray[np.object_]) -> dict[int, StoredRefusal]:
    rows = np.flatnonzero(status == Status.REJECTED.value)
    if not rows.size:
        return {}
    reasons, readers = (np.asarray(array(table, name)[:])[rows].tolist() for name in ("reason", "reader"))
    return dict(zip(rows.tolist(), map(StoredRefusal, reasons, readers), strict=True))


def _damaged(table: zarr.Group, status: npt.NDArray[np.object_]) -> Iterator[int]:
    """The rows of partial files of which the reader has lost something; others are only not all on the grid."""
    rows = np.flatnonzero(status == Status.PARTIAL.value)
    if not rows.size:
        return
    skipped = np.asarray(array(table, "skipped")[:])[rows].tolist()
    for row, counts in zip(rows.tolist(), skipped, strict=True):
        if any(_loses(reason) for reason in json.loads(counts or "{}")):
            yield row


@cache
def _loses(reason: str) -> bool:
    return reason not in Reason or Reason(reason).loses


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
