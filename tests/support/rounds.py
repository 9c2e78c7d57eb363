"""A run of a few files in write units of six hours each, whose tasks do what a test tells them to."""

from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

from distributed import KilledWorker

from gnssice_batch.archive.listing import ArchiveAccess, Listing
from gnssice_batch.cluster.executor import Finished, InProcess
from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.ingest.opening import Later
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.job.counting import Counting
from gnssice_batch.job.execution import Execution, NoProgress
from gnssice_batch.job.ingestion import Ingestion
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.prepare import Prepared, plan_all
from gnssice_batch.job.work import Begun
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.values import (
    FileFacts,
    FileOutcome,
    Overlap,
    PartitionOutcome,
    Refusal,
    SourceFile,
    Span,
    Status,
    Tally,
)
from gnssice_batch.planning.backlog import Backlog
from gnssice_batch.planning.breaker import BreakerLimits
from gnssice_batch.planning.plan import Learned
from gnssice_batch.rinex import ReadOptions
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.writing.structure import stage, staging_branch
from tests.support.templates import DAY_ONE_NS, UNIT, template

HOUR_NS = 3600 * SECOND_NS
UNIT_NS = UNIT * 30 * SECOND_NS
ANY = BreakerLimits(1000, 1.0)
"""Limits that stop no run."""
NEW = replace(template(), grid=empty_grid(30 * SECOND_NS, 0, UNIT, DAY_ONE_NS))
"""A group that is not there yet."""


def file(unit, receiver="rec", hours=1):
    """A file of the first hour of a write unit, named after it."""
    start_ns = DAY_ONE_NS + unit * UNIT_NS
    return SourceFile(f"{receiver}/{unit}", receiver, 10, "", start_ns, start_ns + round(hours * HOUR_NS))


def key(unit, receiver="rec"):
    """Key of the partition of a write unit."""
    return f"{receiver}.2025{1 + unit // 4:03d}T{unit % 4 * 6:02d}0000"


def part(one, status=Status.OK, reason=Reason.EMPTY, **facts):
    """What became of a file: it holds what its name promises."""
    refusal = Refusal(reason) if status is Status.REJECTED else None
    span = Span(one.start_ns, one.end_ns - 30 * SECOND_NS)
    return FileOutcome(one, status, FileFacts(span=span, **facts), refusal, Tally(*[int(refusal is None)] * 2))


def outcome(assignment, *parts, unknown=()):
    """What a worker gives back that has written what it was given, or has met unknown signals."""
    parts = parts or tuple(part(one) for one in assignment.files)
    fork, units = (None, ()) if unknown else (b"fork", tuple(assignment.partition.stored_units))
    return PartitionOutcome(
        assignment.partition.key, fork, parts, written_units=units, unknown_sids=unknown, bytes_read=10
    )


@dataclass
class Worker:
    """Makes partitions as told by their keys, then as planned; notes what it was given."""

    told: dict = field(default_factory=dict)
    """Key to what is to be done in turn with an assignment: its outcome, or an error."""
    calls: list = field(default_factory=list)
    """Key, number of signals, and how the fork was given: ``at once``, ``later`` or the bytes of it."""

    def __call__(self, assignment, fork, context):
        given = ("at once" if fork.at_once else "later") if isinstance(fork, Later) else fork
        self.calls.append((assignment.partition.key, len(assignment.axis.sids), given))
        self.context = context
        steps = self.told.get(assignment.partition.key)
        found = steps.pop(0)(assignment) if steps else outcome(assignment)
        if found.fork and isinstance(fork, Later):
            assert fork.give()
        return found


class Elsewhere(InProcess):
    """Tasks on a worker that is not this process, as far as anybody is told; some kill it as often as is said."""

    here = False

    def __init__(self, kills=None):
        self.kills, self.near = dict(kills or {}), {}

    def run(self, tasks):
        for task in tasks:
            self.near[task.key] = task.near
            if self.kills.get(task.key, 0):
                self.kills[task.key] -= 1
                yield Finished(task.key, error=KilledWorker(task.key, SimpleNamespace(address="tcp://one"), 3))
                continue
            (finished,) = super().run([task])
            yield replace(finished, worker="" if finished.error else "tcp://one")

    def memory_bytes(self):
        return 7

    def renewed(self):
        return "tcp://renewed"


class Stages(NoProgress):
    """Keeps what is told."""

    def __init__(self):
        self.stages, self.tasks, self.counts = [], [], None

    def stage(self, name, tasks):
        self.stages.append((name, tasks))

    def finished(self, key, size_bytes):
        self.tasks.append((key, size_bytes))

    def counted(self, counts):
        self.counts = counts


def execution(tasks=None):
    """Tasks in this process, or as given; what is told is in its `told`."""
    told = Stages()
    return Execution(tasks or InProcess(), 1, Counting(told), Stop()), told


def prepared(folder, *files, templates=None, surveys=(), refused=(), **more):
    """A run that takes these files, planned."""
    receivers = {one.receiver: tuple(each for each in files if each.receiver == one.receiver) for one in files}
    templates = {name: replace(NEW, receiver=name) for name in receivers} | (templates or {})
    backlog = Backlog(
        Listing(files, ()), None, {}, receivers, 0, dict.fromkeys(refused), dict.fromkeys(receivers, Overlap()), ""
    )
    bounds = dict.fromkeys(receivers, Bounds(0, DAY_ONE_NS + 1000 * DAY_NS, 0))
    context = ReadContext(ArchiveAccess(Folder(str(folder / "archive"))), ReadOptions(), bounds)
    units = dict.fromkeys(receivers, 1)
    unplanned = Prepared(replace(backlog, **more), surveys, templates, units, Learned(), context, ())
    return replace(unplanned, plans=plan_all(unplanned, Learned()))


def ingestion(aside, repository, journal, *, staged=True):
    """The work of a new run; without a staging branch of one that an earlier start has left a structure of."""
    begun = Future()
    branch = stage(repository, repository.head(), staging_branch(journal.record.run, 0)) if staged else None
    begun.set_result(Begun(repository, journal, branch))
    return Ingestion(aside, begun)
