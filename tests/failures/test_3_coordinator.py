"""What a coordinator dies of and the next one finds: headings of docs/failure-modes.md, in its order."""

import signal
import time
from collections import Counter
from types import SimpleNamespace

import icechunk
import pytest

from gnssice_batch.cli.entry import exit_code
from gnssice_batch.config import Settings
from gnssice_batch.errors import InterruptedRunError
from gnssice_batch.job.run import run
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.operate.open_runs import abandon, open_runs
from tests.failures import counting
from tests.failures.field import journaled, journals, settings_of, write_settings
from tests.failures.processes import coordinator, finished, wait_until
from tests.failures.small import (
    Hook,
    Interrupt,
    States,
    check_as_in_one_run,
    hourly,
    interrupt,
    journal_files,
    site,
)
from tests.support.marks import most_heavy
from tests.support.runs import _repository, branches, head, messages, write

KILLED = -9
EXTENTS = '{"%s": {"lines": 1, "seconds": 1}}'


class Killed:
    """A real coordinator over a few small files, killed in one phase after so many lines and started again."""

    phase: str
    lines: int

    @pytest.fixture
    def course(self, tmp_path):
        files = hourly(0, 6, 12, 18)
        config = write_settings(
            tmp_path, write(tmp_path / "files", files), archive={"layout": "{receiver}/**"}, chunks={"epoch": 720}
        )
        extents = tmp_path / "extents.json"
        extents.write_text(EXTENTS % self.phase)
        death = f"{self.phase}:line:{self.lines}"
        assert finished(coordinator(config, "--die", death, "--extents", extents)) == KILLED, log(config)
        return tmp_path, config, files

    def again(self, course):
        """Start again, hold the store against one run's; return how often each partition was begun altogether."""
        folder, config, files = course
        assert finished(coordinator(config)) == 0, log(config)
        chosen = settings_of(config)
        assert journals(chosen) == []
        assert len(messages(chosen)) == 1
        check_as_in_one_run(folder, chosen, files)
        return Counter(counting.keys(counting.events(folder), "begin"))


def log(config):
    return config.with_suffix(".log").read_text()[-3000:]


@pytest.mark.heavy
class TestTheCoordinatorIsKilledWhileItPlans(Killed):
    phase = "plan"
    lines = 400_000

    def test_the_next_start_begins_from_nothing(self, course):
        assert journals(settings_of(course[1])) == []
        assert set(self.again(course).values()) == {1}


@pytest.mark.heavy
class TestTheCoordinatorIsKilledWhileItMakesTheStructure(Killed):
    phase = "structure"
    lines = 150_000

    def test_the_next_start_makes_it_again(self, course):
        assert journaled(settings_of(course[1])) == set()
        counts = self.again(course)
        assert (len(counts), sorted(counts.values())[:3]) == (4, [1, 1, 1]), "one may have been begun meanwhile"


class TestTheCoordinatorIsKilledWhilePartitionsAreDone(Killed):
    phase = "tasks"
    lines = 170_000

    @pytest.mark.heavy
    def test_only_what_was_under_way_is_read_again(self, course):
        begun = set(counting.keys(counting.events(course[0]), "begin"))
        kept = journaled(settings_of(course[1]))
        assert begun
        assert len(kept) < 4
        counts = self.again(course)
        assert len(counts) == 4
        assert counts == Counter(begun - kept) + Counter(counts.keys())


@pytest.mark.heavy
class TestTheCoordinatorIsKilledWhileItMerges(Killed):
    phase = "merge"
    lines = 20_000

    def test_nothing_is_read_again(self, course):
        assert messages(settings_of(course[1])) == []
        assert len(journaled(settings_of(course[1]))) == 4
        assert set(self.again(course).values()) == {1}


class TestTheCoordinatorIsKilledBetweenTheCommitAndTheRemovalOfTheJournal(Killed):
    phase = "removal"
    lines = 700

    @pytest.mark.heavy
    def test_the_next_start_finds_the_commit(self, course):
        chosen = settings_of(course[1])
        before = messages(chosen)
        assert len(before) == 1
        assert journals(chosen)
        assert set(self.again(course).values()) == {1}
        assert messages(chosen) == before

    def test_the_tag_is_not_lost(self, tmp_path, monkeypatch):
        chosen = site(tmp_path, hourly(0), run={"tag": "v1"})
        with monkeypatch.context() as patch:
            patch.setattr("gnssice_batch.job.start.tag_snapshot", lambda *_: interrupt())
            with pytest.raises(Interrupt):
                run(chosen)
        assert run(chosen).snapshot is None
        handle = _repository(chosen)
        assert handle.lookup_tag("v1") == handle.lookup_branch("main")
        assert journal_files(chosen) == []


class TestTheAnswerToTheCommitIsLost:
    @pytest.mark.parametrize("error", [icechunk.StorageError, icechunk.ConflictError])
    def test_the_commit_is_found_by_its_run(self, tmp_path, monkeypatch, error):
        commit, lost = icechunk.Session.commit, []

        def answer_lost(self, message, **named):
            branch = self.branch
            snapshot = commit(self, message, **named)
            if branch == "main" and not lost:
                lost.append(snapshot)
                raise error("connection reset") if error is icechunk.StorageError else error("a", "b")
            return snapshot

        monkeypatch.setattr(icechunk.Session, "commit", answer_lost)
        files = hourly(0, 6)
        chosen = site(tmp_path, files)
        assert run(chosen).snapshot == lost[0]
        assert len(messages(chosen)) == 1
        check_as_in_one_run(tmp_path, chosen, files)


class TestTheAnswerToTheMakingOrRemovalOfABranchIsLost:
    @pytest.mark.parametrize("what", ["create_branch", "delete_branch"])
    def test_the_branches_are_looked_at(self, tmp_path, monkeypatch, what):
        call, lost = getattr(icechunk.Repository, what), []

        def answer_lost(self, *arguments):
            call(self, *arguments)
            if not lost:
                lost.append(arguments)
                raise icechunk.StorageError("connection reset")

        monkeypatch.setattr(icechunk.Repository, what, answer_lost)
        files = hourly(0, 6)
        chosen = site(tmp_path, files)
        assert run(chosen).snapshot
        assert lost
        assert branches(chosen) == {"main"}
        check_as_in_one_run(tmp_path, chosen, files)


@pytest.fixture(scope="module")
def half_done(tmp_path_factory):
    """A run over six partitions that ended after three."""
    folder, files = tmp_path_factory.mktemp("half_done"), hourly(*range(0, 36, 6))
    states, chosen = States(folder), site(folder, files)
    with pytest.raises(Interrupt):
        run(chosen, Hook("ingest", interrupt, after=3))
    assert len(journaled(chosen)) == 3
    states.keep("half done")
    return SimpleNamespace(states=states, folder=folder, chosen=chosen, files=files)


@pytest.fixture
def journaled_run(half_done):
    """That run as it was left."""
    half_done.states.bring_back("half done")
    return half_done


TORN = [(kind, damage) for kind in ("partitions", "structure") for damage in ("cut", "changed", "emptied")]
RESUMED = {("partitions", "cut"): 1, ("partitions", "changed"): 2, ("lease", "emptied"): 3}
"""What of three partitions in one file is resumed."""
DAMAGES = {"cut": lambda c: c[: len(c) // 2], "changed": lambda c: c[:-9] + b"x" + c[-8:], "emptied": lambda _: b""}


class TestAJournalFileIsTorn:
    @pytest.mark.parametrize(("kind", "damage"), most_heavy([("run.json", "cut"), ("lease", "emptied"), *TORN], 5))
    def test_what_hangs_on_it_is_done_again(self, journaled_run, kind, damage):
        chosen = journaled_run.chosen
        torn = journal_files(chosen, kind)[0]
        torn.write_bytes(DAMAGES[damage](torn.read_bytes()))
        hook = Hook()
        report = run(chosen, hook)
        assert report.resumed == RESUMED.get((kind, damage), 0)
        assert len(hook.ingested) == 6 - report.resumed
        if kind == "run.json":
            assert len(branches(chosen)) == 2, "nothing says any more whose the staging branch is"
            (left,) = open_runs(chosen)
            abandon(chosen, left.run, force=True)
        check_as_in_one_run(journaled_run.folder, chosen, journaled_run.files)


class TestTheJournalIsAnotherOnes:
    @pytest.mark.parametrize("other", most_heavy([{"encoding": {"profile": "compact"}}, {"run": {"branch": "trial"}}]))
    def test_it_is_left_alone(self, journaled_run, other):
        chosen = journaled_run.chosen
        kept = {path: path.read_bytes() for path in journal_files(chosen)}
        report = run(Settings.model_validate(chosen.model_dump() | other))
        assert report.resumed == 0
        assert {path: path.read_bytes() for path in kept if path.exists()} == kept
        assert run(chosen).resumed == (3 if "run" in other else 0)
        assert journal_files(chosen) == []


class TestTheStagingBranchIsGone:
    def test_the_partitions_are_done_again(self, journaled_run):
        handle = _repository(journaled_run.chosen)
        for branch in handle.list_branches() - {"main"}:
            handle.delete_branch(branch)
        hook = Hook()
        assert run(journaled_run.chosen, hook).resumed == 0
        assert len(hook.ingested) == 6
        check_as_in_one_run(journaled_run.folder, journaled_run.chosen, journaled_run.files)


@pytest.mark.alone
class TestSigterm:
    @pytest.mark.parametrize("kind", ["inline", pytest.param("local", marks=pytest.mark.heavy)])
    def test_the_run_ends_in_time_and_goes_on(self, tmp_path, kind, monkeypatch):
        monkeypatch.setenv(counting.PAUSE_S, "0.2")
        files = hourly(*range(0, 216, 6))
        archive = write(tmp_path / "files", files)
        config = write_settings(
            tmp_path,
            archive,
            archive={"layout": "{receiver}/**"},
            chunks={"epoch": 720},
            cluster={"kind": kind, "workers": 1},
        )
        chosen = settings_of(config)
        process = coordinator(config)
        assert wait_until(lambda: len(journaled(chosen)) >= 3 or process.poll() is not None), log(config)
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        assert finished(process) == exit_code(InterruptedRunError()) == 7, log(config)
        assert time.monotonic() - asked < 20
        assert messages(chosen) == []
        kept = journaled(chosen)
        assert 3 <= len(kept) < len(files)
        before = len(counting.events(tmp_path))
        monkeypatch.delenv(counting.PAUSE_S)
        assert finished(coordinator(config)) == 0, log(config)
        assert kept.isdisjoint(counting.keys(counting.events(tmp_path)[before:], "begin"))
        check_as_in_one_run(tmp_path, chosen, files)


class TestCtrlC:
    def test_the_journal_has_what_was_finished(self, tmp_path):
        files = hourly(*range(0, 48, 6))
        chosen = site(tmp_path, files)

        def press():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(chosen, Hook("ingest", press, after=3))
        assert run(chosen).resumed == 3
        check_as_in_one_run(tmp_path, chosen, files)


@pytest.mark.alone
class TestAPodIsReplaced:
    """The next one has another host name."""

    @pytest.fixture
    def course(self, tmp_path, monkeypatch):
        monkeypatch.setenv(counting.PAUSE_S, "0.2")
        files = hourly(*range(0, 216, 6))
        archive = write(tmp_path / "files", files)
        config = write_settings(tmp_path, archive, archive={"layout": "{receiver}/**"}, chunks={"epoch": 720})
        chosen = settings_of(config)
        process = coordinator(config)
        assert wait_until(lambda: len(journaled(chosen)) >= 3 or process.poll() is not None), log(config)
        return SimpleNamespace(config=config, chosen=chosen, process=process, files=files)

    @staticmethod
    def elsewhere(chosen):
        """Let the process that was there have been in another pod; return its lease."""
        (path,) = journal_files(chosen, "lease.json")
        lease = unseal(path.read_bytes()) | {"host": "another-pod"}
        path.write_bytes(seal(lease))
        return lease

    @pytest.mark.parametrize("by", most_heavy([signal.SIGTERM, signal.SIGINT]))
    def test_after_an_orderly_end_the_next_goes_on_at_once(self, tmp_path, course, by, caplog):
        course.process.send_signal(by)
        assert finished(course.process) == (7 if by is signal.SIGTERM else 130), log(course.config)
        assert self.elsewhere(course.chosen)["released"]
        with caplog.at_level("INFO", "gnssice_batch"):
            assert run(course.chosen).resumed >= 3
        assert "waiting" not in caplog.text
        check_as_in_one_run(tmp_path, course.chosen, course.files)

    @pytest.mark.heavy
    def test_after_a_kill_the_next_waits_for_the_lease(self, tmp_path, course, monkeypatch, caplog):
        course.process.kill()
        course.process.wait()
        assert not self.elsewhere(course.chosen)["released"]
        monkeypatch.setattr("gnssice_batch.job.lease.LEASE_S", 8.0)
        with caplog.at_level("INFO", "gnssice_batch"):
            assert run(course.chosen).resumed >= 3
        assert len([line for line in caplog.messages if "another-pod" in line and "waiting for it" in line]) == 1
        check_as_in_one_run(tmp_path, course.chosen, course.files)

    @pytest.mark.heavy
    def test_a_wait_is_ended_by_sigterm(self, course):
        course.process.kill()
        course.process.wait()
        self.elsewhere(course.chosen)
        waiting = coordinator(course.config)
        assert wait_until(lambda: "waiting for it" in log(course.config) or waiting.poll() is not None)
        asked = time.monotonic()
        waiting.send_signal(signal.SIGTERM)
        assert finished(waiting) == 7, log(course.config)
        assert time.monotonic() - asked < 5


class TestTheReportCantBeWritten:
    def test_what_was_published_stands(self, tmp_path, caplog):
        (tmp_path / "reports").write_bytes(b"no folder")
        files = hourly(0)
        chosen = site(tmp_path, files, run={"report_url": str(tmp_path / "reports")})
        with caplog.at_level("WARNING", "gnssice_batch"):
            report = run(chosen)
        assert (report.kept_at, report.snapshot) == (None, head(chosen))
        assert "the report can't be written" in caplog.text
        check_as_in_one_run(tmp_path, chosen, files)
