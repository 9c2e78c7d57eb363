"""What is told of a run's progress, and when: whoever watches one learns of every change at once."""

import pytest

from gnssice_batch import log
from gnssice_batch.errors import Reason
from gnssice_batch.job.counting import Counting, Counts
from gnssice_batch.model.values import Status
from gnssice_batch.storage.traffic import Traffic
from tests.job.test_counting import assignment, outcome, part

NOTHING = Counts(files={"ok": 0, "partial": 0, "rejected": 0})
"""How far a run is that has not begun."""


class Told:
    """Keeps every call in its order."""

    def __init__(self):
        self.calls, self.counts = [], []

    def stage(self, name, tasks):
        self.calls.append(("stage", name, tasks))

    def finished(self, key, size_bytes):
        self.calls.append(("finished", key, size_bytes))

    def counted(self, counts):
        self.counts.append(counts)

    def dashboard(self, url):
        self.calls.append(("dashboard", url))


@pytest.fixture
def told():
    return Told()


def test_before_anything_is_known_all_counts_are_zero(told):
    assert Counting(told).counts() == NOTHING
    assert told.counts == []


def test_stages_tasks_and_the_dashboard_are_told_on(told):
    counting = Counting(told)
    counting.stage("ingest", 3)
    counting.finished("a", 10)
    counting.dashboard("http://scheduler")
    counting.counted(NOTHING)
    assert told.calls == [("stage", "ingest", 3), ("finished", "a", 10), ("dashboard", "http://scheduler")]
    assert told.counts == [NOTHING]


def test_a_run_is_told_as_soon_as_it_has_a_name_and_lists_then(told):
    with log.scope():
        Counting(told).begin("20250101T000000-abc")
        assert log._scope.get() == {"run": "20250101T000000-abc", "phase": "list"}
    assert [counts.run for counts in told.counts] == ["20250101T000000-abc"]


def test_a_stage_is_the_phase_of_the_log(told):
    with log.scope(run="r"):
        Counting(told).stage("ingest again", 1)
        assert log._scope.get() == {"run": "r", "phase": "ingest again"}


CHANGES = {
    "plan": (lambda counting: counting.plan([assignment("a", "1")], {}, 0), {"files_planned": 1, "bytes_planned": 10}),
    "add": (lambda counting: counting.add(outcome("a", part("1"))), {"bytes_read": 10, "files_done": 1}),
    "set aside": (lambda counting: counting.set_aside(), {"partitions": {"set_aside": 1}}),
    "settle": (lambda counting: counting.settle({"rec": (part("1"),)}, 70), {"bytes_read": 70, "files_done": 1}),
    "asked": (lambda counting: counting.asked(Traffic({"GET": 2}, 1, 3)), {"traffic": Traffic({"GET": 2}, 1, 3)}),
}


@pytest.mark.parametrize(("change", "wanted"), CHANGES.values(), ids=CHANGES)
def test_each_change_is_told_once(told, change, wanted):
    change(Counting(told))
    (counts,) = told.counts
    assert {name: getattr(counts, name) for name in wanted} == wanted


def test_what_is_set_aside_and_asked_adds_up(told):
    counting = Counting(told)
    for _ in range(2):
        counting.set_aside()
        counting.asked(Traffic({"GET": 2}, 1, 3))
    assert counting.counts().partitions == {"set_aside": 2}
    assert counting.counts().traffic == Traffic({"GET": 4}, 2, 6)


def test_at_the_end_only_what_the_report_says_of_files_counts(told):
    counting = Counting(told)
    counting.add(outcome("a", part("1"), part("2", Status.REJECTED, Reason.EMPTY), part("3", Status.PARTIAL)))
    counting.settle({"rec": (part("1", Status.PARTIAL),), "other": (part("2"),)}, 20)
    counts = counting.counts()
    assert (counts.files, counts.rejected) == ({"ok": 1, "partial": 1, "rejected": 0}, {})
    assert (counts.bytes_read, counts.partitions["finished"]) == (20, 1)


def test_a_file_moves_from_one_status_to_the_worse_and_never_back(told):
    counting, seen = Counting(told), []
    for status in (Status.OK, Status.PARTIAL, Status.OK, Status.REJECTED, Status.PARTIAL):
        counting.add(outcome("a", part("1", status, Reason.EMPTY)))
        seen.append(counting.counts().files)
    assert [[word for word, count in files.items() if count] for files in seen] == [
        ["ok"],
        ["partial"],
        ["partial"],
        ["rejected"],
        ["rejected"],
    ]
    assert all(sum(files.values()) == 1 and min(files.values()) == 0 for files in seen)
    assert counting.counts().rejected == {"empty": 1}


def test_a_file_that_is_rejected_without_a_reason_is_unreadable(told):
    Counting(told).add(outcome("a", part("1", Status.REJECTED)))
    assert told.counts[0].rejected == {"unreadable": 1}


def test_another_plan_takes_the_place_of_the_one_before(told):
    counting = Counting(told)
    counting.plan([assignment("a", "1", "2"), assignment("b", "3")], {}, 0)
    counting.plan([assignment("a", "1")], {}, 0)
    counts = counting.counts()
    assert (counts.files_planned, counts.bytes_planned, counts.partitions_planned) == (1, 10, 1)
    assert counts.partitions == {"finished": 0, "resumed": 0}


def test_workers_are_told_with_the_counts(told):
    counting = Counting(told, lambda: 0.0)
    for worker in ("", "tcp://one", "tcp://one"):
        counting.returned(worker)
    counting.set_aside()
    assert told.counts[0].workers == 2
