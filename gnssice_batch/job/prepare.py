"""Before anything is written: look at archive and store, read a sample where a group is new, and plan."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gnssice_batch import config
from gnssice_batch.cluster.executor import Executor, Finished, Task, with_retries
from gnssice_batch.errors import ConfigError, GnssiceError, InterruptedRunError, PlanError
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import FileOutcome, SourceFile, Status
from gnssice_batch.planning.backlog import Backlog, find_backlog, new_template, read_context
from gnssice_batch.planning.breaker import Breaker
from gnssice_batch.planning.plan import (
    GroupPlan,
    Learned,
    Retry,
    Totals,
    plan_group,
    promised_span,
    totals,
    units_of_a_partition,
)
from gnssice_batch.planning.survey import FileSurvey, sample, survey_file


class Progress(Protocol):
    """What an operator is told while a run goes on."""

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins."""

    def finished(self, key: str, size_bytes: int) -> None:
        """A task of the stage is over, having read so many bytes."""

    def dashboard(self, url: str) -> None:
        """Where the Dask dashboard is."""


class NoProgress:
    """Tells nobody anything."""

    def stage(self, name: str, tasks: int) -> None:
        """Say nothing."""

    def finished(self, key: str, size_bytes: int) -> None:
        """Say nothing."""

    def dashboard(self, url: str) -> None:
        """Say nothing."""


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

    @property
    def totals(self) -> Totals:
        """What the plan costs."""
        return totals(self.plans)


def prepare(
    settings: config.Settings,
    tasks: Executor,
    progress: Progress,
    resumed: Mapping[str, GroupTemplate] | None = None,
    retry: Retry | None = None,
    refused: Iterable[FileOutcome] = (),
) -> Prepared:
    """Look, survey, plan; nothing is changed.

    Parameters
    ----------
    resumed
        Groups as an earlier start of the same run has made them; they are not surveyed again.
    retry
        Take only the refused files that it wants.
    refused
        Files that the survey of an earlier start of the same run has refused.

    Raises
    ------
    ArchiveError, StoreError
        When archive or store can't be read.
    PlanError
        Listing the conflicts of all receivers.
    RefusedError
        When most files of the survey are refused for one reason.
    """
    backlog = find_backlog(settings, retry)
    context = read_context(settings, backlog.files)
    known = {**{receiver: group.template for receiver, group in backlog.stored.items()}, **(resumed or {})}
    surveys = _survey(settings, backlog, known, context, tasks, progress) + _earlier(backlog, known, refused)
    templates = _templates(settings, backlog, known, surveys)
    learned = Learned(spans={survey.outcome.file.uri: survey.outcome.facts.span for survey in surveys})
    units = {
        receiver: settings.run.partition_units
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


def result_of[R](finished: Finished[R]) -> R:
    """The result of a task, or the end of the run.

    Raises
    ------
    InterruptedRunError
        When network, operating system or workers failed it every time.
    GnssiceError
        What else the task died of, a storage's refusal among it; with its key where it is no error of ours.
    """
    if finished.result is not None:
        return finished.result
    if isinstance(finished.error, GnssiceError):
        raise finished.error
    msg = f"{finished.key}: the task died of {type(finished.error).__name__}: {finished.error}"
    if finished.transient:
        again = f"{msg}; it was tried several times. Start again: what a run has finished is journaled"
        raise InterruptedRunError(again) from finished.error
    raise GnssiceError(msg) from finished.error


def _survey(
    settings: config.Settings,
    backlog: Backlog,
    known: Collection[str],
    context: ReadContext,
    tasks: Executor,
    progress: Progress,
) -> tuple[FileSurvey, ...]:
    """Read a sample of every new receiver, a larger one while nothing in it can be read, and what has no known time.

    Raises
    ------
    RefusedError
        When most files are refused for one reason, long before the whole of such an archive was asked for.
    """
    breaker = Breaker(settings.run.breaker_files, settings.run.breaker_fraction, known=backlog.refused.keys())
    surveys: list[FileSurvey] = []
    count = settings.run.sample_files
    while files := _to_survey(backlog, known, context, surveys, count):
        progress.stage("survey", len(files))
        calls = (Task(f"survey/{file.uri}", survey_file, (file, context)) for file in files)
        for finished in with_retries(tasks, calls, settings.run.task_tries):
            surveys.append(result_of(finished))
            breaker.check([surveys[-1].outcome])
            progress.finished(finished.key, surveys[-1].outcome.file.size_bytes)
        count *= 2
    return tuple(sorted(surveys, key=lambda survey: (survey.outcome.file.receiver, survey.outcome.file.uri)))


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
    settings: config.Settings,
    backlog: Backlog,
    known: Mapping[str, GroupTemplate],
    surveys: Sequence[FileSurvey],
) -> dict[str, GroupTemplate]:
    templates, conflicts = {}, []
    for receiver in backlog.files:
        usable = _usable(surveys, receiver)
        current = known.get(receiver)
        if current is None and not usable:
            continue
        try:
            templates[receiver] = current or new_template(settings, receiver, usable)
        except (PlanError, ConfigError) as error:
            conflicts.append(f"{receiver}: {error}")
    if conflicts:
        raise PlanError(conflicts)
    return templates


def _usable(surveys: Iterable[FileSurvey], receiver: str) -> list[FileSurvey]:
    """The surveys of a receiver's readable files."""
    mine = [survey for survey in surveys if survey.outcome.file.receiver == receiver]
    return [survey for survey in mine if survey.outcome.status is not Status.REJECTED]
