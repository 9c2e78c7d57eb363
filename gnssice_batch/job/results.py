"""The results of finished partitions: one outcome per file, ledger rows, the publication."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from gnssice_batch.errors import Reason, StoreError
from gnssice_batch.job.ingestion import Ingestion
from gnssice_batch.job.killed import killed
from gnssice_batch.job.prepare import Prepared, requests_of
from gnssice_batch.job.report import Proof, RunReport, combined
from gnssice_batch.job.rewritten import taken_off
from gnssice_batch.model.template import unit_chunks
from gnssice_batch.model.values import Done, FileOutcome, Refusal, Status, Strategy, Tally
from gnssice_batch.planning.backlog import Backlog
from gnssice_batch.planning.changes import Change, changes
from gnssice_batch.planning.markers import receiver_markers
from gnssice_batch.planning.plan import prove_single_owners
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.store.writing.changes import Units, union
from gnssice_batch.store.writing.ledger_rows import Provenance
from gnssice_batch.store.writing.publish import GroupChange, Publication, SourcedRows
from gnssice_batch.store.writing.structure import Structure

type Outcomes = Mapping[str, tuple[FileOutcome, ...]]

_MESSAGE_LENGTH = 200


def publication_of(prepared: Prepared, work: Ingestion, structure: Structure, files: Outcomes) -> Publication:
    """Everything the run publishes; `files` as `new_ledger_rows` leaves them.

    Raises
    ------
    StoreError
        When a worker wrote outside its partition.
    """
    record = work.journal.record
    return Publication(
        run=record.run,
        structure=structure,
        source_format=prepared.source_format,
        forks=[done.outcome.fork for done in work.done.values() if done.outcome.fork and done.outcome.written_units],
        groups={receiver: _group_change(receiver, prepared, work, files[receiver]) for receiver in files},
        planned=_planned_units(work),
        provenance=_provenance(prepared, record.run, files),
        metadata={"partitions": len(work.done), "software": SOFTWARE},
    )


def up_to_date_report(prepared: Prepared, url: str, run: str) -> RunReport:
    """What a run has to say that had nothing to do, or has not begun."""
    return RunReport(
        run=run,
        url=url,
        snapshot=None,
        files=_unplanned_outcomes(prepared),
        up_to_date=prepared.backlog.up_to_date,
        left=prepared.backlog.left,
        skipped_files=prepared.backlog.listing.skipped,
        gone=prepared.backlog.gone,
        left_out=left_out(prepared),
        planned=requests_of(prepared),
    )


def report_of(prepared: Prepared, work: Ingestion, files: Outcomes, proof: Proof, snapshot: str | None) -> RunReport:
    """The summary of a run that is over."""
    news = new_ledger_rows(prepared, files)
    outcomes = [done.outcome for done in work.done.values()]
    report = up_to_date_report(prepared, work.repository.url, work.journal.record.run)
    return replace(
        report,
        snapshot=snapshot,
        files={**report.files, **{receiver: outcomes for receiver, outcomes in news.items() if outcomes}},
        refused_again=refused_again(prepared, files),
        partitions=len(outcomes),
        resumed=work.resumed,
        set_aside=tuple(work.set_aside),
        bytes_read=sum(outcome.bytes_read for outcome in outcomes),
        peak_memory_bytes=max((outcome.peak_memory_bytes for outcome in outcomes), default=0),
        proof=proof,
        changes=changes_of(prepared.backlog, files),
        markers=markers_told_apart(prepared, files),
    )


def changes_of(backlog: Backlog, files: Outcomes) -> dict[str, tuple[Change, ...]]:
    """What is other in files than in those before them, of the receivers that have such files."""
    found = {receiver: changes(outcomes, backlog.ledger(receiver)) for receiver, outcomes in files.items()}
    return {receiver: of_receiver for receiver, of_receiver in found.items() if of_receiver}


def _unplanned_outcomes(prepared: Prepared) -> Outcomes:
    """Files of receivers that no group is made for: none of their sample can be read, or it tells no interval."""
    planned = {plan.template.receiver for plan in prepared.plans}
    files: dict[str, tuple[FileOutcome, ...]] = {}
    for survey in prepared.surveys:
        receiver = survey.outcome.file.receiver
        if receiver not in planned:
            outcome = _left_out(survey.outcome, prepared.left_out.get(receiver, ""))
            files[receiver] = (*files.get(receiver, ()), outcome)
    return files


def left_out(prepared: Prepared) -> dict[str, str]:
    """The receivers that no group is made for, and why."""
    planned = {plan.template.receiver for plan in prepared.plans}
    unread = {
        receiver: _why_left_out(
            survey.outcome for survey in prepared.surveys if survey.outcome.file.receiver == receiver
        )
        for receiver in prepared.backlog.files
        if receiver not in planned
    }
    return {**unread, **prepared.left_out}


def _why_left_out(outcomes: Iterable[FileOutcome]) -> str:
    if all(outcome.status is Status.REJECTED for outcome in outcomes):
        return "no file of it can be read"
    return "no file of it has an observation yet"


def markers_told_apart(prepared: Prepared, files: Outcomes) -> dict[str, dict[str, int]]:
    """The receivers whose files name several markers, in this run or before it: files by marker."""
    found = {
        receiver: receiver_markers(prepared.backlog.ledger(receiver), outcomes) for receiver, outcomes in files.items()
    }
    return {receiver: markers for receiver, markers in found.items() if len(markers) > 1}


def _left_out(outcome: FileOutcome, why: str) -> FileOutcome:
    """A readable file of a receiver that no group can be made for; a later run reads it again."""
    if not why or outcome.status is Status.REJECTED:
        return outcome
    everything = {Reason.NO_INTERVAL: Tally(outcome.facts.epochs, outcome.facts.observations)}
    return replace(outcome, status=Status.REJECTED, refusal=Refusal(Reason.NO_INTERVAL, why), refused=everything)


def file_outcomes(prepared: Prepared, work: Ingestion) -> Outcomes:
    """One outcome per file and receiver, in the order of their ledger rows: from the partitions, else from the survey.

    Raises
    ------
    StoreError
        When a planned file has no outcome, or one that does not add up.
    """
    parts: dict[str, dict[str, list[FileOutcome]]] = {plan.template.receiver: {} for plan in prepared.plans}
    for part in _parts(work):
        parts[part.file.receiver].setdefault(part.file.uri, []).append(part)
    rejected = (outcome for by_uri in work.rejected.values() for outcome in by_uri.values())
    for outcome in (*prepared.refused, *rejected):
        if outcome.file.receiver in parts:
            parts[outcome.file.receiver].setdefault(outcome.file.uri, [outcome])
    for outcome in _implausible(prepared, work):
        parts[outcome.file.receiver][outcome.file.uri] = [outcome]
    _check_complete(prepared, parts)
    return {
        receiver: tuple(combined(by_uri[uri]) for uri in sorted(by_uri)) for receiver, by_uri in parts.items() if by_uri
    }


def _implausible(prepared: Prepared, work: Ingestion) -> Iterable[FileOutcome]:
    """The files that were read, by the survey or in a partition, and are refused because of their date."""
    if not work.implausible:
        return
    read = {survey.outcome.file.uri: survey.outcome for survey in prepared.surveys} | work.read
    read |= {part.file.uri: part for part in _parts(work) if part.file.uri in work.implausible}
    yield from (prepared.implausible(read[uri]) for uri in work.implausible)


def new_ledger_rows(prepared: Prepared, files: Outcomes) -> Outcomes:
    """The outcomes that the ledger does not hold already: a file refused again as it was before gets no second row."""
    return {
        receiver: tuple(outcome for outcome in outcomes if not _refused_as_before(prepared, outcome))
        for receiver, outcomes in files.items()
    }


def refused_again(prepared: Prepared, files: Outcomes) -> tuple[FileOutcome, ...]:
    """The outcomes that the ledger holds already."""
    return tuple(o for outcomes in files.values() for o in outcomes if _refused_as_before(prepared, o))


def _refused_as_before(prepared: Prepared, outcome: FileOutcome) -> bool:
    """Whether the same reader has refused the same file for the same reason; no reader has any part in `unreadable`."""
    before = prepared.backlog.refused.get(outcome.file.uri)
    if before is None or outcome.refusal is None or outcome.status is not Status.REJECTED:
        return False
    reason = outcome.refusal.reason
    return before.reason == reason and (reason is Reason.UNREADABLE or before.reader == prepared.backlog.reader)


def _parts(work: Ingestion) -> Iterable[FileOutcome]:
    for done in work.done.values():
        yield from done.outcome.files
    for assignment in work.set_aside.values():
        key = assignment.partition.key
        yield from (killed(file, f"partition {key}", (key,)) for file in assignment.files)
        yield from work.rejected.get(key, {}).values()


def _check_complete(prepared: Prepared, parts: Mapping[str, Mapping[str, object]]) -> None:
    lost = [
        file.uri
        for receiver, by_uri in parts.items()
        for file in prepared.backlog.files[receiver]
        if file.uri not in by_uri
    ]
    if lost:
        msg = f"{len(lost)} files without an outcome, e.g. {lost[0]}; nothing was published: please report this"
        raise StoreError(msg)


def _planned_units(work: Ingestion) -> Units:
    """The write units that the partitions own and their workers have written, all variables and all signals wide.

    Raises
    ------
    PlanError
        When two partitions own one unit.
    StoreError
        When a worker wrote outside its own.
    """
    prove_single_owners(done.partition for done in work.done.values())
    planned = []
    for done in work.done.values():
        partition, written = done.partition, done.outcome.written_units
        if not set(written) <= set(partition.stored_units):
            msg = f"{partition.key}: wrote outside its own write units; nothing was published: please report this"
            raise StoreError(msg)
        planned.append(unit_chunks(work.templates[partition.receiver], written, done.axis_length))
    return union(planned)


def _group_change(receiver: str, prepared: Prepared, work: Ingestion, files: tuple[FileOutcome, ...]) -> GroupChange:
    mine = [done for done in work.done.values() if done.partition.receiver == receiver]
    displaced, no_longer = taken_off(work.repository, prepared.backlog, receiver)
    joined, not_mixed = Counter[int](no_longer), Counter[int]()
    for done in mine:
        joined.update(done.outcome.joined)
        not_mixed.update(done.outcome.not_mixed)
        for row, tally in done.outcome.displaced.items():
            displaced[row] = displaced.get(row, Tally()) + tally
    return GroupChange(
        template=work.templates[receiver],
        current=prepared.backlog.template(receiver),
        epochs=[rows for done in mine for rows in _sourced(done)],
        files=files,
        displaced=displaced,
        joined=joined,
        not_mixed=not_mixed,
    )


def _sourced(done: Done) -> Iterable[SourcedRows]:
    uris = tuple(file.uri for file in done.files[: len(done.rows)])
    return (SourcedRows(rows, uris, done.rows) for rows in done.outcome.epochs)


def _provenance(prepared: Prepared, run: str, files: Outcomes) -> Provenance:
    written = sum(outcome.written.epochs - outcome.joined for outcomes in files.values() for outcome in outcomes)
    count = sum(len(outcomes) for outcomes in files.values())
    message = f"{count} file{'s' * (count != 1)}, {written} epoch{'s' * (written != 1)}, {', '.join(sorted(files))}"
    written_at = datetime.now(UTC).isoformat(timespec="seconds")
    strategies = {overlap.strategy for overlap in prepared.backlog.overlaps.values()} - {Strategy.BEST}
    strategy = str(next(iter(strategies), Strategy.SKIP))
    return Provenance(run, prepared.backlog.reader, written_at, message[:_MESSAGE_LENGTH], strategy)
