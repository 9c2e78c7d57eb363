"""The verification of a published store: ingested files read again, compared cell by cell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch import config
from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import StoreError
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import execution
from gnssice_batch.job.proof import compare_all, drawn, proved
from gnssice_batch.job.report import Proof
from gnssice_batch.job.target import target_of
from gnssice_batch.model.values import SourceFile, Span, Status, Tally
from gnssice_batch.operate.status import existing_repository
from gnssice_batch.planning.markers import made_with
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.storage.location import Location
from gnssice_batch.store.reading.cells import StoredCells, cells_of_snapshot
from gnssice_batch.store.reading.contents import stored_receivers
from gnssice_batch.verification.comparison import Axes, Cells, Findings
from gnssice_batch.verification.rereading import Claim, Compared, Comparison

_COLUMNS: Final = (
    *("uri", "size_bytes", "etag", "sha256", "status", "first_epoch", "last_epoch"),
    *("epochs_written", "epochs_joined", "observations_written"),
)
"""What of the ledger is held against files and cells."""


@dataclass(frozen=True, slots=True)
class StoreReport:
    """The result of verifying a published store."""

    url: str
    snapshot: str
    proof: Proof
    taken: int
    """Files that the ledgers say were taken."""
    differences: int
    first: tuple[str, ...]
    """The first differences of every batch, a sentence each."""
    absent: tuple[str, ...]
    """Files that can't be compared: the archive does not give them any more, or with other content."""

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return as_json(self)

    @property
    def agrees(self) -> bool:
        """Whether store and archive say the same wherever both could be read."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class _Place:
    """A receiver of a published snapshot."""

    where: Location
    snapshot: str
    receiver: str

    def open(self) -> StoredCells:
        return cells_of_snapshot(self.where, self.snapshot, self.receiver)


@dataclass(frozen=True, slots=True)
class _Receiver:
    """A receiver, and what its ledger says."""

    place: _Place
    stored: StoredCells
    ledger: Mapping[str, npt.NDArray[Any]]
    taken: Sequence[Claim]


def verify_store(
    settings: config.Settings,
    sample: int | None,
    receivers: Sequence[str] = (),
    progress: Progress | None = None,
) -> StoreReport:
    """Read taken files again from the archive and compare every epoch that the store says is theirs.

    Parameters
    ----------
    sample
        So many files per receiver, the same ones every time for the same store; None: all.
    receivers
        Those to look at; empty: all.

    Raises
    ------
    StoreError
        When there is no store, or no such receiver.
    """
    target = target_of(settings)
    repository = existing_repository(target)
    snapshot = repository.head(target.branch)
    names = _receivers(stored_receivers(repository, target.branch, snapshot), receivers)
    found = [_receiver(_Place(repository.location, snapshot, name)) for name in names]
    templates = {receiver.place.receiver: receiver.stored.template for receiver in found}
    rules = rules_of(settings)
    context = replace(rules.context(names, templates), markers=made_with(rules, templates))
    calls = [task for receiver in found for task in _tasks(receiver, sample, context)]
    with execution(settings, progress) as workers:
        compared = compare_all(calls, len(calls), workers)
    counted = [sentence for receiver in found for sentence in _miscounted(receiver)]
    return StoreReport(
        url=repository.url,
        snapshot=snapshot,
        proof=proved(Proof("full" if sample is None else "sample"), compared),
        taken=sum(len(receiver.taken) for receiver in found),
        differences=sum(one.differences for one in compared) + len(counted),
        first=(*counted, *(sentence for one in compared for sentence in one.first)),
        absent=tuple(sentence for one in compared for sentence in one.absent),
    )


def as_json(report: StoreReport) -> dict[str, object]:
    """The report as plain JSON values."""
    return {
        "url": report.url,
        "snapshot": report.snapshot,
        "agrees": report.agrees,
        "taken": report.taken,
        "compared": {
            "files": report.proof.files,
            "readers": dict(report.proof.readers),
            "declined": dict(report.proof.declined),
            "failed": dict(report.proof.failed),
            "epochs": report.proof.epochs,
            "cells": report.proof.cells,
        },
        "differences": report.differences,
        "first_differences": list(report.first),
        "absent": list(report.absent),
    }


def taken_files(receiver: str, ledger: Mapping[str, npt.NDArray[Any]]) -> list[Claim]:
    """The files of a ledger that were not rejected, with what it says of each."""
    rows = np.flatnonzero(ledger["status"] != str(Status.REJECTED)).tolist()
    return [
        Claim(
            source=row,
            file=SourceFile(ledger["uri"][row], receiver, int(ledger["size_bytes"][row]), ledger["etag"][row]),
            sha256=ledger["sha256"][row],
            span=Span(int(ledger["first_epoch"][row]), int(ledger["last_epoch"][row])),
            written=Tally(int(ledger["epochs_written"][row]), int(ledger["observations_written"][row])),
            whole=ledger["status"][row] == str(Status.OK),
        )
        for row in rows
    ]


def verify_files(place: _Place, claims: Sequence[Claim], context: ReadContext) -> Compared:
    """Hold a published receiver against some of its files: what a worker runs.

    Raises
    ------
    StoreError
        When the snapshot can't be read.
    """
    stored = place.open()
    axes = Axes(stored.template.grid, stored.template.axis.sids, context.bounds[place.receiver])
    comparison = Comparison(stored, axes, claims, context, Findings(place.receiver))
    for span in _spans(axes, claims):
        reaching = comparison.reaching(span)
        first = next(reaching, None)
        if first is None:
            continue
        found = stored.read(span)
        cells = Cells(span.start, found["source_file"], found, stored.joined(span))
        comparison.check_empty(cells)
        for claim in chain([first], reaching):
            comparison.compare(cells, claim, comparison.expected(claim, span))
    comparison.close()
    return comparison.result(place.receiver)


def _receivers(there: Sequence[str], wanted: Sequence[str]) -> list[str]:
    unknown = sorted(set(wanted) - set(there))
    if unknown:
        msg = f"the store has no receiver {', '.join(unknown)}; it has {', '.join(there)}"
        raise StoreError(msg)
    return [name for name in there if name in wanted or not wanted]


def _receiver(place: _Place) -> _Receiver:
    stored = place.open()
    ledger = stored.ledger(_COLUMNS)
    return _Receiver(place, stored, ledger, taken_files(place.receiver, ledger))


def _tasks(receiver: _Receiver, sample: int | None, context: ReadContext) -> Iterator[Task[Compared]]:
    """A task for the chosen files that begin in one write unit."""
    place, grid = receiver.place, receiver.stored.template.grid
    count = len(receiver.taken) if sample is None else sample
    batches: dict[int, list[Claim]] = {}
    for claim in drawn(receiver.taken, count, lambda claim: f"{place.receiver} {claim.file.uri} {claim.sha256}"):
        batches.setdefault(grid.slot(claim.span.first_ns) // grid.unit, []).append(claim)
    for unit, batch in sorted(batches.items()):
        yield Task(f"verify/{place.receiver}/{unit}", verify_files, (place, batch, context))


def _spans(axes: Axes, claims: Iterable[Claim]) -> list[range]:
    """The read units that any of the files reaches, in their order."""
    grid = axes.grid
    numbers: set[int] = set()
    for claim in claims:
        first, last = grid.slot(claim.span.first_ns), grid.slot(claim.span.last_ns)
        numbers.update(range(max(0, first) // grid.read_unit, min(last, grid.size - 1) // grid.read_unit + 1))
    return [range(number * grid.read_unit, (number + 1) * grid.read_unit) for number in sorted(numbers)]


def _miscounted(receiver: _Receiver) -> list[str]:
    """The rows of a ledger that are not the main source of as many epochs of the whole axis as they say."""
    uris = [*receiver.ledger["uri"].tolist(), "no row of the ledger"]
    ledger = receiver.ledger
    main = ledger["epochs_written"].astype(np.int64) - ledger["epochs_joined"].astype(np.int64)
    said = np.append(main, 0)
    counts = receiver.stored.epochs_by_row(len(said) - 1)
    return [
        f"{receiver.place.receiver}: {uris[row]}: epochs_written is {said[row]}, {counts[row]} epochs have it as source"
        for row in np.flatnonzero(said != counts).tolist()
    ]
