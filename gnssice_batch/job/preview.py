"""The dry run: what a run would do, as plain values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from gnssice_batch import config
from gnssice_batch.archive.skipped import SkippedFile, by_kind
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import execution
from gnssice_batch.job.prepare import Prepared, prepare, requests_of
from gnssice_batch.job.report import all_reasons, skipped_json
from gnssice_batch.job.results import changes_of, left_out
from gnssice_batch.job.target import check_place, target_of
from gnssice_batch.model.grid import SECOND_NS, Grid, epochs_per_day, gps_datetime
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import FileOutcome, Span, Status
from gnssice_batch.planning.backlog import find_backlog
from gnssice_batch.planning.changes import Change, changes_json
from gnssice_batch.planning.fixed import not_followed
from gnssice_batch.planning.markers import receiver_markers
from gnssice_batch.planning.part import Part
from gnssice_batch.planning.plan import GroupPlan, Totals
from gnssice_batch.planning.requests import Requests
from gnssice_batch.planning.rewriting import older_rows
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.planning.survey import FileSurvey, foreseen_losses
from gnssice_batch.store.repository import open_existing


@dataclass(frozen=True, slots=True)
class ReceiverPlan:
    """The plan for one receiver."""

    receiver: str
    new: bool
    """Whether the group does not exist yet."""
    files: int
    size_bytes: int
    span: Span | None
    """What the names of the files promise, or reading them has shown."""
    grid: Grid
    signals: int
    partitions: int
    write_units: int
    unit_note: str
    """Why the write unit is not the configured one; empty where it is."""
    markers: Mapping[str, int]
    """Files by marker, of the ledger and the sample."""
    tolerance_ns: int
    """How far an epoch may lie from its grid epoch."""
    warnings: tuple[str, ...]
    """What of the sample the run would not take, a sentence each."""


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan: what a run would do."""

    archive: str
    store: str
    totals: Totals
    receivers: tuple[ReceiverPlan, ...]
    up_to_date: int
    """Files that are in the ledger already."""
    left: int
    """New or changed files that are left for a later run, which was asked for."""
    skipped_files: tuple[SkippedFile, ...]
    """Files that belong to no receiver."""
    gone: tuple[str, ...]
    """Files that were taken and that the archive has no more."""
    older_reader: int
    """Files of the store that another version of the reader has read: ``repair --older-reader`` reads them again."""
    left_out: Mapping[str, str]
    """Receivers that no group is made for, and why."""
    refused: tuple[FileOutcome, ...]
    """Rejected files of the sample."""
    changes: Mapping[str, tuple[Change, ...]]
    """By receiver what is other in some files of the sample than in those before them."""
    requests: Requests
    """What the run will ask of archive and store."""
    max_unpacked_bytes: int
    """What a single file may unpack to, beyond the memory of a task."""

    def as_json(self) -> dict[str, object]:
        """The plan as plain JSON values."""
        return as_json(self)


def preview(settings: config.Settings, progress: Progress | None = None, part: Part | None = None) -> PlanSummary:
    """Compare the archive with the store, read a sample where a group is new, and plan; nothing is changed.

    Parameters
    ----------
    part
        Of what is new take only this.

    Raises
    ------
    ArchiveError, PlanError, StoreError
        When archive or store can't be read, or do not fit together.
    """
    target, rules = target_of(settings), rules_of(settings)
    repository = open_existing(target.location)
    if repository is None:
        check_place(target)
    backlog = find_backlog(rules, repository, target.branch, part)
    with execution(settings if backlog.files else _without_workers(settings), progress) as workers:
        prepared = prepare(backlog, rules, workers)
    strays = {uri for plan in prepared.plans for uri in plan.implausible}
    surveyed = (survey.outcome for survey in prepared.surveys)
    outcomes = [prepared.implausible(outcome) if outcome.file.uri in strays else outcome for outcome in surveyed]
    return PlanSummary(
        archive=rules.archive.url,
        store=target.url,
        totals=prepared.totals,
        receivers=tuple(_receiver(plan, settings, prepared) for plan in prepared.plans),
        up_to_date=backlog.up_to_date,
        left=backlog.left,
        skipped_files=backlog.listing.skipped,
        gone=backlog.gone,
        older_reader=sum(len(older_rows(group.ledger, rules.reader)) for group in backlog.stored.values()),
        left_out=left_out(prepared),
        refused=tuple(outcome for outcome in outcomes if outcome.status is Status.REJECTED),
        changes=changes_of(backlog, _by_receiver(outcomes)),
        requests=requests_of(prepared),
        max_unpacked_bytes=settings.reader.max_unpacked_bytes,
    )


def _without_workers(settings: config.Settings) -> config.Settings:
    """The settings for tasks in this process: nothing is to be read, and workers take seconds to start."""
    return settings.model_copy(update={"cluster": settings.cluster.model_copy(update={"kind": "inline"})})


def _by_receiver(outcomes: Iterable[FileOutcome]) -> dict[str, tuple[FileOutcome, ...]]:
    return {name: tuple(each) for name, each in groupby(outcomes, lambda outcome: outcome.file.receiver)}


def unit_note(grid: Grid, wanted: int) -> str:
    """Why the write unit of a new group is not the configured one, empty where it is."""
    if grid.unit == wanted:
        return ""
    daily = epochs_per_day(grid.interval_ns)
    return f"not {wanted}: that is neither whole days nor a part of a day, which has {daily} epochs"


def as_json(found: PlanSummary) -> dict[str, object]:
    """The preview as plain JSON values."""
    totals = found.totals
    return {
        "archive": found.archive,
        "store": found.store,
        "files": totals.files,
        "size_bytes": totals.size_bytes,
        "partitions": totals.partitions,
        "write_units": totals.write_units,
        "references": totals.references,
        "task_memory_bytes": totals.task_memory_bytes,
        "max_unpacked_bytes": found.max_unpacked_bytes,
        "requests": found.requests.as_json(),
        "up_to_date": found.up_to_date,
        "left": found.left,
        "skipped": len(found.skipped_files),
        "skipped_by_kind": by_kind(found.skipped_files),
        "skipped_files": skipped_json(found.skipped_files),
        "gone": len(found.gone),
        "gone_files": list(found.gone),
        "older_reader": found.older_reader,
        "left_out": dict(found.left_out),
        "receivers": {each.receiver: _receiver_json(each) for each in found.receivers},
        "changes_in_sample": changes_json(found.changes),
        "refused_in_sample": [_refused_json(outcome) for outcome in found.refused],
    }


def sample_warnings(
    template: GroupTemplate, surveys: Iterable[FileSurvey], limits: config.Run, *, new: bool
) -> tuple[str, ...]:
    """What of a sample a run would not take, where that is more than the settings allow."""
    surveys = [survey for survey in surveys if survey.outcome.file.receiver == template.receiver]
    lost = foreseen_losses(template, surveys)
    found = []
    if sum(lost.values()) > limits.max_lost_fraction:
        parts = ", ".join(f"{part:.1%} {reason}" for reason, part in lost.items())
        way_out = "see grid.tolerance_s, grid.phase_s and grid.interval_s"
        fixed = "the group's grid is fixed, give these files a receiver of their own (archive.receivers)"
        found.append(f"of the sample's epochs {parts}: {way_out if new else fixed}")
    partial = sum(survey.outcome.status is Status.PARTIAL for survey in surveys)
    if surveys and partial / len(surveys) > limits.max_partial_fraction:
        found.append(
            f"{partial} of {len(surveys)} files of the sample are taken only in part: see gnssice-batch inspect"
        )
    return tuple(found)


def _receiver(plan: GroupPlan, settings: config.Settings, prepared: Prepared) -> ReceiverPlan:
    template, new = plan.template, plan.current is None
    files = {file.uri: file.size_bytes for assignment in plan.assignments for file in assignment.files}
    spans = [span for assignment in plan.assignments for span in assignment.spans]
    sample = [one.outcome for one in prepared.surveys if one.outcome.file.receiver == template.receiver]
    return ReceiverPlan(
        receiver=template.receiver,
        new=new,
        files=len(files),
        size_bytes=sum(files.values()),
        span=Span(min(s.first_ns for s in spans), max(s.last_ns for s in spans)) if spans else None,
        grid=template.grid,
        signals=len(template.axis.sids),
        partitions=len(plan.assignments),
        write_units=sum(len(assignment.partition.stored_units) for assignment in plan.assignments),
        markers=receiver_markers(prepared.backlog.ledger(template.receiver), sample),
        unit_note=unit_note(template.grid, settings.chunks.epoch) if new else "",
        tolerance_ns=prepared.context.bounds[template.receiver].tolerance_ns,
        warnings=(
            *(() if new else not_followed(rules_of(settings), template.receiver, template)),
            *sample_warnings(template, prepared.surveys, settings.run, new=new),
        ),
    )


def _receiver_json(each: ReceiverPlan) -> dict[str, object]:
    grid, span = each.grid, each.span
    return {
        "new": each.new,
        "files": each.files,
        "size_bytes": each.size_bytes,
        "first_epoch": str(gps_datetime(span.first_ns)) if span else None,
        "last_epoch": str(gps_datetime(span.last_ns)) if span else None,
        "interval_s": grid.interval_ns / SECOND_NS,
        "phase_s": grid.phase_ns / SECOND_NS,
        "tolerance_s": each.tolerance_ns / SECOND_NS,
        "warnings": list(each.warnings),
        "signals": each.signals,
        "write_unit_epochs": grid.unit,
        "write_unit_note": each.unit_note,
        "read_unit_epochs": grid.read_unit,
        "markers": dict(each.markers),
        "partitions": each.partitions,
        "write_units": each.write_units,
    }


def _refused_json(outcome: FileOutcome) -> dict[str, object]:
    refusal = outcome.refusal
    return {
        "file": outcome.file.uri,
        "receiver": outcome.file.receiver,
        "reason": str(refusal.reason) if refusal else "",
        "detail": refusal.detail if refusal else "",
        "line": refusal.line if refusal else 0,
        "first_bytes": refusal.first_bytes.decode("latin-1") if refusal else "",
        "reasons": {str(reason): count for reason, count in all_reasons(outcome).items()},
    }
