"""The plan of a run, from its backlog: a sample is read where a group is new."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import ConfigError, PlanError, Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.job.execution import Execution, result_of
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import FileOutcome, Refusal, SourceFile, Span, Status, Tally
from gnssice_batch.planning.backlog import Backlog, new_template
from gnssice_batch.planning.breaker import Breaker
from gnssice_batch.planning.growth import distance, implausible, promised_span, stored_span, unconfirmed
from gnssice_batch.planning.markers import wanted_markers, with_one_marker
from gnssice_batch.planning.plan import (
    GroupPlan,
    Learned,
    Totals,
    plan_group,
    totals,
    units_of_a_partition,
)
from gnssice_batch.planning.rules import Rules
from gnssice_batch.planning.survey import FileSurvey, sample, survey_file


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
        return totals(self.plans)


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
    context = rules.context(backlog.files)
    known = {**{receiver: group.template for receiver, group in backlog.stored.items()}, **(made or {})}
    sampled = _survey(backlog, rules, known, context, execution) + _earlier(backlog, known, refused)
    markers = wanted_markers(rules, backlog, known, sampled)
    sampled, context = with_one_marker(sampled, markers), replace(context, markers=markers)
    surveys, templates = _confirmed(backlog, rules, known, context, sampled, execution)
    learned = Learned(spans={survey.outcome.file.uri: _span(survey.outcome) for survey in surveys})
    units = {
        receiver: rules.partition_units
        or units_of_a_partition(template, backlog.files[receiver], context.bounds[receiver])
        for receiver, template in templates.items()
    }
    unplanned = Prepared(backlog, surveys, templates, units, learned, context, ())
    return replace(unplanned, plans=plan_all(unplanned, learned))


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
        )
        for receiver, template in prepared.templates.items()
    )


def _survey(
    backlog: Backlog, rules: Rules, known: Collection[str], context: ReadContext, execution: Execution
) -> tuple[FileSurvey, ...]:
    """Read a sample of every new receiver, a larger one while nothing in it can be read, and what has no known time.

    Raises
    ------
    RefusedError
        When most files are refused for one reason, long before the whole of such an archive was asked for.
    """
    breaker = rules.limits.survey(backlog.refused.keys())
    surveys: list[FileSurvey] = []
    count = rules.sample_files
    while files := _to_survey(backlog, known, context, surveys, count):
        surveys += _read(files, context, breaker, execution)
        count *= 2
    return tuple(surveys)


def _confirmed(
    backlog: Backlog,
    rules: Rules,
    known: Mapping[str, GroupTemplate],
    context: ReadContext,
    surveys: tuple[FileSurvey, ...],
    execution: Execution,
) -> tuple[tuple[FileSurvey, ...], dict[str, GroupTemplate]]:
    """The surveys and the groups, once no axis would grow by what a name alone promises: its file is read before."""
    breaker = rules.limits.survey(backlog.refused.keys())
    count = 1
    while True:
        templates = _templates(backlog, rules, known, surveys, context)
        outermost = [_outermost(backlog, templates[name], context.bounds[name], surveys, count) for name in templates]
        files = [file for some in outermost for file in some]
        if not files:
            in_order = sorted(surveys, key=lambda survey: (survey.outcome.file.receiver, survey.outcome.file.uri))
            return tuple(in_order), templates
        surveys = (*surveys, *_read(files, context, breaker, execution))
        count *= 2


def _outermost(
    backlog: Backlog, template: GroupTemplate, bounds: Bounds, surveys: Iterable[FileSurvey], count: int
) -> list[SourceFile]:
    receiver = template.receiver
    mine = [survey.outcome for survey in surveys if survey.outcome.file.receiver == receiver]
    read = {outcome.file.uri: outcome.facts.span for outcome in mine}
    read |= dict.fromkeys(_strays(backlog, receiver, bounds, mine))
    files: Iterable[SourceFile] = backlog.files[receiver]
    after_ns = backlog.overlaps[receiver].after_ns
    if after_ns is not None:
        files = (file for file in files if file.end_ns is not None and file.end_ns > after_ns)
    return unconfirmed(files, read, template.grid, bounds, count)


def _strays(backlog: Backlog, receiver: str, bounds: Bounds, outcomes: Iterable[FileOutcome]) -> Mapping[str, Span]:
    """The files that were read and lie an absurd distance from the other data of their receiver."""
    read = {outcome.file.uri: outcome.facts.span for outcome in outcomes}
    spans = {file.uri: promised_span(file, 1, bounds) for file in backlog.files[receiver]} | read
    return implausible(spans, read.keys(), stored_span(backlog.ledger(receiver)), bounds.gap_ns)


def _read(
    files: Sequence[SourceFile], context: ReadContext, breaker: Breaker, execution: Execution
) -> list[FileSurvey]:
    surveys: list[FileSurvey] = []
    execution.progress.stage("survey", len(files))
    for finished in execution.run(Task(f"survey/{file.uri}", survey_file, (file, context)) for file in files):
        surveys.append(result_of(finished))
        breaker.check([surveys[-1].outcome])
        execution.progress.finished(finished.key, surveys[-1].outcome.file.size_bytes)
    execution.stop.raise_if_requested()
    return surveys


def _earlier(backlog: Backlog, known: Collection[str], refused: Iterable[FileOutcome]) -> tuple[FileSurvey, ...]:
    """What an earlier start's survey says of files of groups that it has made; the others are surveyed again."""
    wanted = {file for receiver in known for file in backlog.files.get(receiver, ()) if file.start_ns is not None}
    return tuple(FileSurvey(outcome, frozenset(), 0, 0) for outcome in refused if outcome.file in wanted)


def _to_survey(
    backlog: Backlog, known: Collection[str], context: ReadContext, surveys: Sequence[FileSurvey], count: int
) -> list[SourceFile]:
    read = {survey.outcome.file for survey in surveys}
    files: list[SourceFile] = []
    for receiver, new in backlog.files.items():
        bounds = context.bounds[receiver]
        left = [file for file in new if file not in read]
        if receiver not in known and not _usable(surveys, receiver):
            files += sample([file for file in left if promised_span(file, 1, bounds)], count)
        files += [file for file in left if not promised_span(file, 1, bounds)]
    return files


def _templates(
    backlog: Backlog,
    rules: Rules,
    known: Mapping[str, GroupTemplate],
    surveys: Sequence[FileSurvey],
    context: ReadContext,
) -> dict[str, GroupTemplate]:
    templates, conflicts = {}, []
    for receiver in backlog.files:
        usable = _usable(surveys, receiver)
        current = known.get(receiver)
        if current is None and not usable:
            continue
        try:
            templates[receiver] = current or new_template(
                rules, receiver, _near(receiver, surveys, backlog, context) or usable
            )
        except (PlanError, ConfigError) as error:
            conflicts.append(f"{receiver}: {error}")
    if conflicts:
        raise PlanError(conflicts)
    return templates


def _near(receiver: str, surveys: Iterable[FileSurvey], backlog: Backlog, context: ReadContext) -> list[FileSurvey]:
    """The surveys of a receiver's readable files that lie no absurd distance from its other data."""
    mine = [survey for survey in surveys if survey.outcome.file.receiver == receiver]
    strays = _strays(backlog, receiver, context.bounds[receiver], [survey.outcome for survey in mine])
    return [survey for survey in _usable(mine, receiver) if survey.outcome.file.uri not in strays]


def _usable(surveys: Iterable[FileSurvey], receiver: str) -> list[FileSurvey]:
    """The surveys of a receiver's files with observations: a group can be made of what they say."""
    mine = [survey for survey in surveys if survey.outcome.file.receiver == receiver]
    return [survey for survey in mine if survey.outcome.status is not Status.REJECTED and survey.sids]


def _span(outcome: FileOutcome) -> Span | None:
    """What a surveyed file gives to its receiver's axis: a rejected one gives nothing."""
    return None if outcome.status is Status.REJECTED else outcome.facts.span
