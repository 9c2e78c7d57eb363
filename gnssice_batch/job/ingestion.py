"""The work of a run so far, with what it has learned from it."""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from gnssice_batch.job.aside import Aside
from gnssice_batch.job.killed import killed
from gnssice_batch.job.making import made_before
from gnssice_batch.job.prepare import Prepared
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.surveying import true_span
from gnssice_batch.job.work import Begun, Work
from gnssice_batch.model.sharing import with_files
from gnssice_batch.model.template import GroupTemplate, grown_axis
from gnssice_batch.model.values import Assignment, Done, FileOutcome, PartitionOutcome, SourceFile, Span, Status
from gnssice_batch.planning.plan import Learned


@dataclass(slots=True)
class Ingestion(Work):
    """What a run has done so far; partitions that met unknown signals do not count as done."""

    spans: dict[str, Span | None] = field(default_factory=dict)
    """True span per file that was read."""
    sids: dict[str, frozenset[str]] = field(default_factory=dict)
    """Per receiver the signals that its axis lacked."""
    channels: dict[str, dict[str, int]] = field(default_factory=dict)
    """Per receiver the GLONASS channels that the headers of its files give."""
    templates: dict[str, GroupTemplate] = field(default_factory=dict)
    """Receiver to its group as it is planned, and as the structure makes it where that is needed."""
    rejected: dict[str, dict[str, FileOutcome]] = field(default_factory=dict)
    """By partition and URI the files that were refused in it; no later plan has them."""
    read: dict[str, FileOutcome] = field(default_factory=dict)
    """By URI what became of files in partitions that no later plan has."""
    implausible: frozenset[str] = frozenset()
    """URIs of the files that lie an absurd distance from the other data of their receiver."""
    readers: dict[str, str] = field(default_factory=dict)
    """By URI the worker that has read a file and may have kept it."""

    def learn(self, receiver: str, outcome: PartitionOutcome) -> None:
        """Take down what reading the files of a partition has shown."""
        self.spans.update({part.file.uri: true_span(part) for part in outcome.files})
        self.sids[receiver] = self.sids.get(receiver, frozenset()).union(outcome.unknown_sids)
        channels = self.channels.setdefault(receiver, {})
        for part in outcome.files:
            channels.update(part.facts.channels)

    def note_rejected(self, outcome: PartitionOutcome) -> None:
        """Take down the files that were refused in a partition, whatever becomes of it."""
        rejected = {part.file.uri: part for part in outcome.files if part.status is Status.REJECTED}
        if rejected:
            self.rejected.setdefault(outcome.key, {}).update(rejected)

    def note_deadly(self, key: str, files: Iterable[SourceFile]) -> None:
        """Take down the files of a partition that kill whoever reads them: no later plan has them."""
        for file in files:
            self.spans[file.uri] = None
            self.rejected.setdefault(key, {})[file.uri] = killed(file, "this file", (key,))

    def with_rejected(self, outcome: PartitionOutcome) -> PartitionOutcome:
        """The outcome with the files that an earlier round refused, so that the journal answers for them too."""
        met = {part.file.uri for part in outcome.files}
        earlier = [part for uri, part in self.rejected.get(outcome.key, {}).items() if uri not in met]
        return replace(outcome, files=(*outcome.files, *earlier), document=b"") if earlier else outcome

    @property
    def learned(self) -> Learned:
        """What the next plan has to know."""
        parts = (part for done in self.done.values() for part in done.outcome.files)
        taken = frozenset(part.file.uri for part in parts if part.written.epochs)
        return Learned(self.spans, self.sids, taken)

    def grown(self, template: GroupTemplate) -> GroupTemplate:
        """A group with the signals it lacked; GLONASS channels that it has stored stay as they are."""
        axis = grown_axis(template.axis, self.sids.get(template.receiver, frozenset()))
        return replace(template, axis=axis, channels={**self.channels.get(template.receiver, {}), **template.channels})

    def note_done(self, assignment: Assignment, outcome: PartitionOutcome) -> None:
        """Journal a partition that was written, and keep it."""
        done = finished_partition(assignment, self.with_rejected(outcome))
        self.journal.keep(done)
        self.done[outcome.key] = replace(done, outcome=with_files(replace(done.outcome, document=b""), done.files))

    def forget(self, done: Done) -> None:
        """Take a partition out again that does not fit the plan any more."""
        key = done.partition.key
        self.note_rejected(done.outcome)
        self.read.update({part.file.uri: part for part in done.outcome.files})
        del self.done[key]
        self.journal.drop(key)


def ingestion_of(aside: Aside, begun: Future[Begun], prepared: Prepared, resumed: Resumed) -> Ingestion:
    """The work as an earlier start has left it, its findings learned again."""
    work = Ingestion(
        aside,
        begun,
        spans=dict(prepared.learned.spans),
        done=dict(resumed.done),
        templates=dict(resumed.templates),
        making=made_before(resumed.structure) if resumed.structure else None,
        resumed=len(resumed.done),
        readers={survey.outcome.file.uri: survey.worker for survey in prepared.surveys if survey.worker},
    )
    for done in resumed.done.values():
        work.learn(done.partition.receiver, done.outcome)
    return work


def finished_partition(assignment: Assignment, outcome: PartitionOutcome) -> Done:
    """What is kept of a partition that was written."""
    axis = assignment.axis
    named = set(assignment.files)
    files = (*assignment.files, *(part.file for part in outcome.files if part.file not in named))
    origin_ns, rows = assignment.grid.origin_ns, assignment.rows
    return Done(assignment.partition, origin_ns, len(axis.sids), axis.digest, files, rows, outcome)
