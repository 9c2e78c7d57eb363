"""The survey of a new receiver: sampling, signals, GLONASS channels found in a sample of its files."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from gnssice_batch.errors import ConfigError, PlanError, Reason
from gnssice_batch.ingest.align import filled
from gnssice_batch.ingest.fetching import Fetching
from gnssice_batch.ingest.kept_readings import READINGS
from gnssice_batch.ingest.reading import ReadContext, ReadFile, is_faster, read_file, too_fast, too_large
from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from gnssice_batch.model.intervals import interval_of
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import FileOutcome, Refusal, SourceFile, Span, Status, Tally
from gnssice_batch.planning.sampling import Marks, offsets_ns, phase_of, steady_ns, tolerance_of
from gnssice_batch.storage.traffic import TRAFFIC, Traffic

_KEPT_EPOCHS: Final = 256
"""So many epochs of a file are kept: a survey may be of many files."""


@dataclass(frozen=True, slots=True)
class FileSurvey:
    """What one file says of its receiver."""

    outcome: FileOutcome
    sids: frozenset[str]
    interval_ns: int
    """Interval that its epochs fit; 0 where neither they nor its header tell one."""
    marks: Marks = field(default_factory=lambda: Marks(np.empty(0, np.int64), 0), compare=False, repr=False)
    """Some of its plausible epochs."""
    fills: frozenset[str] = field(default=frozenset(), compare=False)
    """Arrays of a group that its observations give values to."""
    worker: str = field(default="", compare=False)
    """Who has read the file, and may have kept it."""
    traffic: Traffic = field(default_factory=Traffic, compare=False)
    """What the worker's process has asked of object stores since its last result."""


def arrays_filled(template: GroupTemplate, surveys: Iterable[FileSurvey]) -> frozenset[str] | None:
    """The data variables and coordinates that files of a sample give values to; None where there is no sample."""
    mine = [survey for survey in surveys if survey.outcome.file.receiver == template.receiver and survey.fills]
    grid, found = template.grid, {name for survey in mine for name in survey.fills}
    off = any(offsets_ns(one.marks.times_ns, grid.interval_ns, grid.phase_ns).any() for one in mine)
    return frozenset(found | ({"epoch_offset"} if off else set())) if mine else None


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a group's grid is made from."""

    interval_ns: int
    phase_ns: int
    tolerance_ns: int


def sample(files: Sequence[SourceFile], count: int) -> tuple[SourceFile, ...]:
    """Evenly spaced files of a receiver, the first and the last by promised time among them."""
    ordered = sorted(files, key=lambda file: (file.start_ns or 0, file.uri))
    chosen = np.unique(np.linspace(0, len(ordered) - 1, min(count, len(ordered))).astype(int))
    return tuple(ordered[index] for index in chosen.tolist())


def survey_file(file: SourceFile, context: ReadContext) -> FileSurvey:
    """Read one file whole; a refused one says nothing but why."""
    return replace(_surveyed(file, context), traffic=TRAFFIC.take())


def _surveyed(file: SourceFile, context: ReadContext) -> FileSurvey:
    context.begin_task()
    with Fetching(context.archive, [] if too_large(file, context) else [file]) as files:
        result = read_file(file, context, content_of=files.fetch)
        if result.status is not Status.REJECTED:
            files.keep()
            READINGS.put(context, [result])
    outcome = FileOutcome(file, result.status, result.facts, result.refusal)
    if result.status is Status.REJECTED or result.facts.span is None:
        return FileSurvey(outcome, frozenset(), 0)
    times_ns = _plausible_ns(result, result.facts.span)
    interval_ns = interval_of(times_ns, round((result.parts[0].header.interval_s or 0) * SECOND_NS))
    fills = frozenset(name for part in result.parts for name in filled(part))
    return FileSurvey(outcome, result.sids, interval_ns, Marks(_some(times_ns), times_ns.size), fills)


def rejected(survey: FileSurvey, refusal: Refusal) -> FileSurvey:
    """The survey of a file that can be read and is not taken; what it says of the sampling stays."""
    outcome = survey.outcome
    refused = {refusal.reason: Tally(outcome.facts.epochs, outcome.facts.observations)}
    facts = replace(outcome.facts, refused=refused)
    return replace(survey, outcome=replace(outcome, status=Status.REJECTED, facts=facts, refusal=refusal))


def for_interval(surveys: Iterable[FileSurvey], interval_ns: int) -> list[FileSurvey]:
    """The surveys, those of files sampled faster than a grid of that interval as rejected."""
    return [_for_interval(survey, interval_ns) for survey in surveys]


def _for_interval(survey: FileSurvey, interval_ns: int) -> FileSurvey:
    taken = survey.outcome.status is not Status.REJECTED
    refusal = too_fast(survey.outcome.facts, interval_ns) if taken else None
    return rejected(survey, refusal) if refusal else survey


def sampling(
    receiver: str,
    surveys: Iterable[FileSurvey],
    interval_ns: int | None,
    phase_ns: int | None,
    tolerance_ns: int | None,
) -> Sampling:
    """Interval, phase and tolerance of a new group: the settings' where they say so, else what the sample shows.

    Parameters
    ----------
    interval_ns, phase_ns, tolerance_ns
        What the settings say; None is to be found.

    Raises
    ------
    PlanError
        When neither settings nor files tell the interval, or it does not divide a day.
    ConfigError
        When phase or tolerance of the settings do not go with the interval that was found.
    """
    surveys = list(surveys)
    if interval_ns is None:
        interval_ns = _most_frequent(receiver, surveys)
        _check_fits(interval_ns, phase_ns or 0, tolerance_ns or 0)
    marks = [survey.marks for survey in surveys if survey.interval_ns]
    fitting = [survey.marks for survey in surveys if 10 * survey.interval_ns >= 9 * interval_ns]
    if phase_ns is None:
        phase_ns = phase_of(fitting or marks, interval_ns)
        if tolerance_ns is not None and min(phase_ns, interval_ns - phase_ns) <= tolerance_ns:
            phase_ns = 0
    if tolerance_ns is None:
        tolerance_ns = tolerance_of(fitting, interval_ns, phase_ns)
    return Sampling(interval_ns, phase_ns, min(tolerance_ns, interval_ns // 2))


def channels(surveys: Iterable[FileSurvey]) -> Mapping[str, int]:
    """GLONASS channels of all headers; where they contradict each other the last one by promised time stays."""
    ordered = sorted(surveys, key=lambda survey: survey.outcome.file.start_ns or 0)
    return {sv: channel for survey in ordered for sv, channel in survey.outcome.facts.channels.items()}


def foreseen_losses(template: GroupTemplate, surveys: Iterable[FileSurvey]) -> dict[Reason, float]:
    """The part of the sample's epochs that the group's grid would refuse, by reason."""
    interval_ns, phase_ns = template.grid.interval_ns, template.grid.phase_ns
    tolerance_ns = steady_ns(interval_ns) if template.tolerance_ns is None else template.tolerance_ns
    read, off, faster = 0.0, 0.0, 0.0
    for survey in surveys:
        marks = survey.marks
        read += marks.epochs
        if is_faster(survey.interval_ns, interval_ns):
            faster += marks.epochs
        elif marks.epochs:
            off += marks.epochs * float(np.mean(abs(offsets_ns(marks.times_ns, interval_ns, phase_ns)) > tolerance_ns))
    lost = {Reason.OFF_GRID: off, Reason.FASTER_THAN_GRID: faster}
    return {reason: epochs / read for reason, epochs in lost.items() if epochs}


def _check_fits(interval_ns: int, phase_ns: int, tolerance_ns: int) -> None:
    """What the settings check themselves where they have the interval too."""
    found = f"the interval of the sample, {interval_ns / SECOND_NS:g} s"
    if phase_ns >= interval_ns:
        raise ConfigError(f"grid.phase_s ({phase_ns / SECOND_NS:g}) should be less than {found}")
    if 2 * tolerance_ns >= interval_ns:
        raise ConfigError(f"grid.tolerance_s ({tolerance_ns / SECOND_NS:g}) should be less than half of {found}")


def _most_frequent(receiver: str, surveys: Iterable[FileSurvey]) -> int:
    counts = Counter(survey.interval_ns for survey in surveys if survey.interval_ns)
    setting = f"set archive.receivers.{receiver}.grid.interval_s"
    if not counts:
        msg = f"no file of the sample tells its interval; {setting}"
        raise PlanError([msg])
    interval_ns = min(counts, key=lambda step: (-counts[step], step))
    if DAY_NS % interval_ns:
        msg = f"an interval of {interval_ns / SECOND_NS:g} s does not divide a day; {setting} to one that does"
        raise PlanError([msg])
    return interval_ns


def _plausible_ns(result: ReadFile, span: Span) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    times_ns = np.sort(np.concatenate([part.time_100ns * 100 for part in result.parts]))
    first, last = np.searchsorted(times_ns, (span.first_ns, span.last_ns + 1))
    return times_ns[first:last]


def _some(times_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Epochs drawn evenly and at random, the same ones every time: every nth would hide what alternates."""
    if times_ns.size <= _KEPT_EPOCHS:
        return times_ns
    drawn = np.random.default_rng(0).choice(times_ns.size, _KEPT_EPOCHS, replace=False)
    return times_ns[np.sort(drawn)]
