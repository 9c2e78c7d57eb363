"""Which marker the files of a receiver have to have, where the settings allow one only."""

from collections.abc import Iterable, Mapping

from gnssice_batch.ingest.reading import other_marker
from gnssice_batch.model.markers import counted_markers, main_marker
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import FileOutcome, Status
from gnssice_batch.planning.backlog import Backlog
from gnssice_batch.planning.rules import Rules
from gnssice_batch.planning.survey import FileSurvey, rejected
from gnssice_batch.store.layout.ledger import Ledger


def wanted_markers(
    rules: Rules, backlog: Backlog, known: Mapping[str, GroupTemplate], surveys: Iterable[FileSurvey]
) -> dict[str, str]:
    """Receiver to the only marker its files may have; empty where the settings allow several.

    It is the one that the group was made with, else that of most files in the ledger, else that of most in the sample.
    """
    if not rules.archive.one_marker:
        return {}
    sample: dict[str, list[str]] = {}
    readable = (survey for survey in surveys if survey.outcome.status is not Status.REJECTED)
    for survey in sorted(readable, key=lambda survey: survey.outcome.file.uri):
        sample.setdefault(survey.outcome.file.receiver, []).append(survey.outcome.facts.marker)
    return {
        receiver: _made_with(known.get(receiver))
        or main_marker(backlog.ledger(receiver).markers().values())
        or main_marker(sample.get(receiver, ()))
        for receiver in backlog.files
    }


def made_with(rules: Rules, templates: Mapping[str, GroupTemplate]) -> dict[str, str]:
    """Receiver to the marker that its group was made with; empty where the settings allow several."""
    if not rules.archive.one_marker:
        return {}
    return {receiver: _made_with(template) for receiver, template in templates.items()}


def with_one_marker(surveys: Iterable[FileSurvey], wanted: Mapping[str, str]) -> tuple[FileSurvey, ...]:
    """The surveys, those of files with another marker than the wanted one as rejected."""
    return tuple(_checked(survey, wanted.get(survey.outcome.file.receiver, "")) for survey in surveys)


def receiver_markers(ledger: Ledger, outcomes: Iterable[FileOutcome]) -> dict[str, int]:
    """Files by marker of a receiver, of earlier runs and of these outcomes, without those that were rejected."""
    markers = ledger.markers()
    markers |= {one.file.uri: one.facts.marker for one in outcomes if one.status is not Status.REJECTED}
    return counted_markers(markers.values())


def _made_with(template: GroupTemplate | None) -> str:
    return str(template.attributes.get("marker", "")) if template else ""


def _checked(survey: FileSurvey, wanted: str) -> FileSurvey:
    """The survey, rejected if its file has another marker; one of several stations is left to its partition."""
    outcome = survey.outcome
    refusal = other_marker(outcome.facts, wanted)
    if refusal is None or outcome.status is Status.REJECTED or refusal.reason in outcome.facts.refused:
        return survey
    return rejected(survey, refusal)
