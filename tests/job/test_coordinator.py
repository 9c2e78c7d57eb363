"""The phases of a job of any kind: what each is told, what stops it, and what it leaves."""

from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from gnssice_batch import config
from gnssice_batch.errors import ConfigError, InterruptedRunError, RunConflictError, StoreError
from gnssice_batch.job import coordinator
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.coordinator import BASE_MEMORY_BYTES, coordinate
from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.journal import RunRecord, begin, open_journals
from gnssice_batch.job.replanning import MovedError
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.target import target_of
from gnssice_batch.job.vod_report import VodReport
from gnssice_batch.job.work import Begun, Work
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.traffic import TRAFFIC, Traffic
from gnssice_batch.store.repository import open_existing, open_repository
from gnssice_batch.store.writing.structure import Structure, StructureChange, make_structure, staging_branch
from tests.support.templates import template

MIB = 1 << 20
STRUCTURE = Structure("BASE", "staging", b"change", b"fork", {})
RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")


class Stages(NoProgress):
    """Keeps the stages that are told, and the name of the run."""

    def __init__(self):
        self.stages, self.runs = [], set()

    def stage(self, name, tasks):
        self.stages.append((name, tasks))

    def counted(self, counts):
        self.runs.add(counts.run)


@dataclass
class Small:
    """A job that plans nothing, or makes nothing, as told: its own kind, plan and course."""

    target: object
    idle: bool = False
    proven: bool = False
    head: str | None = None
    task_memory_bytes: int = 0
    refused: tuple = ()
    stop_while_planning: bool = False
    ended_with: tuple = ()
    told: object = None

    def resume(self, *_):
        return Resumed()

    def plan(self, start, execution):
        execution.stop.requested = self.stop_while_planning
        self.start = start
        return self

    def base(self, repository):
        return repository.head()

    def up_to_date(self, run):
        return VodReport(run, self.target.url, None)

    def begin(self, aside, begun, resumed):
        self.aside, self.begun, self.resumed = aside, begun, resumed
        return self

    def make(self, execution):  # noqa: ARG002 - the coordinator gives it
        TRAFFIC.note("GET", 3)
        assert self.begun.result().repository
        return STRUCTURE

    def prove(self, execution):  # noqa: ARG002 - the coordinator gives it
        return self.proven

    def change(self, structure):
        return structure

    def report(self, snapshot):
        return VodReport(self.start.run, self.target.url, snapshot, partitions=1)

    def ended(self, report, execution):
        self.ended_with = (report, dict(execution.used))

    @property
    def work(self):
        return Work(self.aside, self.begun)


@pytest.fixture
def settings(tmp_path):
    def made(**run):
        return config.Settings.model_validate(
            {
                "site": "site",
                "archive": {"url": str(tmp_path / "archive"), "layout": "{receiver}/**"},
                "store": {"url": str(tmp_path / "stores")},
                "run": {"report_url": str(tmp_path / "reports"), **run},
            }
        )

    return made


def small(chosen, **more):
    return Small(target_of(chosen), **more)


def test_a_job_with_nothing_to_do_says_so_and_keeps_its_report(settings, tmp_path):
    chosen, told = settings(), Stages()
    kind = small(chosen, idle=True)
    report = coordinate(kind, chosen, told)
    assert (report.run, report.snapshot, report.tagged) == (kind.start.run, None, None)
    assert told.runs == {"", kind.start.run} - {""}
    assert kind.ended_with[0].run == report.run
    assert 0 < report.seconds < 600
    assert [path.name for path in (tmp_path / "reports").iterdir()] == [f"{report.run.partition('-')[0]}.json"]
    assert open_existing(kind.target.location) is None


def test_the_report_says_what_this_process_has_asked_for_at_last(settings):
    chosen = settings()
    TRAFFIC.take()
    kind = small(chosen)
    report = coordinate(kind, chosen)
    assert report.used == {"": Traffic({"GET": 3})}
    assert kind.ended_with[1] == report.used


def test_a_job_that_has_nothing_to_publish_leaves_the_head_where_it_is_and_no_journal(settings):
    chosen, told = settings(), Stages()
    kind = small(chosen)
    report = coordinate(kind, chosen, told)
    repository = open_existing(kind.target.location)
    assert (report.snapshot, report.partitions, report.tagged) == (None, 1, None)
    assert told.stages == []
    assert len(list(repository.handle.ancestry(branch="main"))) == 1
    assert open_journals(kind.target.journals) == ()


@pytest.mark.parametrize("idle", [True, False])
def test_a_tag_is_given_to_the_head_where_nothing_is_published(settings, idle):
    chosen = settings(tag="v1")
    kind = small(chosen, idle=idle)
    kind.head = open_repository(kind.target.location, kind.target.options).head()
    assert coordinate(kind, chosen).tagged == kind.head
    assert open_existing(kind.target.location).handle.lookup_tag("v1") == kind.head


@pytest.mark.parametrize(("tag", "given"), [("v1", "NEW"), (None, None)])
def test_what_is_published_is_said_with_its_tag(settings, monkeypatch, tag, given):
    chosen, told, published = settings(tag=tag), Stages(), []
    kind = small(chosen, proven=True)
    monkeypatch.setattr(coordinator, "_published", lambda *arguments: published.append(arguments) or "NEW")
    report = coordinate(kind, chosen, told)
    assert (report.snapshot, report.tagged) == ("NEW", given)
    assert told.stages == [("publish", 0)]
    assert published[0][::2] == (kind.target, STRUCTURE)


def test_a_job_that_is_told_to_stop_while_it_plans_begins_nothing(settings):
    chosen = settings()
    kind = small(chosen, stop_while_planning=True)
    with pytest.raises(InterruptedRunError):
        coordinate(kind, chosen)
    assert open_existing(kind.target.location) is None


def test_work_that_was_held_against_another_head_is_planned_again(settings, monkeypatch):
    """The branch moved between the look at the journal and the plan."""
    chosen = settings()
    kind, told = small(chosen, head="HEAD"), Stages()
    heads = iter(["BEFORE", "HEAD"])

    @contextmanager
    def start_of(target, stop, resume):
        with whole(target, stop, resume) as start:
            start.resumed = Resumed(head=next(heads))
            yield start

    whole = coordinator.start_of
    monkeypatch.setattr(coordinator, "start_of", start_of)
    monkeypatch.setattr("gnssice_batch.job.replanning._JITTER_S", 0)
    coordinate(kind, chosen, told)
    assert told.stages == [("planning again, another run published first", 0)]


def test_a_task_that_can_t_fit_is_not_begun(settings, monkeypatch):
    chosen = settings()
    monkeypatch.setattr("gnssice_batch.cluster.executor.InProcess.memory_bytes", lambda _: BASE_MEMORY_BYTES)
    with pytest.raises(ConfigError):
        coordinate(small(chosen, task_memory_bytes=1), chosen)


@pytest.mark.parametrize(
    ("limit", "task_bytes"), [(None, 1 << 50), (BASE_MEMORY_BYTES + MIB, MIB), (BASE_MEMORY_BYTES + MIB, 0)]
)
def test_a_task_that_fits_into_what_a_worker_may_use_may_begin(limit, task_bytes):
    coordinator._check_memory(task_bytes, SimpleNamespace(memory_bytes=lambda: limit))


def test_what_does_not_fit_is_told_with_both_sizes_and_what_to_change():
    with pytest.raises(ConfigError, match=r"about 360 MiB and a worker may use 359 MiB: raise cluster\.memory_limit"):
        coordinator._check_memory(10 * MIB, SimpleNamespace(memory_bytes=lambda: 359 * MIB))


@pytest.fixture
def journal(tmp_path):
    with begin(Folder(str(tmp_path / "runs")), RECORD) as journal:
        journal.keep_structure(STRUCTURE)
        yield journal


def working(journal, repository=None):
    begun = Future()
    begun.set_result(Begun(repository, journal, None))
    return begun


TORN = DamagedError([Damage("rec", "SNR", 0, None, "missing")])


@pytest.mark.parametrize(("error", "kept"), [(TORN, None), (StoreError("full"), STRUCTURE)])
def test_a_structure_made_on_a_damaged_version_is_forgotten(journal, error, kept):
    def make(_):
        raise error

    underway = SimpleNamespace(make=make, work=Work(None, working(journal)))
    with pytest.raises(type(error)):
        coordinator._made(underway, None)
    assert journal.structure() == kept


@pytest.fixture
def work(journal, tmp_path):
    with Aside() as aside:
        yield Work(aside, working(journal, open_repository(str(tmp_path / "site" / "rinex"))))


def change(repository, *, moved=False):
    """A new group without any epoch; it does not fit the head, as told."""
    made = StructureChange((template(),), "rinex3")
    return SimpleNamespace(
        run=RECORD.run,
        structure=make_structure(repository, repository.head(), staging_branch(RECORD.run, 0), made),
        forks=(),
        source_format="rinex3",
        message="nothing",
        metadata={},
        misfits=lambda *_: ["it moved"] if moved else [],
        differences=lambda _: [],
        completing=lambda _: dict,
    )


@pytest.fixture
def target(settings):
    return replace(target_of(settings()), tag="v1")


@pytest.mark.parametrize("tag", ["v1", None])
def test_a_run_is_published_and_tagged(work, target, tag):
    snapshot = coordinator._published(replace(target, tag=tag), work, change(work.repository))
    handle = work.repository.handle
    assert snapshot == work.repository.head()
    assert {name: handle.lookup_tag(name) for name in handle.list_tags()} == ({tag: snapshot} if tag else {})


def test_a_run_that_does_not_fit_the_head_any_more_is_planned_again(work, target):
    with pytest.raises(MovedError, match="it moved") as raised:
        coordinator._published(target, work, change(work.repository, moved=True))
    assert raised.value.run == RECORD.run
    assert work.repository.handle.list_tags() == set()


@pytest.mark.parametrize("moved", [False, True])
def test_a_run_that_another_has_taken_is_neither_published_nor_planned_again(work, target, journal, moved):
    journal.remove()
    with pytest.raises(RunConflictError, match="given up or published") as raised:
        coordinator._published(target, work, change(work.repository, moved=moved))
    assert not isinstance(raised.value, MovedError)
    assert len(list(work.repository.handle.ancestry(branch="main"))) == 1


def test_a_run_is_published_only_with_all_of_its_journal_written(journal, work):
    waited = []
    held = replace(
        journal, at_work=replace(journal.at_work, writer=SimpleNamespace(flush=lambda *_: waited.append("written")))
    )
    mine = Work(work.aside, working(held))
    beat = journal.lease()
    coordinator._held(mine)
    assert waited == ["written"]
    assert journal.lease().token == beat.token
    journal.folder.remove("lease.json")
    with pytest.raises(RunConflictError):
        coordinator._held(mine)
