"""The plan of a run, from its backlog: a sample is read where a group is new."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.job.execution import Execution
from gnssice_batch.job.surveying import Surveying, true_span
from gnssice_batch.log import logger
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import FileOutcome, Refusal, Status, Tally
from gnssice_batch.planning.backlog import Backlog
from gnssice_batch.planning.fixed import by_sentence, not_followed
from gnssice_batch.planning.growth import distance
from gnssice_batch.planning.markers import wanted_markers, with_one_marker
from gnssice_batch.planning.plan import (
    GroupPlan,
    Learned,
    Totals,
    plan_group,
    totals,
    units_of_a_partition,
)
from gnssice_batch.planning.requests import Requests, foreseen
from gnssice_batch.planning.rules import Rules
from gnssice_batch.planning.survey import FileSurvey, arrays_filled

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run before anything is written."""

    backlog: Backlog
    surveys: tuple[FileSurvey, ...]
    templates: Mapping[str, GroupTemplate]
    """Per receiver the group as it stands, or the new one with an empty grid."""
    partition_units: Mapping[str, int]
    """Per receiver the write units of a partition."""
    learned: Learned
    context: ReadContext
    plans: tuple[GroupPlan, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """New receivers that no group can be made for, and why; the others go on."""

    @property
    def source_format(self) -> str:
        """What canvodpy calls the source, after the newest RINEX version of the sample: ``rinex2`` to ``rinex4``."""
        versions = [survey.outcome.facts.version for survey in self.surveys if survey.outcome.facts.version]
        return f"rinex{max(versions, default='3').partition('.')[0]}"

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """What became of the files that the survey has refused."""
        return tuple(survey.outcome for survey in self.surveys if survey.outcome.status is Status.REJECTED)

    def implausible(self, outcome: FileOutcome) -> FileOutcome:
        """A file that was read, as one refused because of its date."""
        file, facts = outcome.file, outcome.facts
        gap_ns = self.context.bounds[file.receiver].gap_ns
        detail = distance(file, facts.span, gap_ns) if facts.span and gap_ns else ""
        everything = {Reason.IMPLAUSIBLE_DATE: Tally(facts.epochs, facts.observations)}
        refusal = Refusal(Reason.IMPLAUSIBLE_DATE, detail)
        return FileOutcome(
            file, Status.REJECTED, replace(facts, refused=everything), refusal, partitions=outcome.partitions
        )

    @property
    def totals(self) -> Totals:
        """What the plan costs."""
        return totals(self.plans, self.context.kept_bytes)


def prepare(
    backlog: Backlog,
    rules: Rules,
    execution: Execution,
    made: Mapping[str, GroupTemplate] | None = None,
    refused: Iterable[FileOutcome] = (),
) -> Prepared:
    """Survey what is new, then plan; nothing is changed.

    Parameters
    ----------
    made
        Groups as an earlier start of the same run has made them; they are not surveyed again.
    refused
        Files that the survey of an earlier start of the same run has refused.

    Raises
    ------
    PlanError
        Listing the conflicts of all receivers.
    RefusedError
        When most files of the survey are refused for one reason.
    InterruptedRunError
        When the job was told to stop.
    """
    processes = execution.tasks.processes()
    context = replace(rules.context(backlog.files), processes=processes)
    known = {**{receiver: group.template for receiver, group in backlog.stored.items()}, **(made or {})}
    surveying = Surveying(backlog, rules, known, context, execution)
    sampled = surveying.sampled() + surveying.earlier(refused)
    markers = wanted_markers(rules, backlog, known, sampled)
    surveying = replace(surveying, context=replace(context, markers=markers))
    surveyed = surveying.confirmed(with_one_marker(sampled, markers))
    surveys, templates = surveyed.surveys, surveyed.templates
    context = replace(rules.context(backlog.files, templates), markers=markers, processes=processes)
    for receiver, why in surveyed.left_out.items():
        _log.error("left out: %s", why, extra={"receiver": receiver})
    _say_what_is_fixed(rules, {receiver: templates[receiver] for receiver in templates.keys() & backlog.stored.keys()})
    learned = Learned(spans={survey.outcome.file.uri: true_span(survey.outcome) for survey in surveys})
    units = {
        receiver: rules.partition_units
        or units_of_a_partition(template, backlog.files[receiver], context.bounds[receiver])
        for receiver, template in templates.items()
    }
    unplanned = Prepared(backlog, surveys, templates, units, learned, context, (), surveyed.left_out)
    return replace(unplanned, plans=plan_all(unplanned, learned))


def _say_what_is_fixed(rules: Rules, stored: Mapping[str, GroupTemplate]) -> None:
    kept = {receiver: not_followed(rules, receiver, template) for receiver, template in stored.items()}
    for sentence, receivers in by_sentence(kept).items():
        _log.warning("%s: %s", receivers, sentence)


def requests_of(prepared: Prepared) -> Requests:
    """The requests that a run of these plans will make, as far as a plan can tell."""
    backlog, plans = prepared.backlog, prepared.plans
    return foreseen(
        plans,
        len(backlog.listing.files) + len(backlog.listing.skipped),
        [len(group.ledger) for group in backlog.stored.values()],
        new=backlog.snapshot is None,
        filled={plan.template.receiver: arrays_filled(plan.template, prepared.surveys) for plan in plans},
        refused=len(prepared.refused),
        kept_bytes=prepared.context.archive.kept_bytes,
    )


def plan_all(
    prepared: Prepared, learned: Learned, made: Mapping[str, GroupTemplate] | None = None
) -> tuple[GroupPlan, ...]:
    """Plan every receiver that has something to do.

    Parameters
    ----------
    made
        Groups as the run has made them so far: they grow from there, also where a name has promised too much.

    Raises
    ------
    PlanError
        Listing the conflicts of all receivers.
    """
    backlog = prepared.backlog
    return tuple(
        plan_group(
            (made or {}).get(receiver, template),
            backlog.template(receiver),
            backlog.files[receiver],
            backlog.ledger(receiver),
            learned,
            bounds=prepared.context.bounds[receiver],
            partition_units=prepared.partition_units[receiver],
            overlap=backlog.overlaps[receiver],
            rewritten=backlog.rewriting[receiver].units if receiver in backlog.rewriting else None,
        )
        for receiver, template in prepared.templates.items()
    )
