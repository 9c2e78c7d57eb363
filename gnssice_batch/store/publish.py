"""The one commit that moves the target branch: structure, forks, epoch coordinates and ledger together, or nothing."""

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import icechunk
import numpy as np
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model import EpochRows, FileOutcome, Tally
from gnssice_batch.store.arrays import array
from gnssice_batch.store.changes import Units, changed_units, differences, union
from gnssice_batch.store.ledger import Provenance, append_files
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.structure import Structure

_ROW_FIELDS = ("source_file", "epoch_flag", "rx_clock_offset", "epoch_offset")


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What a run changes in one receiver's group besides the cells that the forks carry."""

    epochs: Sequence[EpochRows]
    """One per partition; `EpochRows.source` holds ledger rows."""
    files: Sequence[FileOutcome]
    """In the order of their ledger rows."""
    displaced: Mapping[int, Tally]
    """Ledger row to what better files took from it."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything one run publishes."""

    structure: Structure
    forks: Sequence[bytes]
    groups: Mapping[str, GroupChange]
    planned: Units
    """The write units the workers say they wrote, per array path."""
    provenance: Provenance
    metadata: Mapping[str, object]
    """Commit metadata, under 1 KB."""


def publish(repository: Repository, branch: str, publication: Publication) -> str:
    """Merge everything into the target branch and commit once.

    Returns
    -------
    str
        Id of the new snapshot.

    Raises
    ------
    StoreError
        When the branch has moved, when the merged changes are not exactly the planned units, or the commit fails; nothing of
        the run is visible then.
    """
    with repository.lock:
        session = repository.handle.writable_session(branch)
        _check_base(session, branch, publication.structure)
        merge(session, publication.structure, publication.forks)
        _check_units(session, publication)
        _complete(session, publication)
        return _commit(session, publication)


def merge(session: icechunk.Session, structure: Structure, forks: Iterable[bytes]) -> None:
    """Merge the structure, then every fork, into a session.

    Raises
    ------
    StoreError
        When Icechunk finds that two changes contradict each other.
    """
    try:
        session.merge(pickle.loads(structure.change))  # noqa: S301 - bytes of this very run
        session.merge(*(pickle.loads(fork) for fork in forks))  # noqa: S301 - bytes of this very run
    except icechunk.IcechunkError as error:
        msg = f"the work of this run can't be merged, nothing was published: {error}"
        raise StoreError(msg) from error


def _check_base(session: icechunk.Session, branch: str, structure: Structure) -> None:
    if session.snapshot_id != structure.base:
        msg = (
            f"another run moved {branch!r} from {structure.base} to {session.snapshot_id} while this one worked;"
            " nothing of this run was published: start it again"
        )
        raise StoreError(msg)


def _check_units(session: icechunk.Session, publication: Publication) -> None:
    wrong = differences(changed_units(session), union([publication.structure.units, publication.planned]))
    if wrong:
        listed = "\n".join(wrong)
        msg = f"the merged changes are not the planned write units, nothing was published:\n{listed}"
        raise StoreError(msg)


def _complete(session: icechunk.Session, publication: Publication) -> None:
    for receiver, change in publication.groups.items():
        group = zarr.open_group(session.store, path=receiver, mode="r+")
        for rows in coalesced(change.epochs):
            _write_rows(group, rows)
        append_files(group, change.files, publication.provenance, change.displaced)


def _write_rows(group: zarr.Group, rows: EpochRows) -> None:
    columns = (rows.source, rows.epoch_flag, rows.rx_clock_offset, rows.epoch_offset)
    for name, column in zip(_ROW_FIELDS, columns, strict=True):
        array(group, name)[rows.start : rows.start + len(column)] = column


def coalesced(parts: Sequence[EpochRows]) -> list[EpochRows]:
    """The same rows with adjoining partitions joined, so that they are written in few calls."""
    ordered = sorted(parts, key=lambda rows: rows.start)
    breaks = [i for i, (a, b) in enumerate(pairwise(ordered), start=1) if a.start + len(a.source) != b.start]
    edges = [0, *breaks, len(ordered)]
    return [_joined(ordered[a:b]) for a, b in pairwise(edges) if b > a]


def _joined(parts: Sequence[EpochRows]) -> EpochRows:
    return EpochRows(
        parts[0].start,
        np.concatenate([rows.source for rows in parts]),
        np.concatenate([rows.epoch_flag for rows in parts]),
        np.concatenate([rows.rx_clock_offset for rows in parts]),
        np.concatenate([rows.epoch_offset for rows in parts]),
    )


def _commit(session: icechunk.Session, publication: Publication) -> str:
    try:
        return str(session.commit(publication.provenance.message, metadata=dict(publication.metadata)))
    except icechunk.IcechunkError as error:
        msg = f"the commit failed, readers still see the state before this run: {error}"
        raise StoreError(msg) from error
