"""How far a run is, counted without going through everything again for each partition."""

from types import SimpleNamespace

import pytest

from gnssice_batch import log
from gnssice_batch.errors import Reason
from gnssice_batch.job.counting import WORKER_S, Counting
from gnssice_batch.model.values import Status
from tests.failures.small import Hook


class Last(Hook):
    """Keeps what was told last."""

    def counted(self, counts):
        self.counts = counts


@pytest.fixture
def told():
    return Last()


def part(uri, status=Status.OK, reason=None):
    refusal = SimpleNamespace(reason=reason) if reason else None
    return SimpleNamespace(file=SimpleNamespace(uri=uri, size_bytes=10), status=status, refusal=refusal)


def outcome(key, *parts, unknown=()):
    return SimpleNamespace(key=key, files=parts, bytes_read=10 * len(parts), unknown_sids=unknown)


def assignment(key, *uris):
    return SimpleNamespace(partition=SimpleNamespace(key=key), files=[part(uri).file for uri in uris])


def test_a_file_in_two_partitions_is_one_file_with_the_worst_of_its_statuses(told):
    counting = Counting(told)
    counting.plan([assignment("a", "1", "2"), assignment("b", "2")], {}, 0)
    assert (told.counts.files_planned, told.counts.bytes_planned, told.counts.partitions_planned) == (2, 20, 2)
    counting.add(outcome("a", part("1"), part("2", Status.PARTIAL)))
    counting.add(outcome("b", part("2")))
    assert told.counts.files == {"ok": 1, "partial": 1, "rejected": 0}
    assert (told.counts.files_done, told.counts.bytes_read, told.counts.partitions["finished"]) == (2, 30, 2)


def test_a_rejected_file_is_counted_once_with_its_reason(told):
    counting = Counting(told)
    for _ in range(2):
        counting.add(outcome("a", part("1", Status.REJECTED, Reason.EMPTY)))
    assert (told.counts.files["rejected"], told.counts.rejected) == (1, {"empty": 1})


def test_workers_count_until_they_have_returned_nothing_for_long(told):
    now = [0.0]
    counting = Counting(told, lambda: now[0])
    for at, worker in ((0, "a"), (1, "b"), (2, "a")):
        now[0] = at
        counting.returned(worker)
    assert counting.counts().workers == 2
    for at, workers in ((1 + WORKER_S, 2), (1.5 + WORKER_S, 1), (2.5 + WORKER_S, 0)):
        now[0] = at
        assert counting.counts().workers == workers
    counting.returned("b")
    assert counting.counts().workers == 1


def test_a_partition_that_comes_again_is_not_finished(told):
    counting = Counting(told)
    counting.add(outcome("a", part("1"), unknown=("G01|L1|C",)))
    assert told.counts.partitions["finished"] == 0


def test_what_an_earlier_start_has_done_is_part_of_it(told):
    done = SimpleNamespace(outcome=outcome("a", part("1"), part("2", Status.REJECTED, Reason.EMPTY)))
    Counting(told).plan([assignment("a", "1", "2"), assignment("b", "3")], {"a": done}, 1)
    assert told.counts.partitions == {"finished": 1, "resumed": 1}
    assert told.counts.files == {"ok": 1, "partial": 0, "rejected": 1}


def test_workers_that_return_nothing_any_more_are_not_counted(told):
    now = [0.0]
    counting = Counting(told, lambda: now[0])
    counting.returned("tcp://one")
    now[0] = WORKER_S / 2
    counting.returned("tcp://two")
    assert counting.counts().workers == 2
    now[0] = WORKER_S + 1
    assert counting.counts().workers == 1


def test_the_log_learns_run_and_stage(told, capsys):
    log.configure("info", "json")
    counting = Counting(told)
    with log.scope():
        counting.begin("20250101T000000-abc")
        counting.stage("ingest", 3)
        log.logger("test").info("said")
    log.configure("warning")
    line = capsys.readouterr().err
    assert '"run": "20250101T000000-abc", "phase": "ingest"' in line
