"""Tasks of a job are run in this process, counted, tried again, and none is begun once it was told to stop."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from distributed import KilledWorker

from gnssice_batch import config
from gnssice_batch.archive.kept import KEPT
from gnssice_batch.cluster.executor import Finished, InProcess, Task
from gnssice_batch.errors import ArchiveError, GnssiceError, InterruptedRunError, StoreError
from gnssice_batch.ingest.kept_readings import READINGS
from gnssice_batch.job import execution as executions
from gnssice_batch.job.counting import Counting
from gnssice_batch.job.execution import Execution, NoProgress, execution, result_of
from gnssice_batch.job.interruption import Stop
from gnssice_batch.model.values import PartitionOutcome
from gnssice_batch.storage.traffic import TRAFFIC, Traffic

SETTINGS = {"site": "site", "archive": {"url": "/a", "layout": "{receiver}/**"}, "store": {"url": "/s"}}


class Watching(NoProgress):
    """Keeps the counts that are told, and the dashboard."""

    def __init__(self):
        self.counts, self.dashboards = [], []

    def counted(self, counts):
        self.counts.append(counts)

    def dashboard(self, url):
        self.dashboards.append(url)


class Elsewhere(InProcess):
    """Tasks that name the worker that was to run them, as if it had."""

    here = False
    dashboard = "http://scheduler:8787"

    def run(self, tasks):
        for task in tasks:
            (finished,) = super().run([task])
            yield Finished(task.key, finished.result, finished.error, task.near)


def made(tasks=None, tries=1):
    return Execution(tasks or InProcess(), tries, Counting(NoProgress()), Stop())


def outcome(requests):
    return PartitionOutcome("a", b"", (), (), (), {}, (), 0, 0.0, 0, traffic=Traffic({"GET": requests}))


@pytest.fixture(autouse=True)
def nothing_asked():
    TRAFFIC.take()
    yield
    TRAFFIC.take()


def test_every_task_is_run_and_given_as_it_ends():
    found = list(made().run(Task(str(number), divmod, (7, number)) for number in (2, 4)))
    assert [(one.key, one.result) for one in found] == [("2", (3, 1)), ("4", (1, 3))]


def test_what_a_task_fails_with_is_given_too():
    (found,) = made().run([Task("a", int, ("x",))])
    assert isinstance(found.error, ValueError)


def test_a_task_is_tried_as_often_as_the_settings_say():
    calls = []

    def call():
        calls.append(1)
        raise TimeoutError

    (found,) = made(tries=3).run([Task("a", call, ())])
    assert (len(calls), type(found.error)) == (3, TimeoutError)


def test_once_told_to_stop_no_task_is_begun():
    mine, begun = made(), []

    def call(number):
        begun.append(number)
        mine.stop.requested = number == 1

    assert len(list(mine.run(Task(str(number), call, (number,)) for number in range(4)))) == 2
    assert begun == [0, 1]
    assert list(mine.run([Task("a", begun.append, (9,))])) == []
    assert begun == [0, 1]


def test_this_process_is_a_worker_of_tasks_that_run_here():
    mine = made()
    list(mine.run([Task("a", abs, (1,))]))
    assert mine.progress.counts().workers == 1


def test_of_tasks_that_run_elsewhere_who_has_run_them_is_a_worker():
    mine = made(Elsewhere())
    list(mine.run([Task("a", abs, (1,), "tcp://one"), Task("b", abs, (1,), "tcp://two"), Task("c", abs, (1,))]))
    assert mine.progress.counts().workers == 2


def test_what_tasks_and_this_process_have_asked_of_object_stores_is_noted_by_who_has_asked():
    mine = made(Elsewhere())

    def asks():
        TRAFFIC.note("PUT")
        return outcome(2)

    list(mine.run([Task("a", asks, (), "tcp://one"), Task("b", asks, (), "tcp://one")]))
    assert mine.used == {"tcp://one": Traffic({"GET": 4}), "": Traffic({"PUT": 2})}
    assert mine.progress.counts().traffic == Traffic({"GET": 4, "PUT": 2})


def test_who_has_asked_for_nothing_is_not_noted():
    told = Watching()
    mine = Execution(InProcess(), 1, Counting(told), Stop())
    mine.note("tcp://one", Traffic())
    assert (mine.used, told.counts) == ({}, [])
    mine.note("tcp://one", Traffic(sent_bytes=5))
    assert mine.used == {"tcp://one": Traffic(sent_bytes=5)}


def chosen(**run):
    return config.Settings.model_validate(SETTINGS | {"run": run})


def test_settings_say_where_and_how_often_tasks_are_run(monkeypatch):
    told = Watching()
    TRAFFIC.note("GET", 7)
    with execution(chosen(task_tries=3), told) as mine:
        assert (type(mine.tasks), mine.tries, mine.stop.requested) == (InProcess, 3, False)
        assert TRAFFIC.take() == Traffic(), "what was asked before is of another run"
        mine.progress.stage("ingest", 1)
        mine.progress.set_aside()
    assert [counts.partitions for counts in told.counts] == [{"set_aside": 1}]
    assert told.dashboards == []
    monkeypatch.setattr(executions, "executor", lambda *_: nullcontext(Elsewhere()))
    with execution(chosen(), told):
        assert told.dashboards == ["http://scheduler:8787"]
    with execution(chosen()) as quiet:
        quiet.progress.set_aside()


@pytest.mark.parametrize("kept", [KEPT, READINGS])
def test_what_was_kept_of_files_is_forgotten_when_a_job_ends(monkeypatch, kept):
    forgotten = []

    def forget(self):
        forgotten.append(self)

    monkeypatch.setattr(type(kept), "forget", forget)
    with execution(chosen()):
        assert forgotten == []
    assert kept in forgotten


def test_a_result_may_be_empty_and_is_still_one():
    assert result_of(Finished("a", result=())) == ()
    assert result_of(Finished("a", result=0)) == 0


DEATH = KilledWorker("a", SimpleNamespace(address="tcp://one"), 3)
ENDS = {
    "an error of ours": (ArchiveError("no access"), ArchiveError, "^no access$"),
    "a storage's refusal": (StoreError("denied"), StoreError, "^denied$"),
    "a network": (TimeoutError("silent"), InterruptedRunError, "^a: the task died of TimeoutError: silent; .* again: "),
    "a fault": (ValueError("odd"), GnssiceError, "^a: the task died of ValueError: odd$"),
    "workers": (
        KilledWorker("a", SimpleNamespace(address="tcp://one"), 3),
        GnssiceError,
        "^a: the task died of KilledWorker",
    ),
}


@pytest.mark.parametrize(("error", "kind", "said"), ENDS.values(), ids=ENDS)
def test_what_a_task_died_of_ends_the_run(error, kind, said):
    with pytest.raises(kind, match=said) as raised:
        result_of(Finished("a", error=error))
    assert type(raised.value) is kind
    assert error in {raised.value, raised.value.__cause__}
