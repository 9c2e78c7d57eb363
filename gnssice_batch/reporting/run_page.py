"""The page of a run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from gnssice_batch.archive.skipped import by_kind
from gnssice_batch.job.report import RunReport, all_reasons, misdated_files, refused_files, summary
from gnssice_batch.model.grid import LAST_NS
from gnssice_batch.model.values import FileOutcome
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.reporting import drawing
from gnssice_batch.reporting.files import reason_counts
from gnssice_batch.reporting.page import page

_MOST_FILES: Final = 500
"""Of any kind that are named."""


@dataclass(frozen=True, slots=True)
class _Receiver:
    """What a run did for a receiver."""

    receiver: str
    summary: dict[str, object]
    strip: Markup
    span: tuple[int, int] | None
    """First and last epoch of what it read."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """A file that did not end ``ok``, as the list of such files shows it."""

    file: str
    receiver: str
    status: str
    reasons: dict[str, int]
    detail: str
    line: int
    first_bytes: str
    older_reader: bool = False


def run_page(report: RunReport) -> str:
    """A page that says what a run took, what it refused and why, and what it cost."""
    stretches = {receiver: list(_stretches(outcomes)) for receiver, outcomes in report.files.items()}
    times = [time for its in stretches.values() for stretch in its for time in stretch[:2]]
    ends = (min(times), max(times)) if times else (0, 1)
    refused = [_refused(outcome) for outcome in refused_files(report)]
    return page(
        "run.html",
        software=SOFTWARE,
        report=report,
        receivers=[_receiver(name, report.files[name], its, ends) for name, its in stretches.items()],
        statuses=Counter(str(each.status) for its in report.files.values() for each in its),
        colours=drawing.STATUSES,
        ends=ends if times else None,
        reasons=reason_counts((file.status, next(iter(file.reasons), ""), file.reasons) for file in refused),
        refused=refused[:_MOST_FILES],
        not_ok=len(refused),
        misdated=misdated_files(report)[:_MOST_FILES],
        skipped=by_kind(report.skipped_files),
        most=_MOST_FILES,
    )


def _receiver(
    name: str, outcomes: Sequence[FileOutcome], stretches: Sequence[tuple[int, int, str]], ends: tuple[int, int]
) -> _Receiver:
    spans = [each.facts.span for each in outcomes if each.facts.span]
    span = (min(one.first_ns for one in spans), max(one.last_ns for one in spans)) if spans else None
    return _Receiver(name, summary(outcomes), drawing.outcomes(stretches, *ends), span)


def _stretches(outcomes: Iterable[FileOutcome]) -> Iterator[tuple[int, int, str]]:
    """Begin and end of each file, as it was read, else as its name says; left out where nothing is known."""
    for outcome in outcomes:
        span, file = outcome.facts.span, outcome.file
        if span:
            yield span.first_ns, span.last_ns, str(outcome.status)
        elif file.start_ns is not None and file.end_ns is not None and file.end_ns <= LAST_NS:
            yield file.start_ns, file.end_ns, str(outcome.status)


def _refused(outcome: FileOutcome) -> _Refused:
    refusal = outcome.refusal
    return _Refused(
        file=outcome.file.uri,
        receiver=outcome.file.receiver,
        status=str(outcome.status),
        reasons={str(reason): number for reason, number in all_reasons(outcome).items()},
        detail=refusal.detail if refusal else "",
        line=refusal.line if refusal else 0,
        first_bytes=refusal.first_bytes.decode("latin-1") if refusal else "",
    )
