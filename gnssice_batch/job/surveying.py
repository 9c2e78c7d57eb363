"""Files that are read before the plan is made: samples of new receivers, the outermost files of all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gnssice_batch.archive.kept import KEPT
from gnssice_batch.cluster.executor import Finished, Task
from gnssice_batch.errors import ConfigError, PlanError
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.job.execution import Execution, result_of
from gnssice_batch.job.killed import killed
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import FileOutcome, SourceFile, Span, Status
from gnssice_batch.planning.backlog import Backlog, new_template
from gnssice_batch.planning.breaker import Breaker
from gnssice_batch.planning.growth import implausible, promised_span, stored_span, unconfirmed
from gnssice_batch.planning.rules import Rules
from gnssice_batch.planning.survey import FileSurvey, for_interval, sample, survey_file

type ByReceiver = Mapping[str, Sequence[FileSurvey]]


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What reading some files has shown."""

    surveys: tuple[FileSurvey, ...]
    """By receiver and URI."""
    templates: Mapping[str, GroupTemplate]
    """Per receiver the group as it stands, or the new one with an empty grid."""
    left_out: Mapping[str, str]
    """New receivers that no group can be made for, and why."""


@dataclass(frozen=True, slots=True)
class Surveying:
    """Reads files before the plan is made."""

    backlog: Backlog
    rules: Rules
    known: Mapping[str, GroupTemplate]
    """Groups that are there, or that an earlier start has made."""
    context: ReadContext
    execution: Execution

    def sampled(self) -> tuple[FileSurvey, ...]:
        """Read a sample of every new receiver, larger while nothing in it can be read, and what has no known time.

        Raises
        ------
        RefusedError
            When most files are refused for one reason, long before the whole of such an archive was asked for.
        InterruptedRunError
            When the job was told to stop.
        """
        breaker = self._breaker()
        surveys: list[FileSurvey] = []
        count = self.rules.sample_files
        while files := self._to_sample(by_receiver(surveys), count):
            surveys += self._read(files, breaker)
            count *= 2
        return tuple(surveys)

    def earlier(self, refused: Iterable[FileOutcome]) -> tuple[FileSurvey, ...]:
        """What an earlier start's survey says of files of groups that it has made; the others are surveyed again."""
        taken = (file for receiver in self.known for file in self.backlog.files.get(receiver, ()))
        wanted = {file for file in taken if file.start_ns is not None}
        return tuple(FileSurvey(outcome, frozenset(), 0) for outcome in refused if outcome.file in wanted)

    def confirmed(self, surveys: tuple[FileSurvey, ...]) -> Surveyed:
        """Read the outermost files, until no axis would grow by what a name alone promises.

        Raises
        ------
        PlanError
            Listing the receivers whose settings make no group.
        RefusedError, InterruptedRunError
            As `sampled` says.
        """
        breaker = self._breaker()
        count = 1
        while True:
            mine = by_receiver(surveys)
            templates, left_out = self._templates(mine)
            placed = mine | {
                receiver: for_interval(mine.get(receiver, ()), template.grid.interval_ns)
                for receiver, template in templates.items()
            }
            files = [file for one in templates.values() for file in self._outermost(one, placed, count)]
            if not files:
                every = (survey for of_receiver in placed.values() for survey in of_receiver)
                return Surveyed(tuple(sorted(every, key=_receiver_and_uri)), templates, left_out)
            surveys = (*surveys, *self._read(files, breaker))
            count *= 2

    def _breaker(self) -> Breaker:
        return self.rules.limits.survey(self.backlog.refused.keys())

    def _read(self, files: Sequence[SourceFile], breaker: Breaker) -> list[FileSurvey]:
        surveys: list[FileSurvey] = []
        execution = self.execution
        execution.progress.stage("survey", len(files))
        if execution.tasks.here:
            KEPT.ask(self.context.archive, files)
        by_key = {f"survey/{file.uri}": file for file in files}
        calls = (Task(key, survey_file, (file, self.context.of(file.receiver))) for key, file in by_key.items())
        for finished in execution.run(calls):
            surveys.append(_survey_of(finished, by_key[finished.key]))
            breaker.check([surveys[-1].outcome])
            execution.progress.finished(finished.key, surveys[-1].outcome.file.size_bytes)
        execution.stop.raise_if_requested()
        return surveys

    def _to_sample(self, surveys: ByReceiver, count: int) -> list[SourceFile]:
        files: list[SourceFile] = []
        for receiver, new in self.backlog.files.items():
            bounds, mine = self.context.bounds[receiver], surveys.get(receiver, ())
            read = {survey.outcome.file for survey in mine}
            left = [file for file in new if file not in read]
            if receiver not in self.known and not usable(mine):
                files += sample([file for file in left if promised_span(file, 1, bounds)], count)
            files += [file for file in left if not promised_span(file, 1, bounds)]
        return files

    def _templates(self, surveys: ByReceiver) -> tuple[dict[str, GroupTemplate], dict[str, str]]:
        """The groups, and new receivers whose files do not tell how one is to be made, with what is missing."""
        templates: dict[str, GroupTemplate] = {}
        left_out: dict[str, str] = {}
        conflicts: list[str] = []
        for receiver in self.backlog.files:
            current, mine = self.known.get(receiver), surveys.get(receiver, ())
            if current is None and not usable(mine):
                continue
            try:
                templates[receiver] = current or new_template(self.rules, receiver, self._near(receiver, mine))
            except PlanError as error:
                left_out[receiver] = str(error)
            except ConfigError as error:
                conflicts.append(f"{receiver}: {error}")
        if conflicts:
            raise PlanError(conflicts)
        return templates, left_out

    def _near(self, receiver: str, surveys: Sequence[FileSurvey]) -> list[FileSurvey]:
        """The usable surveys no absurd distance from the receiver's other data; all, where none would be left."""
        strays = self._strays(receiver, surveys)
        found = usable(surveys)
        return [survey for survey in found if survey.outcome.file.uri not in strays] or found

    def _outermost(self, template: GroupTemplate, surveys: ByReceiver, count: int) -> list[SourceFile]:
        receiver = template.receiver
        mine = surveys.get(receiver, ())
        read = _spans(mine) | dict.fromkeys(self._strays(receiver, mine))
        files: Iterable[SourceFile] = self.backlog.files[receiver]
        after_ns = self.backlog.overlaps[receiver].after_ns
        if after_ns is not None:
            files = (file for file in files if file.end_ns is not None and file.end_ns > after_ns)
        return unconfirmed(files, read, template.grid, self.context.bounds[receiver], count)

    def _strays(self, receiver: str, surveys: Iterable[FileSurvey]) -> Mapping[str, Span]:
        """The files that were read and lie an absurd distance from the other data of their receiver."""
        bounds, read = self.context.bounds[receiver], _spans(surveys)
        if bounds.gap_ns is None or not read:
            return {}
        spans = {file.uri: promised_span(file, 1, bounds) for file in self.backlog.files[receiver]} | read
        return implausible(spans, read.keys(), stored_span(self.backlog.ledger(receiver)), bounds.gap_ns)


def by_receiver(surveys: Iterable[FileSurvey]) -> dict[str, list[FileSurvey]]:
    """Surveys by the receiver of their file."""
    found: dict[str, list[FileSurvey]] = {}
    for survey in surveys:
        found.setdefault(survey.outcome.file.receiver, []).append(survey)
    return found


def usable(surveys: Iterable[FileSurvey]) -> list[FileSurvey]:
    """The surveys of files with observations: a group can be made of what they say."""
    return [survey for survey in surveys if survey.outcome.status is not Status.REJECTED and survey.sids]


def _survey_of(finished: Finished[FileSurvey], file: SourceFile) -> FileSurvey:
    """What reading a file has shown; one that kills its workers is refused."""
    if finished.killed_workers:
        return FileSurvey(killed(file, "this file"), frozenset(), 0)
    return replace(result_of(finished), worker=finished.worker)


def true_span(outcome: FileOutcome) -> Span | None:
    """What a file that was read gives to its receiver's axis: a rejected one gives nothing."""
    return None if outcome.status is Status.REJECTED else outcome.facts.span


def _receiver_and_uri(survey: FileSurvey) -> tuple[str, str]:
    return survey.outcome.file.receiver, survey.outcome.file.uri


def _spans(surveys: Iterable[FileSurvey]) -> dict[str, Span | None]:
    return {survey.outcome.file.uri: true_span(survey.outcome) for survey in surveys}
