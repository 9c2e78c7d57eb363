"""What goes wrong where tasks run: headings of docs/failure-modes.md, in its order."""

import errno
import gzip
import threading
from types import SimpleNamespace

import icechunk
import pytest
from distributed import Client, KilledWorker, LocalCluster

from gnssice_batch import config
from gnssice_batch.cluster import executor as cluster
from gnssice_batch.cluster import retries
from gnssice_batch.cluster.dask_settings import SETTINGS
from gnssice_batch.cluster.executor import (
    Finished,
    InProcess,
    OnDask,
    Patience,
    Task,
    executor,
)
from gnssice_batch.cluster.retries import with_retries
from gnssice_batch.errors import ConfigError, GnssiceError, InterruptedRunError, Reason, StoreError
from gnssice_batch.job import rounds
from gnssice_batch.job.run import run
from gnssice_batch.planning.plan import Retry
from gnssice_batch.storage.folder import Folder
from tests.cluster.pods import IndexedJob
from tests.failures.field import journaled, settings_of
from tests.failures.processes import Cluster
from tests.failures.small import GROUP, Hook, check_as_in_one_run, hourly, rejected, site
from tests.support.runs import messages, repository, stored, write


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """No pauses between tries."""
    monkeypatch.setattr(retries, "_FIRST_PAUSE_S", 0.001)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A cluster; the last test that has it ends it."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


class TestATaskFails:
    def test_what_may_pass_is_tried_again(self, tmp_path, monkeypatch):
        ingest, calls = rounds.ingest_partition, []

        def sometimes(assignment, fork, context):
            calls.append(assignment.partition.key)
            outcome = ingest(assignment, fork, context)
            if calls.count(assignment.partition.key) < 3:
                raise TimeoutError("the storage is slow")
            return outcome

        monkeypatch.setattr(rounds, "ingest_partition", sometimes)
        files = hourly(0, 6)
        chosen = site(tmp_path, files)
        run(chosen)
        assert len(calls) == 6
        check_as_in_one_run(tmp_path, chosen, files)

    def test_what_does_not_pass_ends_the_run_until_it_is_started_again(self, tmp_path, monkeypatch):
        ingest, calls = rounds.ingest_partition, []

        def unreachable(assignment, fork, context):
            if assignment.partition.key.endswith("T120000"):
                calls.append(assignment.partition.key)
                raise ConnectionResetError("no route to the storage")
            return ingest(assignment, fork, context)

        files = hourly(0, 6, 12, 18)
        chosen = site(tmp_path, files)
        with monkeypatch.context() as patch:
            patch.setattr(rounds, "ingest_partition", unreachable)
            with pytest.raises(InterruptedRunError, match=r"T120000.*no route to the storage.*[Ss]tart again"):
                run(chosen)
        assert len(calls) == chosen.run.task_tries
        assert run(chosen).resumed == 3
        check_as_in_one_run(tmp_path, chosen, files)

    def test_anything_else_ends_the_run_and_what_was_finished_stands(self, tmp_path, monkeypatch):
        ingest = rounds.ingest_partition

        def broken(assignment, fork, context):
            if assignment.partition.key.endswith("T120000"):
                raise ValueError("a fault of ours")
            return ingest(assignment, fork, context)

        files = hourly(0, 6, 12, 18)
        chosen = site(tmp_path, files)
        with monkeypatch.context() as patch:
            patch.setattr(rounds, "ingest_partition", broken)
            with pytest.raises(GnssiceError, match="T120000"):
                run(chosen)
        assert messages(chosen) == []
        assert run(chosen).resumed == 2
        check_as_in_one_run(tmp_path, chosen, files)


class TestAWorkerIsKilled:
    def test_its_tasks_run_on_another(self, tmp_path, dask):
        files = hourly(*range(0, 96, 6))
        section = {"kind": "address", "address": dask.address, "connect_timeout_s": 60}
        chosen = site(tmp_path, files, cluster=section)
        report = run(chosen, Hook("ingest", lambda: dask.kill_worker(0), after=4))
        assert report.set_aside == ()
        check_as_in_one_run(tmp_path, chosen, files)


@pytest.mark.heavy
class TestAWorkerIsToldToStop:
    def test_it_ends_in_order_and_the_others_finish_the_run(self, tmp_path):
        files = hourly(*range(0, 96, 6))
        with IndexedJob(tmp_path, files) as job:
            leader, worker, _ = (job.pod(index) for index in (0, 1, 2))
            job.wait_for(0, "ingest: 16 files")
            worker.terminate()
            assert job.ended(worker, 1) == 0
            assert "hands back" not in job.said(1)
            assert job.ended(leader, 0) == 0
            check_as_in_one_run(tmp_path, settings_of(job.config), files)


class TestTheLastWorkerIsLost:
    @pytest.fixture
    def alone(self, monkeypatch):
        """A scheduler without workers, and the executor that waits for one."""
        monkeypatch.setattr(cluster, "_LOOK_AGAIN_S", 0.05)
        with (
            LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0") as scheduler,
            Client(scheduler, set_as_default=False) as client,
        ):
            yield scheduler, lambda patience_s: OnDask(client, 2, Patience(5, patience_s))

    def test_another_one_gets_its_tasks(self, alone, caplog):
        scheduler, executor = alone
        tasks = [Task("near", abs, (-1,), near="tcp://127.0.0.1:1"), Task("any", abs, (-2,))]
        threading.Timer(0.5, scheduler.scale, [1]).start()
        with caplog.at_level("INFO", "gnssice_batch"):
            found = {finished.key: finished.result for finished in executor(30).run(tasks)}
        assert found == {"near": 1, "any": 2}
        assert "no worker is left: waiting for another one, 30 s at most" in caplog.text
        assert "a worker is there again" in caplog.text

    def test_if_none_comes_the_run_ends(self, alone):
        with pytest.raises(InterruptedRunError, match=r"none has come in 0\.3 s; start again"):
            list(alone[1](0.3).run([Task("any", abs, (-2,))]))


class TestNoWorkerComes:
    def test_no_scheduler_is_an_interruption(self, tmp_path):
        section = {"kind": "address", "address": "tcp://127.0.0.1:1", "connect_timeout_s": 0.5}
        chosen = site(tmp_path, hourly(0), cluster=section)
        with pytest.raises(InterruptedRunError, match="no Dask scheduler answers there"):
            run(chosen)
        assert not repository(chosen).exists()


class TestAPartitionKillsItsWorkers:
    def test_it_is_set_aside_and_taken_when_asked_for(self, tmp_path, monkeypatch):
        run_all = InProcess.run

        def deadly(self, tasks):
            for finished in run_all(self, tasks):
                if finished.key == f"{GROUP}.2025001T120000":
                    yield Finished(
                        finished.key, error=KilledWorker(finished.key, SimpleNamespace(address="tcp://worker"), 3)
                    )
                else:
                    yield finished

        files = hourly(0, 6, 12, 18)
        chosen = site(tmp_path, files)
        with monkeypatch.context() as patch:
            patch.setattr(InProcess, "run", deadly)
            report = run(chosen)
        assert report.set_aside == (f"{GROUP}.2025001T120000",)
        assert set(rejected(report).values()) == {Reason.KILLED_WORKERS}
        assert len(stored(chosen, GROUP).uri) == 360
        run(chosen, retry=Retry(frozenset({Reason.KILLED_WORKERS})))
        check_as_in_one_run(tmp_path, chosen, files)

    @pytest.mark.heavy
    @pytest.mark.parametrize("known", [False, True], ids=["in the sample of a new receiver", "in a partition"])
    def test_a_file_that_kills_them_is_refused_and_the_others_are_taken(self, tmp_path, known):
        """It unpacks to more than a worker may use, and the limit allows it."""
        section = {"kind": "local", "workers": 1, "memory_limit": "800MB"}
        before, more = hourly(0, 12), hourly(6, 7, 8)
        chosen = site(tmp_path, before, cluster=section, reader={"max_unpacked_bytes": "2GiB"})
        if known:
            run(chosen)
        bomb = next(iter(hourly(9))) + ".gz"
        header = b"     3.05           OBSERVATION DATA    M" + b" " * 39 + b"\n"
        write(tmp_path / "archive", {**more, bomb: gzip.compress(header + b" " * (1 << 30), 1)})
        report = run(chosen)
        assert report.set_aside == ()
        assert rejected(report) == {bomb: Reason.KILLED_WORKERS}
        assert set(stored(chosen, GROUP).uri) == {*before, *more}
        assert len(stored(chosen, GROUP).uri) == 120 * len(before | more)

    @pytest.mark.heavy
    def test_those_that_only_waited_beside_it_are_not_blamed(self, caplog, monkeypatch):
        """A worker has several tasks; with it Dask suspects all of them, here at its first death."""
        monkeypatch.setitem(SETTINGS, "distributed.scheduler.allowed-failures", 0)
        section = config.Cluster(kind="local", workers=1)
        deadly = "__import__('time').sleep(0.5), __import__('os')._exit(1)"
        tasks = [Task("guilty", eval, (deadly,)), *(Task(f"beside {number}", abs, (-number,)) for number in range(3))]
        with executor(section, 4) as cluster_of_one:
            found = {finished.key: finished for finished in with_retries(cluster_of_one, tasks, 1)}
        assert {key: finished.result for key, finished in found.items() if not finished.error} == {
            f"beside {number}": number for number in range(3)
        }
        assert found["guilty"].killed_workers
        suspects = {record.partition for record in caplog.records if "once more, alone" in record.message}
        assert "guilty" in suspects
        assert len(suspects) > 1, "nobody was suspected wrongly: the test tells nothing"


class TestTheSchedulerIsKilled:
    @pytest.mark.heavy
    def test_lost_for_good_the_run_ends_and_goes_on(self, tmp_path, dask):
        files = hourly(*range(0, 96, 6))
        section = {"kind": "address", "address": dask.address, "connect_timeout_s": 15}
        chosen = site(tmp_path, files, cluster=section)
        with pytest.raises(InterruptedRunError, match="journaled"):
            run(chosen, Hook("ingest", dask.end, after=4))
        assert messages(chosen) == []
        kept = len(journaled(chosen))
        assert kept >= 4
        chosen = site(tmp_path, files)
        assert run(chosen).resumed == kept
        check_as_in_one_run(tmp_path, chosen, files)


class TestMemoryIsTooSmall:
    def test_the_run_does_not_begin(self, tmp_path, monkeypatch):
        monkeypatch.setattr(InProcess, "memory_bytes", lambda _: 64 << 20)
        chosen = site(tmp_path, hourly(0))
        with pytest.raises(ConfigError, match=r"needs about \d+ MiB and a worker may use 64 MiB: raise cluster"):
            run(chosen)
        assert not repository(chosen).exists()


class TestTheDiskOfTheStoreIsFull:
    @pytest.fixture
    def full(self, monkeypatch):
        """A disk that is full once so many journal files were written."""
        write, left = Folder.write, [4]

        def until_full(self, name, content):
            if name.startswith("partitions/"):
                left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(self, name, content)

        monkeypatch.setattr(Folder, "write", until_full)
        monkeypatch.setattr("gnssice_batch.job.segment_writer.PAUSE_S", 0.0)
        return left

    @pytest.mark.heavy
    def test_what_was_finished_before_stands(self, tmp_path, full):
        files = hourly(*range(0, 48, 6))
        chosen = site(tmp_path, files)
        with pytest.raises(StoreError, match=r"journal can't be written.*No space left"):
            run(chosen)
        assert messages(chosen) == []
        full[0], kept = 1000, len(journaled(chosen))
        assert 4 <= kept < len(files)
        assert run(chosen).resumed == kept
        check_as_in_one_run(tmp_path, chosen, files)

    def test_a_lease_that_cant_be_renewed_does_not_end_the_run(self, tmp_path, monkeypatch):
        write, failed = Folder.write, []

        def no_lease(self, name, content):
            if name == "lease.json" and threading.current_thread().name == "lease":
                failed.append(name)
                raise OSError(errno.ENOSPC, "No space left on device")
            write(self, name, content)

        monkeypatch.setattr(Folder, "write", no_lease)
        monkeypatch.setattr("gnssice_batch.job.start._BEAT_S", 0.01)
        files = hourly(0, 6)
        chosen = site(tmp_path, files)
        run(chosen)
        assert len(failed) > 1
        check_as_in_one_run(tmp_path, chosen, files)

    @pytest.mark.heavy
    def test_a_commit_that_fails_leaves_the_branch_where_it_was(self, tmp_path, monkeypatch):
        commit = icechunk.Session.commit

        def commit_elsewhere(self, message, **named):
            if self.branch == "main":
                raise icechunk.StorageError("No space left on device")
            return commit(self, message, **named)

        files = hourly(0, 6)
        chosen = site(tmp_path, files)
        run(chosen)
        more = hourly(12, 18)
        chosen = site(tmp_path, more)
        with monkeypatch.context() as patch:
            patch.setattr(icechunk.Session, "commit", commit_elsewhere)
            with pytest.raises(StoreError, match="No space left"):
                run(chosen)
        assert len(messages(chosen)) == 1
        assert run(chosen).resumed == 2
        check_as_in_one_run(tmp_path, chosen, files | more)
