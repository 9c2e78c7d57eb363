"""Vod: the kind of job that brings the analyses of a site up to its observations."""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from gnssice_batch import config
from gnssice_batch.canopy.plan import memory_bytes
from gnssice_batch.canopy.planning import Earlier, VodPlans, plan_all
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.coordinator import coordinate
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.making import made_before
from gnssice_batch.job.proof import Level
from gnssice_batch.job.resume import Resumed, resume
from gnssice_batch.job.start import Start
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.job.vod_report import VodReport
from gnssice_batch.job.vod_results import publication_of, report_of, up_to_date_report
from gnssice_batch.job.vod_units import VodUnits, made_of
from gnssice_batch.job.work import Begun, Work
from gnssice_batch.log import logger
from gnssice_batch.model.values import FileOutcome
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.structure import Structure
from gnssice_batch.store.writing.vod_publish import VodPublication

_MESSAGE_LENGTH = 200
_log = logger(__name__)


def vod(
    settings: config.Settings,
    progress: Progress | None = None,
    *,
    analyses: Iterable[str] = (),
    everything: bool = False,
) -> VodReport:
    """Bring the vod repository up to the observations and orbit files: at most one commit.

    A run that died is gone on with when it is started again with the same settings; what it had finished is not made
    again.

    Parameters
    ----------
    analyses
        Names of analyses; empty: all.
    everything
        Make all units again.

    Raises
    ------
    GnssiceError
        When the run stops; nothing of it is visible in the store then.
    """
    chosen = tuple(sorted(analyses))
    target = target_of(settings, product=VOD.product)
    target = replace(target, identity=_identity(target.identity, chosen, everything=everything))
    return coordinate(_Vod(target, settings, chosen, everything), settings, progress)


def _identity(settings: str, analyses: tuple[str, ...], *, everything: bool) -> str:
    """Starts that are told the same go on with one run."""
    return " ".join([settings, *analyses, *(["--full"] if everything else [])])


@dataclass(frozen=True, slots=True)
class _Vod:
    """What a vod run is told."""

    target: Target
    settings: config.Settings
    only: tuple[str, ...]
    everything: bool

    @property
    def level(self) -> Level:
        """How much is proven."""
        return self.settings.run.verify

    def resume(self, repository: Repository, branch: str, journal: Journal) -> Resumed:
        """What an earlier start has made that still holds."""
        return resume(repository, branch, journal)

    def plan(self, start: Start, execution: Execution) -> "_Planned":
        """Hold observations and orbit files against what is made."""
        execution.progress.stage("plan", 0)
        earlier = _earlier(start.resumed)
        found = plan_all(
            self.settings,
            start.repository,
            self.target.branch,
            earlier,
            only=self.only,
            everything=self.everything,
        )
        start.check_tag(found.head)
        return _Planned(self, found)

    def ended(self, report: VodReport, execution: Execution) -> None:
        """Count what the report says, and say of canopies that they were moved."""
        for name, one in report.analyses.items():
            if one.moved:
                _log.warning("%s: %s", name, one.moved)
        execution.progress.settle({}, report.bytes_read)


def _earlier(resumed: Resumed) -> Earlier:
    """What an earlier start has decided that what is to be made now has to agree with."""
    snapshots = {made_of(done.outcome).snapshot for done in resumed.done.values()}
    orbits = {(file, row) for done in resumed.done.values() for file, row in zip(done.files, done.rows, strict=True)}
    ordered = tuple(sorted(orbits, key=lambda each: (each[1], each[0].uri)))
    return Earlier(min(snapshots, default=""), ordered, resumed.templates)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A vod run before anything is written."""

    kind: _Vod
    found: VodPlans
    refused: tuple[FileOutcome, ...] = ()

    @property
    def head(self) -> str | None:
        """Snapshot that it was planned on."""
        return self.found.head

    @property
    def idle(self) -> bool:
        """Whether no unit is to be made."""
        return self.found.idle

    @property
    def task_memory_bytes(self) -> int:
        """What a unit takes at most."""
        return memory_bytes(self.found.plans)

    def base(self, repository: Repository) -> str:
        """Snapshot that the structure is made on."""
        return self.found.head or repository.head()

    def up_to_date(self, run: str) -> VodReport:
        """What a run has to say that had nothing to do."""
        return up_to_date_report(self.found, self.kind.target.url, run)

    def begin(self, aside: Aside, begun: Future[Begun], resumed: Resumed) -> "_Making":
        """Begin, from what an earlier start has left."""
        work = Work(
            aside,
            begun,
            done=dict(resumed.done),
            making=made_before(resumed.structure) if resumed.structure else None,
            resumed=len(resumed.done),
        )
        return _Making(VodUnits(self.found, self.kind.level, work, dict(resumed.templates)))


@dataclass(slots=True)
class _Making:
    """A vod run that computes and writes."""

    units: VodUnits

    @property
    def work(self) -> Work:
        """What is done so far."""
        return self.units.work

    def make(self, execution: Execution) -> Structure:
        """Make the structure, then every unit."""
        return self.units.make(execution)

    def prove(self, execution: Execution) -> bool:
        """Compute again as many units as were asked for; whether any was written."""
        return self.units.prove(execution)

    def change(self, structure: Structure) -> VodPublication:
        """Everything that is published."""
        return publication_of(self.units, structure)

    def report(self, snapshot: str | None) -> VodReport:
        """What became of the run."""
        return report_of(self.units, snapshot)
