"""The coordinator: prepare, work through the partitions, publish once, report."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from gnssice_batch import config
from gnssice_batch.cluster import executor
from gnssice_batch.errors import StoreError
from gnssice_batch.model import Assignment, EpochRows, FileOutcome, PartitionOutcome, Status, Tally
from gnssice_batch.prepare import Prepared, Progress, Silent, prepare
from gnssice_batch.prospect import SOFTWARE, repository_options, store_url
from gnssice_batch.report import RunReport, combined
from gnssice_batch.rounds import Work, work_through
from gnssice_batch.store.changes import Units, union
from gnssice_batch.store.ledger import Provenance
from gnssice_batch.store.publish import GroupChange, Publication, publish
from gnssice_batch.store.repository import MAIN, Repository, open_repository
from gnssice_batch.store.structure import discard
from gnssice_batch.template import unit_chunks

type Outcomes = Mapping[str, tuple[FileOutcome, ...]]


def run(settings: config.Settings, progress: Progress | None = None) -> RunReport:
    """Bring the store up to the archive: at most one commit on ``main``, with data, coordinates and ledger together.

    Raises
    ------
    GnssiceError
        When the run stops; nothing of it is visible in the store then.
    """
    started = time.monotonic()
    progress = progress or Silent()
    with executor(settings.cluster, settings.run.window) as tasks:
        if tasks.dashboard:
            progress.dashboard(tasks.dashboard)
        prepared = prepare(settings, tasks, progress)
        report = _unstarted(settings, prepared)
        if prepared.plans:
            repository = open_repository(store_url(settings), repository_options(settings))
            work = Work(prepared.learned)
            with _staging_removed(repository, work):
                work_through(prepared, repository, report.run, tasks, progress, work)
                report = _published(repository, prepared, work, report)
    return replace(report, seconds=time.monotonic() - started)


def _unstarted(settings: config.Settings, prepared: Prepared) -> RunReport:
    prospect = prepared.prospect
    return RunReport(
        run=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
        url=store_url(settings),
        snapshot=None,
        files=_unplanned(prepared),
        up_to_date=len(prospect.listing.files) - sum(len(files) for files in prospect.files.values()),
        passed_over=len(prospect.listing.passed_over),
    )


def _published(repository: Repository, prepared: Prepared, work: Work, report: RunReport) -> RunReport:
    files = _file_outcomes(prepared, work)
    outcomes = [outcome for _, outcome in work.done.values()]
    provenance = _provenance(report.run, work.structure.base, files)
    publication = Publication(
        structure=work.structure,
        forks=[outcome.fork for outcome in outcomes if outcome.fork is not None and outcome.written_units],
        groups={receiver: _group_change(receiver, prepared, work, files[receiver]) for receiver in files},
        planned=_planned_units(work),
        provenance=provenance,
        metadata={"run": report.run, "partitions": len(outcomes), "software": SOFTWARE},
    )
    snapshot = publish(repository, MAIN, publication)
    return replace(
        report,
        snapshot=snapshot,
        files={**report.files, **files},
        partitions=len(outcomes),
        bytes_read=sum(outcome.bytes_read for outcome in outcomes),
        peak_memory_bytes=max((outcome.peak_memory_bytes for outcome in outcomes), default=0),
    )


def _planned_units(work: Work) -> Units:
    """The write units that the partitions own and their workers have written, all variables and all signals wide.

    Raises
    ------
    StoreError
        When a worker wrote outside its partition.
    """
    planned = []
    for assignment, outcome in work.done.values():
        partition = assignment.partition
        owned = range(partition.first_unit, partition.first_unit + partition.units)
        if not set(outcome.written_units) <= set(owned):
            msg = f"{partition.key}: wrote outside its own write units; nothing was published: please report this"
            raise StoreError(msg)
        template = work.templates[partition.receiver]
        planned.append(unit_chunks(template, outcome.written_units))
    return union(planned)


def _unplanned(prepared: Prepared) -> Outcomes:
    """Receivers without a single readable file in the sample: reported, no group is made for them."""
    planned = {plan.template.receiver for plan in prepared.plans}
    files: dict[str, tuple[FileOutcome, ...]] = {}
    for survey in prepared.surveys:
        receiver = survey.outcome.file.receiver
        if receiver not in planned:
            files[receiver] = (*files.get(receiver, ()), survey.outcome)
    return files


def _file_outcomes(prepared: Prepared, work: Work) -> Outcomes:
    """One outcome per file and receiver, in the order of their ledger rows: from the partitions, else from the survey."""
    parts: dict[str, dict[str, list[FileOutcome]]] = {plan.template.receiver: {} for plan in prepared.plans}
    for _, outcome in work.done.values():
        for part in outcome.files:
            parts[part.file.receiver].setdefault(part.file.uri, []).append(part)
    for survey in prepared.surveys:
        file = survey.outcome.file
        if file.receiver in parts and survey.outcome.status is Status.REJECTED:
            parts[file.receiver].setdefault(file.uri, [survey.outcome])
    _check_complete(prepared, parts)
    return {
        receiver: tuple(combined(by_uri[uri]) for uri in sorted(by_uri)) for receiver, by_uri in parts.items() if by_uri
    }


def _check_complete(prepared: Prepared, parts: Mapping[str, Mapping[str, object]]) -> None:
    """Hold that every file of the plan has an outcome.

    Raises
    ------
    StoreError
        When a file has none.
    """
    lost = [
        file.uri
        for receiver, by_uri in parts.items()
        for file in prepared.prospect.files[receiver]
        if file.uri not in by_uri
    ]
    if lost:
        msg = f"{len(lost)} files without an outcome, e.g. {lost[0]}; nothing was published: please report this"
        raise StoreError(msg)


def _group_change(receiver: str, prepared: Prepared, work: Work, files: tuple[FileOutcome, ...]) -> GroupChange:
    first_row = len(prepared.prospect.ledger(receiver))
    rows = {outcome.file.uri: first_row + i for i, outcome in enumerate(files)}
    mine = [done for done in work.done.values() if done[0].partition.receiver == receiver]
    displaced: dict[int, Tally] = {}
    for _, outcome in mine:
        for row, tally in outcome.displaced.items():
            displaced[row] = displaced.get(row, Tally()) + tally
    epochs = [_with_rows(part, assignment, rows) for assignment, outcome in mine for part in outcome.epochs]
    return GroupChange(epochs, files, displaced)


def _with_rows(part: EpochRows, assignment: Assignment, rows: Mapping[str, int]) -> EpochRows:
    """Epoch rows with ledger rows in the place of the assignment's own file numbers."""
    source = part.source.copy()
    for index, file in enumerate(assignment.files):
        source[part.source == -2 - index] = rows[file.uri]
    return replace(part, source=source)


def _provenance(run_id: str, base: str, files: Outcomes) -> Provenance:
    written = sum(outcome.written.epochs for outcomes in files.values() for outcome in outcomes)
    count = sum(len(outcomes) for outcomes in files.values())
    message = f"{count} files, {written} epochs, {', '.join(sorted(files))}"
    return Provenance(run_id, SOFTWARE, datetime.now(UTC).isoformat(timespec="seconds"), base, message[:200])


@contextmanager
def _staging_removed(repository: Repository, work: Work) -> Iterator[None]:
    try:
        yield
    finally:
        for structure in work.structures:
            discard(repository, structure)
