"""Publishing: the one commit that moves the target branch, with structure, data, ledger together."""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched, chain
from typing import Any, Final

import icechunk
import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.log import logger
from gnssice_batch.model.template import JOINED_SOURCE, GroupTemplate
from gnssice_batch.model.values import NO_SOURCE, EpochRows, FileOutcome, Span, Tally, renumbered
from gnssice_batch.store.faults import as_store_errors, first_line, repeatable
from gnssice_batch.store.forks import fork_of
from gnssice_batch.store.layout.arrays import array, read_template
from gnssice_batch.store.layout.columns import write_columns
from gnssice_batch.store.layout.coverage import coverage, coverage_attributes, coverage_of, covered
from gnssice_batch.store.layout.documents import documents, put_documents
from gnssice_batch.store.repository import OBJECTS_OF_A_COMMIT, Repository, with_ledgers_inline
from gnssice_batch.store.writing.changes import (
    Units,
    changed_units,
    coordinate_differences,
    differences,
    objects,
    without_coordinates,
)
from gnssice_batch.store.writing.conflicts import conflicts
from gnssice_batch.store.writing.ledger_rows import NewRows, Provenance, append_rows, row_counts
from gnssice_batch.store.writing.signals import complete_signals
from gnssice_batch.store.writing.structure import Structure, ensure_root

_TRIES: Final = 10
_JITTER_S: Final = 0.2
_RUN: Final = "run"
_RECEIVERS_AT_ONCE: Final = 32
"""Whose ledger rows are held in memory."""
_NO_ROW: Final = NO_SOURCE - 1

_log = logger(__name__)


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
    """Everything one run publishes."""

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


@as_store_errors()
def publish(
    repository: Repository, branch: str, publication: Publication, ready: Callable[[], None] = lambda: None
) -> str:
    """Merge everything into the target branch and commit once, on its head, moved or not.

    Parameters
    ----------
    ready
        Called before the commit; what it raises stops that.

    Returns
    -------
    str
        Id of the snapshot with this run's work.

    Raises
    ------
    RunConflictError
        When another run moved the branch so that this one's work does not fit, or kept winning.
    StoreError
        When the merged changes are not exactly the planned units, or the commit fails; nothing of the run is visible
        then.
    """
    for number in range(_TRIES):
        with repository.lock:
            snapshot = _try(repository, branch, publication, ready)
        if snapshot:
            return snapshot
        _log.info("branch %s moved during the commit, trying again", branch, extra={"run": publication.run})
        time.sleep(random.uniform(0, _JITTER_S * 2**number))  # noqa: S311 - spreads tries, keeps no secret
    msg = f"{branch!r} kept moving in {_TRIES} tries; nothing of this run was published: start it again"
    raise RunConflictError(msg)


@repeatable
def published_snapshot(repository: Repository, branch: str, run: str, since: str | None = None) -> str | None:
    """The snapshot of a branch that carries a run's work; None where there is none.

    Parameters
    ----------
    since
        The search ends at this snapshot, older ones can't carry it.
    """
    for entry in repository.handle.ancestry(branch=branch):
        if entry.metadata.get(_RUN) == run:
            return str(entry.id)
        if entry.id == since:
            return None
    return None


def _try(repository: Repository, branch: str, publication: Publication, ready: Callable[[], None]) -> str | None:
    session = with_ledgers_inline(repository).writable_session(branch)
    _check_against_head(repository, session, publication)
    ensure_root(session, publication.source_format)
    held = _held(session, publication.groups)
    merge(session, publication.structure, publication.forks)
    arrays = _check_units(session, publication)
    ledgers = {**complete_signals(session, publication.structure.units), **_complete(session, publication, held)}
    if not repository.location.local:
        repository.wrote(*objects(session, ledgers))
    ready()
    try:
        snapshot = str(session.commit(publication.provenance.message, metadata=_metadata(publication)))
    except icechunk.IcechunkError as error:
        return _after_failure(repository, branch, publication, session.snapshot_id, error)
    repository.wrote(OBJECTS_OF_A_COMMIT + arrays + len(ledgers))
    return snapshot


def _after_failure(
    repository: Repository, branch: str, publication: Publication, base: str, error: icechunk.IcechunkError
) -> str | None:
    """A lost answer is no failure: look whether the commit is there before anything is tried again.

    A branch that has moved says that another was faster, in whatever words the server has refused this commit.
    """
    there = published_snapshot(repository, branch, publication.run, publication.structure.base)
    if there or isinstance(error, icechunk.ConflictError) or repository.head(branch) != base:
        return there
    msg = f"the commit failed, readers still see the state before this run: {first_line(error)}"
    raise StoreError(msg) from error


def merge(session: icechunk.Session, structure: Structure, forks: Iterable[bytes]) -> None:
    """Merge the structure, then every fork, into a session; an open fork takes 20 KB, so there is never but one.

    Raises
    ------
    StoreError
        When Icechunk finds that two changes contradict each other.
    """
    try:
        for fork in chain([structure.change], forks):
            session.merge(fork_of(fork))
    except icechunk.IcechunkError as error:
        msg = f"the work of this run can't be merged, nothing was published: {first_line(error)}"
        raise StoreError(msg) from error


def _check_against_head(repository: Repository, session: icechunk.Session, publication: Publication) -> None:
    base = publication.structure.base
    wanted = {receiver: (change.template, change.current) for receiver, change in publication.groups.items()}
    fit = conflicts(repository, session, base, wanted, {publication.run: publication.planned})
    found = (*fit.structure, *fit.units[publication.run])
    if found:
        listed = "; ".join(found)
        msg = f"another run moved the branch from {base} to {session.snapshot_id} and this one does not fit: {listed}"
        raise RunConflictError(msg)


def _check_units(session: icechunk.Session, publication: Publication) -> int:
    """Hold the changes of a session against the plan; the number of arrays that have any."""
    found, structure, planned = changed_units(session), publication.structure.units, publication.planned
    parts = (without_coordinates(units, publication.groups) for units in (found, structure, planned))
    wrong = list(differences(*parts))
    for change in publication.groups.values():
        wrong += coordinate_differences(found, structure, planned, change.template)
    if wrong:
        listed = "\n".join(wrong)
        msg = f"the merged changes are not the planned write units, nothing was published:\n{listed}"
        raise StoreError(msg)
    return len(found)


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


def _metadata(publication: Publication) -> dict[str, object]:
    return {_RUN: publication.run, **publication.metadata}
