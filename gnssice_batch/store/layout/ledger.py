"""The ledger of a receiver: the outcome of every file, committed together with the data."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache, lru_cache, partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import Reason, StoreError
from gnssice_batch.model.values import HeaderFacts, Rank, Span, Status, rank
from gnssice_batch.store.layout.file_rows import Columns, read_files, read_row

TABLE: Final = "metadata/table"

TABLE_CHUNK_ROWS: Final = 4_096
"""Rows of a stored chunk of canvodpy's table: what one appended row costs to encode again."""

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
    "preprocessing": "str",
    "epochs": "int64",
}
"""Columns of ``metadata/table``, those of canvodpy 1.0, one row a file that was taken."""

LATER_COLUMNS: Final = ("preprocessing", "epochs")
"""Columns that tables of older programs lack."""

TABLE_FILLS: Final[Mapping[str, str | int]] = {"action": "insert", "attrs": "{}", "epochs": -1}
"""Fill values other than "" and 0: in a column that was added later they stand for earlier rows."""

_FIELDS: Final[Mapping[str, str]] = {
    **{name: name for name in ("uri", "size_bytes", "etag", "status", "signals", "version", "sha256", "marker")},
    "reader": "reader",
    "first_ns": "first_epoch",
    "last_ns": "last_epoch",
    "epochs": "epochs_read",
}
"""Fields of `Ledger` and the columns of ``metadata/files`` that they are."""

LEDGER_COLUMNS: Final = (*_FIELDS.values(), "reason", "skipped")
"""Columns of ``metadata/files`` that a `Ledger` is made of."""

CONSTANT_COLUMNS: Final = frozenset({"action", "attrs", "snapshot_id", "preprocessing"})
"""Columns of ``metadata/table`` that hold the same in every row: their fill value, of which nothing is stored."""


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
    reader: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    damaged: frozenset[int] = frozenset()
    """Rows of files of which the reader has lost something."""
    refusals: Mapping[int, StoredRefusal] = field(default_factory=dict)
    """By row, of rejected files."""
    header_of_row: Callable[[int], HeaderFacts | None] = field(default=lambda _: None)
    """Reads what the header of a row's file said; all of them would not fit into memory."""

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
        return self.header_of_row(row)

    def markers(self) -> dict[str, str]:
        """By URI the marker of each file that was taken, as it was read last."""
        taken = self.status != Status.REJECTED.value
        return dict(zip(self.uri[taken].tolist(), self.marker[taken].tolist(), strict=True))


def read_ledger(group: zarr.Group) -> Ledger:
    """What planning needs of a receiver's ledger."""
    return ledger_of(group, read_files(group, LEDGER_COLUMNS))


def ledger_of(group: zarr.Group, columns: Columns) -> Ledger:
    """What planning needs of a receiver's ledger, from columns that have been read, `LEDGER_COLUMNS` among them."""
    reason, reader, status = (columns[name] for name in ("reason", "reader", "status"))
    rejected = np.flatnonzero(status == Status.REJECTED.value)
    refusals = map(StoredRefusal, reason[rejected].tolist(), reader[rejected].tolist())
    return Ledger(
        **{name: columns[column] for name, column in _FIELDS.items()},
        refusals=dict(zip(rejected.tolist(), refusals, strict=True)),
        damaged=frozenset(_damaged(status, columns["skipped"])),
        header_of_row=partial(_header, group),
    )


def written_span(group: zarr.Group) -> Span | None:
    """First and last epoch of the files that anything was written of; None where there are none."""
    first, last, written = read_files(group, ("first_epoch", "last_epoch", "epochs_written")).values()
    taken = written > 0
    return Span(int(first[taken].min()), int(last[taken].max())) if taken.any() else None


def table_of(group: zarr.Group) -> zarr.Group:
    """The table of a receiver's ledger that canvodpy knows.

    Raises
    ------
    StoreError
        When there is none.
    """
    table = group.get(TABLE)
    if not isinstance(table, zarr.Group):
        msg = f"{group.path}/{TABLE} is not a group: it was not made by this job"
        raise StoreError(msg)
    return table


def _header(group: zarr.Group, row: int) -> HeaderFacts | None:
    return header_of(read_row(group, row).get("header"))


def _damaged(status: npt.NDArray[np.object_], skipped: npt.NDArray[np.object_]) -> Iterator[int]:
    """The rows of partial files of which the reader has lost something; others are only not all on the grid."""
    for row in np.flatnonzero(status == Status.PARTIAL.value).tolist():
        if any(_loses(reason) for reason in json.loads(skipped[row] or "{}")):
            yield row


@cache
def _loses(reason: str) -> bool:
    return reason not in Reason or Reason(reason).loses


@lru_cache(maxsize=1024)
def header_row(facts: HeaderFacts) -> Mapping[str, Any]:
    """The facts of a header as a row of the ledger holds them; empty where there are none."""
    return {name: value for name, value in asdict(facts).items() if value not in ("", (), None)}


def header_of(told: Mapping[str, Any] | None) -> HeaderFacts | None:
    """The facts that a row of the ledger holds; None for none."""
    names = {item.name for item in fields(HeaderFacts)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in (told or {}).items()
        if name in names
    }
    return HeaderFacts(**values) if values else None
