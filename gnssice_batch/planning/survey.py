"""The survey of a new receiver: sampling, signals, GLONASS channels found in a sample of its files."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gnssice_batch.errors import PlanError
from gnssice_batch.ingest.reading import ReadContext, interval_100ns, read_file
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import FileOutcome, SourceFile, Status

_NICE_NS = 10_000_000
_PHASE_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class FileSurvey:
    """What one file says of its receiver."""

    outcome: FileOutcome
    sids: frozenset[str]
    interval_ns: int
    """Most frequent step between epochs, rounded to 10 ms from 10 ms on; 0 where there are fewer than two epochs."""
    phase_ns: int
    """Median distance of the epochs from whole intervals of GPS time, rounded to 1 ms."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a group's grid is made from."""

    interval_ns: int
    phase_ns: int


def sample(files: Sequence[SourceFile], count: int) -> tuple[SourceFile, ...]:
    """Evenly spaced files of a receiver, the first and the last by promised time among them."""
    ordered = sorted(files, key=lambda file: (file.start_ns or 0, file.uri))
    chosen = np.unique(np.linspace(0, len(ordered) - 1, min(count, len(ordered))).astype(int))
    return tuple(ordered[index] for index in chosen.tolist())


def survey_file(file: SourceFile, context: ReadContext) -> FileSurvey:
    """Read one file whole; a refused one says nothing but why."""
    result = read_file(file, context)
    outcome = FileOutcome(file, result.status, result.facts, result.refusal)
    if result.status is Status.REJECTED:
        return FileSurvey(outcome, frozenset(), 0, 0)
    step_ns = interval_100ns(result.parts) * 100
    interval_ns = round(step_ns / _NICE_NS) * _NICE_NS if step_ns >= _NICE_NS else step_ns
    return FileSurvey(outcome, result.sids, interval_ns, _phase_ns(result.parts[0].time_100ns * 100, interval_ns))


def sampling(
    receiver: str, surveys: Iterable[FileSurvey], interval_ns: int | None, phase_ns: int | None, tolerance_ns: int
) -> Sampling:
    """Interval and phase of a new group: the settings' where they say so, else what most surveyed files have.

    Parameters
    ----------
    interval_ns, phase_ns
        What the settings say; None is to be found.
    tolerance_ns
        A phase no larger than this is no phase.

    Raises
    ------
    PlanError
        When neither settings nor files tell the interval.
    """
    found = [survey for survey in surveys if survey.interval_ns]
    if interval_ns is None:
        if not found:
            msg = f"{receiver}: no file tells its interval; set archive.receivers.{receiver}.grid.interval_s"
            raise PlanError([msg])
        counts = Counter(survey.interval_ns for survey in found)
        interval_ns = min(counts, key=lambda step: (-counts[step], step))
    if phase_ns is None:
        phases = Counter(survey.phase_ns % interval_ns for survey in found)
        phase_ns = min(phases, key=lambda phase: (-phases[phase], phase)) if phases else 0
        if min(phase_ns, interval_ns - phase_ns) <= tolerance_ns:
            phase_ns = 0
    return Sampling(interval_ns, phase_ns)


def channels(surveys: Iterable[FileSurvey]) -> Mapping[str, int]:
    """GLONASS channels of all headers; where they contradict each other the last one by promised time stays."""
    ordered = sorted(surveys, key=lambda survey: survey.outcome.file.start_ns or 0)
    return {sv: channel for survey in ordered for sv, channel in survey.outcome.facts.channels.items()}


def _phase_ns(time_ns: np.ndarray[tuple[int], np.dtype[np.int64]], interval_ns: int) -> int:
    if not interval_ns:
        return 0
    near_first = (time_ns - time_ns[0] + interval_ns // 2) % interval_ns - interval_ns // 2
    phase = int(time_ns[0]) + int(np.median(near_first))
    rounded = round(phase / _PHASE_NS) * _PHASE_NS if interval_ns >= SECOND_NS // 10 else phase
    return rounded % interval_ns
