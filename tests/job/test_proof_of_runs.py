"""What a run proves of the partitions that it has finished, and what becomes of those that are wrong."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import pytest
import zarr

from gnssice_batch.errors import ArchiveError, InterruptedRunError, StoreError
from gnssice_batch.job import run as runs
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.execution import NoProgress, execution
from gnssice_batch.job.ingestion import Ingestion
from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.making import made_before
from gnssice_batch.job.proof import drawn, prove, proved
from gnssice_batch.job.report import Proof
from gnssice_batch.job.run import run
from gnssice_batch.job.work import Begun
from gnssice_batch.model.values import Strategy
from gnssice_batch.planning.rewriting import Rewriting
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.verification.rereading import Compared
from tests.support.runs import DAY_ONE_S, DAY_S, rinex, settings, write

RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")
DAYS = ("rec.2025001T000000", "rec.2025002T000000")
HOURLY = {"grid": {"interval_s": 3600, "phase_s": 0}, "chunks": {"epoch": 24}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What a run has made of a day of three hours, and one of two: settings, work, context, structure."""
    folder, met = tmp_path_factory.mktemp("made"), []
    chosen, real = settings(folder, **HOURLY), runs.prove

    def proving(work, context, *rest):
        met[:] = [work, context, work.structure]
        return real(work, context, *rest)

    write(folder / "archive", {f"rec/{day}": day_of(day, 3 - day) for day in range(2)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "prove", proving)
        run(chosen)
    work, context, structure = met
    return SimpleNamespace(settings=chosen, work=work, context=context, structure=structure)


def day_of(day, hours):
    return rinex([DAY_ONE_S + day * DAY_S + 3600 * hour for hour in range(hours)])


class Told(NoProgress):
    """Notes stages, and tasks that are over; may ask the job to stop when one is."""

    def __init__(self):
        self.stages, self.over, self.stop = [], {}, None

    def stage(self, name, tasks):
        self.stages.append((name, tasks))

    def finished(self, key, size_bytes):
        self.over[key] = size_bytes
        if self.stop:
            self.stop.requested = True


class Proving:
    """A run with a journal of its own that has finished the partitions of another one."""

    def __init__(self, made, folder):
        self.made, self.told = made, Told()
        self.journal = begin(Folder(str(folder / "runs")), RECORD)
        begun: Future[Begun] = Future()
        begun.set_result(Begun(None, self.journal, None))
        self.work = Ingestion(Aside(), begun, templates=dict(made.work.templates), making=made_before(made.structure))
        for done in made.work.done.values():
            self.keep(done)

    def keep(self, done):
        self.work.done[done.partition.key] = done
        self.journal.keep(done)

    def prove(self, level="full", rewriting=None, *, stopped=False):
        with self.journal, execution(self.made.settings, self.told) as workers:
            self.told.stop = workers.stop if stopped else None
            return prove(self.work, self.made.context, level, workers, Strategy.BEST, rewriting or {})

    @property
    def journaled(self):
        return sorted(self.journal.partitions())


@pytest.fixture
def proving(made, tmp_path):
    return Proving(made, tmp_path)


def test_all_that_was_written_is_compared_and_counted(proving):
    sizes = {done.partition.key: done.files[0].size_bytes for done in proving.work.done.values()}
    empty = next(iter(proving.work.done.values()))
    proving.work.done["rec.nothing"] = replace(empty, outcome=replace(empty.outcome, written_units=()))
    proof = proving.prove()
    cells = 2 * 24 * (3 * 6 + 3)
    assert proof == Proof("full", 2, 2, files=2, epochs=5, cells=cells, readers={"plain": 2})
    assert proving.told.stages == [("verify", 2)]
    assert proving.told.over == {f"verify/{key}": size for key, size in sizes.items()}
    assert proving.journaled == [*DAYS]


def test_of_a_sample_one_partition_at_least_is_compared(proving):
    proof = proving.prove("sample")
    assert (proof.level, proof.units, proof.partitions, proof.files) == ("sample", 2, 1, 1)
    assert proving.told.stages == [("verify", 1)]


@pytest.mark.parametrize("why", ["units alone were asked for", "nothing was written", "no structure was needed"])
def test_nothing_is_compared_where(proving, why):
    if why.startswith("nothing"):
        proving.work.done.clear()
    if why.startswith("no structure"):
        proving.work.making = None
    level = "units" if why.startswith("units") else "full"
    assert proving.prove(level) == Proof(level, units=len(proving.work.done))
    assert proving.told.stages == []


def spoiled(done):
    """The partition with a value in its fork that the file does not have."""
    fork = fork_of(done.outcome.fork)
    snr = zarr.open_group(fork.store, path="rec", mode="r+")["SNR"]
    snr[done.outcome.written_units[0] * 24, :2] = 99
    return replace(done, outcome=replace(done.outcome, fork=fork_bytes(fork)))


def test_what_differs_is_taken_out_of_the_journal_and_nothing_is_published(proving):
    proving.keep(spoiled(proving.work.done[DAYS[0]]))
    with pytest.raises(StoreError) as caught:
        proving.prove()
    head, *listed = str(caught.value).split("\n")
    assert head == ("nothing was published: 2 differences between what was written and the files it is from:")
    assert [line.partition(": SNR")[0] for line in listed] == [
        f"{DAYS[0]}: rec/0: epoch 2025-01-01T00:00:00.000, {sid}" for sid in ("G01|L1|C", "G02|L1|C")
    ]
    assert proving.journaled == [DAYS[1]]


def test_files_that_have_changed_since_stop_the_run_and_are_all_named(proving):
    for done in list(proving.work.done.values()):
        (part,) = done.outcome.files
        other = replace(part, facts=replace(part.facts, sha256="00"))
        proving.keep(replace(done, outcome=replace(done.outcome, files=(other,), document=b"")))
    with pytest.raises(ArchiveError) as caught:
        proving.prove()
    assert str(caught.value).split("\n") == [
        "nothing was published: the archive has changed since it was read, start the run again:",
        "rec/0: has other content than when it was taken",
        "rec/1: has other content than when it was taken",
    ]
    assert proving.journaled == []


@pytest.mark.parametrize("again", [False, True])
def test_of_units_that_are_made_from_nothing_nothing_was_there_before(proving, made, again):
    """A worker that has kept what is there is wrong then; receivers that are not in the run do not matter."""
    done = made.work.done[DAYS[0]]
    proving.work.making = made_before(replace(made.structure, work_fork=done.outcome.fork))
    outcome = replace(done.outcome, files=(), epochs=tuple(as_before(done)))
    proving.work.done = {DAYS[0]: replace(done, files=(), rows=(), outcome=outcome)}
    start = made.work.templates["rec"].grid.origin_ns
    rewriting = {name: Rewriting(frozenset({start})) for name in ("rec", "gone")} if again else None
    if again:
        with pytest.raises(StoreError, match=r"SNR is .* in the store, nan expected"):
            proving.prove(rewriting=rewriting)
    else:
        assert proving.prove().partitions == 1


def as_before(done):
    """The epochs of a partition as they are known where their file was there before the run."""
    return (replace(rows, run_sources=rows.with_rows(done.rows)[rows.run_ends - 1]) for rows in done.outcome.epochs)


def test_a_job_that_is_told_to_stop_proves_nothing(proving):
    with pytest.raises(InterruptedRunError, match="stopped by SIGTERM"):
        proving.prove(stopped=True)
    assert proving.journaled == [*DAYS]


def test_what_was_compared_is_added_up():
    one = Compared("a", 1, 2, 3, 0, (), (), 4, {"plain": 1}, {"scale": 1}, {"ValueError": 1})
    other = Compared(
        "b", 10, 20, 30, 0, (), (), 40, {"plain": 9, "native": 1}, {"scale": 2, "sats": 3}, {"KeyError": 4}
    )
    assert proved(Proof("full", units=7), [one, other]) == Proof(
        "full", 7, 2, 11, 22, 33, {"plain": 10, "native": 1}, {"scale": 3, "sats": 3}, {"ValueError": 1, "KeyError": 4}
    )


def test_what_is_drawn_depends_on_names_alone():
    names = [f"file {number}" for number in range(50)]
    chosen = drawn(names, 5, str)
    assert chosen == drawn(reversed(names), 5, str)
    assert len(chosen) == 5
    assert chosen not in (names[:5], names[-1:-6:-1])
    assert drawn(names, 50, str)[:5] == chosen
