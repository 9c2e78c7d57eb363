"""What a run publishes: the cells of its partitions with their sources, ledger rows, coverage."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, Final

import icechunk
import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import JOINED_SOURCE, GroupTemplate
from gnssice_batch.model.values import NO_SOURCE, EpochRows, FileOutcome, Span, Tally, renumbered
from gnssice_batch.store.layout.arrays import array, read_template
from gnssice_batch.store.layout.columns import write_columns
from gnssice_batch.store.layout.coverage import coverage, coverage_attributes, coverage_of, covered
from gnssice_batch.store.layout.documents import documents, put_documents
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.changes import (
    Units,
    coordinate_differences,
    differences,
    without_coordinates,
)
from gnssice_batch.store.writing.conflicts import conflicts
from gnssice_batch.store.writing.ledger_rows import NewRows, Provenance, append_rows, row_counts
from gnssice_batch.store.writing.signals import complete_signals
from gnssice_batch.store.writing.structure import Structure

_RECEIVERS_AT_ONCE: Final = 32
"""Whose ledger rows are held in memory."""
_NO_ROW: Final = NO_SOURCE - 1


@dataclass(frozen=True, slots=True)
class SourcedRows:
    """Epoch rows of some read units, with the files that their numbers stand for."""

    rows: EpochRows
    uris: tuple[str, ...]
    """Source ``-2 - i`` of `rows` is the file ``uris[i]``."""
    foreseen: tuple[int, ...]
    """Its ledger row in the fork is ``foreseen[i]``."""


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What a run changes in one receiver's group besides the cells that the forks carry."""

    template: GroupTemplate
    """The group as the structure makes it, or as it is."""
    current: GroupTemplate | None
    """The group as it stood at the structure's base; None where the structure makes it."""
    epochs: Sequence[SourcedRows]
    files: Sequence[FileOutcome]
    """In the order of their new ledger rows."""
    displaced: Mapping[int, Tally]
    """Ledger row to what better files took from it."""
    joined: Mapping[int, int] = field(default_factory=dict)
    """Ledger row to how many more of its epochs have another main source now."""
    not_mixed: Mapping[int, int] = field(default_factory=dict)
    """Ledger row to those of its displaced values that no file gives."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything one run publishes; a `Change` of groups of receivers."""

    run: str
    structure: Structure
    source_format: str
    forks: Sequence[bytes]
    groups: Mapping[str, GroupChange]
    planned: Units
    """The write units the partitions own and have written, per array path."""
    provenance: Provenance
    metadata: Mapping[str, object]
    """Commit metadata, under 1 KB."""

    @property
    def message(self) -> str:
        """Message of the commit."""
        return self.provenance.message

    def misfits(self, repository: Repository, session: icechunk.Session) -> tuple[str, ...]:
        """What of the work does not fit the head that a session was opened on, a sentence each."""
        wanted = {receiver: (change.template, change.current) for receiver, change in self.groups.items()}
        fit = conflicts(repository, session, self.structure.base, wanted, {self.run: self.planned})
        return (*fit.structure, *fit.units[self.run])

    def differences(self, found: Units) -> list[str]:
        """Where the merged changes are not the planned write units, a sentence each."""
        structure, planned = self.structure.units, self.planned
        parts = (without_coordinates(units, self.groups) for units in (found, structure, planned))
        wrong = list(differences(*parts))
        for change in self.groups.values():
            wrong += coordinate_differences(found, structure, planned, change.template)
        return wrong

    def completing(self, session: icechunk.Session) -> Callable[[], Units]:
        """Take down what the head covers; what writes the rows of the ledgers, the coverage and more of signals."""
        held = _held(session, self.groups)
        return lambda: {**complete_signals(session, self.structure.units), **_complete(session, self, held)}


def _held(session: icechunk.Session, receivers: Iterable[str]) -> dict[str, Span | None]:
    """The coverage of groups at the head: a structure, merged, brings that of the snapshot it was made on."""
    root = zarr.open_group(session.store, mode="r")
    there = documents(root, (), receivers)
    spans: dict[str, Span | None] = dict.fromkeys(receivers)
    for receiver, document in there.items():
        told = coverage_of(document.get("attributes", {}))
        spans[receiver] = told or _searched(zarr.open_group(session.store, path=receiver, mode="r"))
    return spans


def _searched(group: zarr.Group) -> Span | None:
    return coverage(group, read_template(group).grid)


def _complete(session: icechunk.Session, publication: Publication, held: Mapping[str, Span | None]) -> Units:
    """Write the rows of the ledgers, and the coverage; the chunks of the ledgers that are written."""
    written: dict[str, frozenset[tuple[int, ...]]] = {}
    root = zarr.open_group(session.store, mode="r+")
    for receivers in batched(publication.groups, _RECEIVERS_AT_ONCE):
        changes = {receiver: publication.groups[receiver] for receiver in receivers}
        for receiver, rows in row_counts(root, receivers).items():
            _renumber(root, changes[receiver], rows)
        news = {receiver: _news(change) for receiver, change in changes.items()}
        written |= append_rows(root, news, publication.provenance)
        told = documents(root, receivers)
        for receiver, change in changes.items():
            span = covered(held[receiver], (part.rows for part in change.epochs), change.template.grid)
            attributes = {**told[receiver].get("attributes", {}), **coverage_attributes(span)}
            told[receiver] = {**told[receiver], "attributes": attributes}
        put_documents(root, told)
    return written


def _news(change: GroupChange) -> NewRows:
    return NewRows(change.files, change.displaced, change.joined, change.not_mixed)


def _renumber(root: zarr.Group, change: GroupChange, first_row: int) -> None:
    """Write `source_file` again where the ledger gives a partition's files other rows than the plan foresaw.

    It does where another run's rows came first, or where a file of this run gets none.
    """
    ledger_rows = {outcome.file.uri: first_row + i for i, outcome in enumerate(change.files)}
    moved = [
        part
        for part in change.epochs
        if any(ledger_rows.get(uri) != row for uri, row in zip(part.uris, part.foreseen, strict=True))
    ]
    if not moved:
        return
    group = zarr.open_group(root.store, path=change.template.receiver, mode="r+")
    rows = ((part.rows.start, [_with_ledger_rows(part, ledger_rows)]) for part in moved)
    write_columns([array(group, "source_file")], rows, fresh=True)
    for part in moved:
        if part.rows.joined:
            _renumber_joined(array(group, JOINED_SOURCE), part, ledger_rows)


def _renumber_joined(sources: zarr.Array[Any], part: SourcedRows, ledger_rows: Mapping[str, int]) -> None:
    """Write the sources of joined signals again: rows from the first foreseen one on are those of this run's files."""
    rows = slice(part.rows.start, part.rows.start + len(part.rows))
    now = {foreseen: ledger_rows.get(uri, _NO_ROW) for uri, foreseen in zip(part.uris, part.foreseen, strict=True)}
    sources[rows] = _all_numbered(renumbered(np.asarray(sources[rows]), now), part)


def _with_ledger_rows(part: SourcedRows, ledger_rows: Mapping[str, int]) -> npt.NDArray[np.int32]:
    """(N,) ledger row of every epoch, also of those that this run's files gave."""
    return _all_numbered(part.rows.with_rows([ledger_rows.get(uri, _NO_ROW) for uri in part.uris]), part)


def _all_numbered(source: npt.NDArray[np.int32], part: SourcedRows) -> npt.NDArray[np.int32]:
    if (source < NO_SOURCE).any():
        msg = f"epochs of {' or '.join(part.uris)} would have no ledger row; nothing was published: please report this"
        raise StoreError(msg)
    return source
