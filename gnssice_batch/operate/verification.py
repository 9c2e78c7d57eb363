"""The verification of a published store: ingested files read again, compared cell by cell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch import config
from gnssice_batch.cluster.executor import Task
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution, execution
from gnssice_batch.job.proof import compare_all, drawn, proved
from gnssice_batch.job.report import Proof
from gnssice_batch.job.target import target_of
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import SourceFile, Span, Status, Tally
from gnssice_batch.operate.integrity import Damaged, Place, places_at_head, with_files
from gnssice_batch.planning.markers import made_with
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.store.reading.cells import StoredCells
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
    damaged: tuple[Damaged, ...] = ()
    """What of the store was looked at and can't be read: not compared."""
    differing: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By receiver the write units that differ from the archive."""

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return as_json(self)

    @property
    def agrees(self) -> bool:
        """Whether the store can be read, and says what the archive says wherever that could be read."""
        return not self.differences and not self.damaged


@dataclass(frozen=True, slots=True)
class _Receiver:
    """A receiver, and what its ledger says."""

    place: Place
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
    repository, snapshot, places = places_at_head(target_of(settings), receivers)
    with execution(settings, progress) as workers:
        return replace(verified(settings, places, sample, workers), url=repository.url, snapshot=snapshot)


def verified(settings: config.Settings, places: Sequence[Place], sample: int | None, workers: Execution) -> StoreReport:
    """The verification of some receivers of one snapshot, as `verify_store` says."""
    found, damages = _receivers(places)
    names, templates = list(found), {name: receiver.stored.template for name, receiver in found.items()}
    rules = rules_of(settings)
    markers, processes = made_with(rules, templates), workers.tasks.processes()
    context = replace(rules.context(names, templates), markers=markers, processes=processes)
    calls = [task for receiver in found.values() for task in _tasks(receiver, sample, context)]
    compared = compare_all(calls, len(calls), workers)
    counted = [_counted(receiver) for receiver in found.values()]
    damages += [each for one in compared for each in one.damaged]
    damages += [each for one in counted for each in one.damaged]
    sentences = [sentence for one in counted for sentence in one.sentences]
    return StoreReport(
        url="",
        snapshot="",
        proof=proved(Proof("full" if sample is None else "sample"), compared),
        taken=sum(len(receiver.taken) for receiver in found.values()),
        differences=sum(one.differences for one in compared) + len(sentences),
        first=(*sentences, *(sentence for one in compared for sentence in one.first)),
        absent=tuple(sentence for one in compared for sentence in one.absent),
        damaged=with_files(damages, {name: receiver.ledger for name, receiver in found.items()}),
        differing=_differing(compared, counted),
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
        "damaged": [each.as_json() for each in report.damaged],
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


def verify_files(place: Place, claims: Sequence[Claim], context: ReadContext) -> Compared:
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
        cells = _read(stored, span, comparison)
        if cells is None:
            continue
        for number, claim in enumerate(comparison.reaching(span)):
            if not number:
                comparison.check_empty(cells)
            comparison.compare(cells, claim, comparison.expected(claim, span))
        comparison.note_differing(span)
    comparison.close()
    return comparison.result(place.receiver)


def _read(stored: StoredCells, span: range, comparison: Comparison) -> Cells | None:
    """The cells of a span; None where they are damaged, which is noted."""
    try:
        found = stored.read(span)
        return Cells(span.start, found["source_file"], found, stored.joined(span))
    except DamagedError as error:
        comparison.pass_over(span, stored.damage(span) or error.damages)
    return None


def _receivers(places: Iterable[Place]) -> tuple[dict[str, _Receiver], list[Damage]]:
    """The receivers that can be opened, and what is wrong with the others."""
    found: dict[str, _Receiver] = {}
    damages: list[Damage] = []
    for place in places:
        try:
            stored = place.open()
            ledger = stored.ledger(_COLUMNS)
        except DamagedError as error:
            damages += error.damages
        else:
            found[place.receiver] = _Receiver(place, stored, ledger, taken_files(place.receiver, ledger))
    return found, damages


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


@dataclass(frozen=True, slots=True)
class _Counted:
    """What counting the epochs of every row of a ledger has come to."""

    receiver: str
    sentences: tuple[str, ...]
    """The rows that are not the main source of as many epochs of the whole axis as they say."""
    units: frozenset[int]
    """Write units that these rows reach."""
    damaged: tuple[Damage, ...]


def _counted(receiver: _Receiver) -> _Counted:
    """Count the epochs of every row; of those that reach into damage nothing is said."""
    ledger, grid, name = receiver.ledger, receiver.stored.template.grid, receiver.place.receiver
    uris = [*ledger["uri"].tolist(), "no row of the ledger"]
    said = np.append(ledger["epochs_written"].astype(np.int64) - ledger["epochs_joined"].astype(np.int64), 0)
    counts, damages = _counts(receiver.stored, len(said) - 1)
    wrong = [row for row in np.flatnonzero(said != counts).tolist() if not _reaches(ledger, row, damages)]
    return _Counted(
        name,
        tuple(
            f"{name}: {uris[row]}: epochs_written is {said[row]}, {counts[row]} epochs have it as source"
            for row in wrong
        ),
        frozenset(unit for row in wrong for unit in _units(ledger, row, grid)),
        tuple(damages),
    )


def _counts(stored: StoredCells, rows: int) -> tuple[npt.NDArray[np.int64], list[Damage]]:
    """Epochs by row, and what of the axis could not be counted."""
    axis = range(stored.template.grid.size)
    try:
        return stored.epochs_by_row(rows, [axis]), []
    except DamagedError:
        damages = stored.damage(axis, ["source_file"])
    grid = stored.template.grid
    spans = [range(grid.slot(one.span.first_ns), grid.slot(one.span.last_ns) + 1) for one in damages if one.span]
    starts, stops = [0, *(span.stop for span in spans)], [*(span.start for span in spans), axis.stop]
    return stored.epochs_by_row(rows, map(range, starts, stops)), damages


def _reaches(ledger: Mapping[str, npt.NDArray[Any]], row: int, damages: Iterable[Damage]) -> bool:
    """Whether a row reaches into damage; none of the ledger may reach anywhere."""
    spans = [damage.span for damage in damages if damage.span]
    if row == len(ledger["uri"]):
        return bool(spans)
    first, last = ledger["first_epoch"][row], ledger["last_epoch"][row]
    return any(first <= span.last_ns and last >= span.first_ns for span in spans)


def _units(ledger: Mapping[str, npt.NDArray[Any]], row: int, grid: Grid) -> range:
    """The write units that a row's file reaches; none for a row that tells of no epoch."""
    if row == len(ledger["uri"]) or ledger["status"][row] == str(Status.REJECTED):
        return range(0)
    first, last = (grid.slot(int(ledger[name][row])) // grid.unit for name in ("first_epoch", "last_epoch"))
    return range(max(0, first), min(last, grid.units - 1) + 1)


def _differing(compared: Iterable[Compared], counted: Iterable[_Counted]) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for name, units in (
        *((one.key, one.differing) for one in compared),
        *((one.receiver, one.units) for one in counted),
    ):
        if units:
            found[name] = found.get(name, frozenset()) | units
    return found
