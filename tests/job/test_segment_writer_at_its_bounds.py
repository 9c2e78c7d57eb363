"""The writer of a journal where a request, a segment or what waits is just full, and where it is stopped or fails."""

import threading
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.job import segment_writer
from gnssice_batch.job.sealing import unsealed
from gnssice_batch.job.segment_writer import SegmentWriter
from gnssice_batch.job.segments import record

PATIENCE_S = 30
SOON_S = 0.05
A, B, C = (record(key, None) for key in "abc")
SIZE = len(A.sealed)


@pytest.fixture
def storage():
    """A storage that answers as often as the test lets it, and what was written to it."""
    state = SimpleNamespace(written=[], open=threading.Semaphore(0), asked=threading.Semaphore(0), error=None)

    def write(name, content):
        state.asked.release()
        assert state.open.acquire(timeout=PATIENCE_S)
        if state.error:
            raise state.error
        state.written.append((name.rpartition(".")[2], [each["key"] for each in list(unsealed(content))[1:]]))

    state.write = write
    return state


@pytest.fixture
def writer(storage):
    made = SegmentWriter(storage.write, "000001.ab")
    yield made
    made.stop()
    storage.open.release(100)


@pytest.fixture
def _slow(monkeypatch):
    """Nothing is written soon after a request unless somebody waits for it."""
    monkeypatch.setattr(segment_writer, "PAUSE_S", 2 * PATIENCE_S)


def begun(storage, writer):
    """The first record is under way."""
    writer.append(A)
    assert storage.asked.acquire(timeout=PATIENCE_S)


def beside(call, *arguments):
    """A call in a thread of its own, and what it comes to."""
    ended = SimpleNamespace(result=None, error=None)

    def run():
        try:
            ended.result = call(*arguments)
        except StoreError as error:
            ended.error = error

    ended.thread = threading.Thread(target=run, daemon=True)
    ended.thread.start()
    return ended


def is_over(thread):
    thread.join(PATIENCE_S / 3)
    return not thread.is_alive()


def still_waits(thread):
    thread.join(SOON_S)
    return thread.is_alive()


def test_nothing_handed_in_is_nothing_to_wait_for(writer):
    assert writer.flush(SOON_S) == 0


def test_who_hands_in_goes_on_as_soon_as_there_is_room(storage, writer, monkeypatch):
    monkeypatch.setattr(segment_writer, "WAITING_BYTES", SIZE)
    monkeypatch.setattr(segment_writer, "PAUSE_S", 0)
    begun(storage, writer)
    writer.append(B)
    third = beside(writer.append, C)
    assert still_waits(third.thread)
    storage.open.release()
    assert is_over(third.thread)
    assert storage.written == [("00000000", ["a"])]


def test_an_error_is_heard_by_all_who_wait(storage, writer, monkeypatch):
    monkeypatch.setattr(segment_writer, "WAITING_BYTES", SIZE)
    storage.error = StoreError("full")
    begun(storage, writer)
    writer.append(B)
    waiting = [beside(writer.append, C), beside(writer.flush)]
    assert all(still_waits(each.thread) for each in waiting)
    storage.open.release()
    assert all(is_over(each.thread) for each in waiting)
    assert [str(each.error) for each in waiting] == ["full", "full"]


def test_who_waits_is_heard_when_all_is_written(storage, writer):
    begun(storage, writer)
    waiting = beside(writer.flush)
    assert still_waits(waiting.thread)
    storage.open.release()
    assert is_over(waiting.thread)
    assert (waiting.result, waiting.error) == (0, None)


@pytest.mark.usefixtures("_slow")
def test_just_enough_for_a_request_goes_with_one_at_once(storage, writer, monkeypatch):
    monkeypatch.setattr(segment_writer, "BATCH_BYTES", 2 * SIZE)
    storage.open.release(100)
    begun(storage, writer)
    writer.append(B)
    assert not storage.asked.acquire(timeout=SOON_S)
    writer.append(C)
    assert storage.asked.acquire(timeout=PATIENCE_S / 3)
    assert writer.flush(PATIENCE_S / 3) == 0
    assert storage.written == [("00000000", ["a"]), ("00000000", ["a", "b", "c"])]


@pytest.mark.usefixtures("_slow")
def test_nobody_waits_any_more_after_a_flush(storage, writer):
    storage.open.release(100)
    for each in (A, B):
        writer.append(each)
        assert writer.flush(PATIENCE_S / 3) == 0
    while storage.asked.acquire(blocking=False):
        pass
    writer.append(C)
    assert not storage.asked.acquire(timeout=SOON_S)


def test_segments_that_are_just_full_are_numbered_one_after_the_other(storage, writer, monkeypatch):
    monkeypatch.setattr(segment_writer, "FULL_BYTES", SIZE)
    storage.open.release(100)
    for each in (A, B, C):
        writer.append(each)
        assert writer.flush(PATIENCE_S) == 0
    assert storage.written == [("00000000", ["a"]), ("00000001", ["b"]), ("00000002", ["c"])]


@pytest.mark.usefixtures("_slow")
@pytest.mark.parametrize("waiting", [False, True])
def test_a_writer_that_is_stopped_ends_and_writes_nothing_more(storage, writer, waiting):
    others = set(threading.enumerate())
    storage.open.release(100)
    writer.append(A)
    assert writer.flush(PATIENCE_S) == 0
    (thread,) = (each for each in set(threading.enumerate()) - others if each.name == "journal")
    if waiting:
        writer.append(B)
    assert still_waits(thread)
    writer.stop()
    assert is_over(thread)
    assert storage.written == [("00000000", ["a"])]
