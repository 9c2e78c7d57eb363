"""The stored cells of a group, read from a fork or from a published snapshot."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import icechunk
import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import Damage
from gnssice_batch.model.template import GroupTemplate, joined_name
from gnssice_batch.storage.location import Location, location
from gnssice_batch.store.faults import first_line, repeatable
from gnssice_batch.store.forks import fork_of
from gnssice_batch.store.layout.arrays import array, joined_cells, joined_source, read_template, read_together
from gnssice_batch.store.layout.damage import cells_of, damage_of
from gnssice_batch.store.layout.file_rows import read_files
from gnssice_batch.store.layout.shards import encoded_rows
from gnssice_batch.store.layout.short_arrays import number_cells
from gnssice_batch.store.repository import Repository, open_existing
from gnssice_batch.store.together import together

_EPOCHS_AT_ONCE = 1 << 21


@dataclass(frozen=True, slots=True)
class StoredCells:
    """A receiver's group to read cells from."""

    group: zarr.Group
    template: GroupTemplate

    @repeatable
    def read(self, span: range, without: Collection[str] = ()) -> dict[str, npt.NDArray[Any]]:
        """Every data variable (N, S) and every coordinate along the epochs (N,), by name, of a span of the axis.

        The variables are laid out signal by signal, as they are stored, so that a chunk is copied in one piece.

        Parameters
        ----------
        without
            Those that are not needed: damage of them is no matter.
        """
        rows = slice(span.start, span.stop)
        contents = self.template.contents
        names = [spec.name for spec in (*contents.variables, *contents.epoch_coordinates)]
        return read_together(self.group, [name for name in names if name not in without], rows)

    @repeatable
    def joined(self, span: range) -> dict[str, npt.NDArray[Any]]:
        """`OBSERVED_COORDINATES` (N, S) of signals that are from another file than their epoch; empty where none is."""
        found = joined_cells(self.group, span.start, len(span))
        return {joined_name(name): cells for name, cells in found.items()}

    @repeatable
    def joined_sources(self, span: range) -> npt.NDArray[np.int32] | None:
        """(N, S) the ledger row of signals that are from another file than their epoch; None where none is."""
        found = joined_source(self.group, span.start, len(span))
        return None if found is None else found.astype(np.int32, copy=False)

    @repeatable
    def sources(self, span: range) -> npt.NDArray[np.int32]:
        """(N,) the ledger row that each epoch of a span of the axis came from."""
        return cells_of(array(self.group, "source_file"), slice(span.start, span.stop)).astype(np.int32, copy=False)

    @repeatable
    def sources_of(self, spans: Sequence[range]) -> list[npt.NDArray[Any]]:
        """The same of several spans, asked for together."""
        return number_cells(self.group, "source_file", spans)

    @repeatable
    def encoded(self, unit: int) -> list[tuple[bytes, ...]]:
        """By read unit of a write unit everything that is stored of it, as it is encoded."""
        contents = self.template.contents
        names = [*(spec.name for spec in contents.variables), *contents.written]
        names += [spec.name for spec in contents.joined] if self.template.joins else []
        length = self.template.grid.unit
        found = together(partial(encoded_rows, array(self.group, name), unit, length) for name in names)
        return [sum(parts, ()) for parts in zip(*found, strict=True)]

    def epochs_by_row(self, rows: int, spans: Iterable[range]) -> npt.NDArray[np.int64]:
        """(rows + 1,) epochs of some spans that came from each ledger row; last, from rows that are not there."""
        counts = np.zeros(rows + 1, np.int64)
        for span in spans:
            for start in range(span.start, span.stop, _EPOCHS_AT_ONCE):
                sources = self.sources(range(start, min(start + _EPOCHS_AT_ONCE, span.stop)))
                counts += np.bincount(np.minimum(sources[sources >= 0], rows), minlength=rows + 1)
        return counts

    @repeatable
    def damage(self, span: range, names: Collection[str] = ()) -> list[Damage]:
        """What of a span of the axis can't be read, array by array; names of the arrays to try, none: all."""
        contents = self.template.contents
        specs = (
            *contents.variables,
            *contents.epoch_coordinates,
            *(contents.joined if self.template.joins else ()),
        )
        chosen = names or [spec.name for spec in specs]
        rows = slice(span.start, span.stop)
        return [each for name in chosen for each in damage_of(array(self.group, name), rows)]

    @repeatable
    def ledger(self, columns: Collection[str]) -> dict[str, npt.NDArray[Any]]:
        """These columns of ``metadata/files``."""
        return dict(read_files(self.group, columns))


@repeatable
def cells_of_fork(fork: bytes, receiver: str) -> StoredCells:
    """A receiver as a fork sees it.

    Raises
    ------
    StoreError
        When the bytes are no fork, or the group is none of this job's.
    """
    return _opened(fork_of(fork).store, receiver)


@repeatable
def cells_of_snapshot(where: str | Location, snapshot: str, receiver: str) -> StoredCells:
    """A receiver as it was published.

    Raises
    ------
    StoreError
        When there is no such snapshot, or the group is none of this job's.
    """
    repository = open_existing(where)
    if repository is None:
        msg = f"there is no repository at {location(where).url}"
        raise StoreError(msg)
    return cells_in(repository, snapshot, receiver)


@repeatable
def cells_in(repository: Repository, snapshot: str, receiver: str) -> StoredCells:
    """A receiver as it was published in a repository that is open.

    Raises
    ------
    StoreError
        When there is no such snapshot, or the group is none of this job's.
    """
    try:
        return _opened(repository.handle.readonly_session(snapshot_id=snapshot).store, receiver)
    except icechunk.IcechunkError as error:
        msg = f"snapshot {snapshot} of {repository.url} can't be read: {first_line(error)}"
        raise StoreError(msg) from error


def _opened(store: icechunk.IcechunkStore, receiver: str) -> StoredCells:
    group = zarr.open_group(store, path=receiver, mode="r")
    return StoredCells(group, read_template(group))
