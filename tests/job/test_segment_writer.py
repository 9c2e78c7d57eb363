"""The writer of a journal: what waits goes together, in its order, and no error stays unheard."""

import threading
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.job import segment_writer
from gnssice_batch.job.sealing import unsealed
from gnssice_batch.job.segment_writer import SegmentWriter
from gnssice_batch.job.segments import Record, record

PATIENCE_S = 30


@pytest.fixture
def storage():
    """A storage that answers when the test lets it, and what was written to it."""
    state = SimpleNamespace(written=[], open=threading.Semaphore(0), asked=threading.Semaphore(0), error=None)

    def write(name, content):
        state.asked.release()
        assert state.open.acquire(timeout=PATIENCE_S)
        if state.error:
            raise state.error
        state.written.append((name, [each["key"] for each in list(unsealed(content))[1:]]))

    state.write = write
    return state


@pytest.fixture
def writer(storage):
    made = SegmentWriter(storage.write, "000001.ab")
    yield made
    made.stop()
    storage.open.release(100)


def test_what_comes_during_a_request_goes_together(storage, writer):
    writer.append(record("a", None))
    assert storage.asked.acquire(timeout=PATIENCE_S)
    for key in "bcd":
        writer.append(record(key, None))
    storage.open.release(2)
    assert writer.flush(PATIENCE_S) == 0
    name = "partitions/000001.ab.00000000"
    assert storage.written == [(name, ["a"]), (name, ["a", "b", "c", "d"])]


def test_a_segment_that_is_full_is_left_alone(storage, writer):
    storage.open.release(100)
    for key in "abc":
        writer.append(Record(key, stands=True, sealed=record(key, None).sealed + b"\n" + bytes(40_000)))
        writer.flush(PATIENCE_S)
    assert [(name[-1], keys) for name, keys in storage.written] == [("0", ["a"]), ("0", ["a", "b"]), ("1", ["c"])]


def test_an_object_has_a_bound(storage, writer, monkeypatch):
    monkeypatch.setattr(segment_writer, "BATCH_BYTES", 250)
    writer.append(record("first", None))
    assert storage.asked.acquire(timeout=PATIENCE_S)
    for number in range(6):
        writer.append(record(str(number), None))
    storage.open.release(100)
    writer.flush(PATIENCE_S)
    assert [len(keys) for _, keys in storage.written] == [1, 3, 5, 7]


def test_what_is_larger_than_a_request_has_one_of_its_own(storage, writer, monkeypatch):
    monkeypatch.setattr(segment_writer, "BATCH_BYTES", 10)
    storage.open.release(100)
    for key in "ab":
        writer.append(record(key, None))
    assert writer.flush(PATIENCE_S) == 0
    assert [keys for _, keys in storage.written] == [["a"], ["a", "b"]]


def test_who_hands_in_waits_where_too_much_waits(storage, writer, monkeypatch):
    monkeypatch.setattr(segment_writer, "WAITING_BYTES", 200)
    taken = []

    def hand_in():
        for number in range(5):
            writer.append(record(str(number), None))
            taken.append(number)

    thread = threading.Thread(target=hand_in, daemon=True)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    assert len(taken) < 5
    storage.open.release(100)
    thread.join(PATIENCE_S)
    assert writer.flush(PATIENCE_S) == 0
    assert storage.written[-1][1] == ["0", "1", "2", "3", "4"]


def test_an_error_is_raised_at_what_comes_next_and_stays(storage, writer):
    storage.error = StoreError("full")
    writer.append(record("a", None))
    storage.open.release(100)
    for _ in range(2):
        with pytest.raises(StoreError, match="full"):
            writer.flush(PATIENCE_S)
        with pytest.raises(StoreError, match="full"):
            writer.append(record("b", None))
    assert storage.written == []


def test_a_flush_says_what_is_missing_when_its_patience_ends(storage, writer):
    writer.append(record("a", None))
    writer.append(record("b", None))
    assert writer.flush(0.1) == 2
    storage.open.release(100)
    assert writer.flush(PATIENCE_S) == 0


def test_what_comes_soon_after_a_request_waits_for_the_next_one(storage, writer, monkeypatch):
    """Nobody waits for it; who does has not to wait long."""
    monkeypatch.setattr(segment_writer, "PAUSE_S", PATIENCE_S)
    storage.open.release(100)
    writer.append(record("a", None))
    assert storage.asked.acquire(timeout=PATIENCE_S)
    for key in "bcd":
        writer.append(record(key, None))
        assert not storage.asked.acquire(timeout=0.05)
    assert writer.flush(PATIENCE_S / 2) == 0
    assert [keys for _, keys in storage.written] == [["a"], ["a", "b", "c", "d"]]


def test_enough_for_a_request_does_not_wait(storage, writer, monkeypatch):
    monkeypatch.setattr(segment_writer, "PAUSE_S", 2 * PATIENCE_S)
    monkeypatch.setattr(segment_writer, "BATCH_BYTES", 250)
    storage.open.release(100)
    writer.append(record("a", None))
    assert storage.asked.acquire(timeout=PATIENCE_S)
    for key in "bc":
        writer.append(record(key, None))
        assert not storage.asked.acquire(timeout=0.05), "it waits for more"
    writer.append(record("d", None))
    assert storage.asked.acquire(timeout=PATIENCE_S)


def test_it_is_written_when_its_time_has_come(storage, writer):
    storage.open.release(100)
    for key in "ab":
        writer.append(record(key, None))
        assert storage.asked.acquire(timeout=PATIENCE_S)
