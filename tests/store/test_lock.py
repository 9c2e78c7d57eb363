"""Who waits for the lock of a repository says so."""

import logging
import threading
import time

import pytest
from filelock import FileLock, Timeout

from gnssice_batch.store import lock
from gnssice_batch.store.lock import ToldLock


@pytest.fixture(autouse=True)
def soon(monkeypatch, caplog):
    monkeypatch.setattr(lock, "_SILENT_S", 0.05)
    monkeypatch.setattr(logging.getLogger("gnssice_batch"), "propagate", True)
    caplog.set_level("INFO", logger="gnssice_batch")


def test_a_held_lock_is_told_while_it_is_waited_for(tmp_path, caplog):
    path = tmp_path / ".rinex.lock"
    held = threading.Event()

    def hold():
        with FileLock(path):
            held.set()
            time.sleep(0.4)

    threading.Thread(target=hold).start()
    held.wait()
    with ToldLock(path):
        assert f"another process holds the lock of the repository, {path}: waiting for it" in caplog.text
    assert "the lock of the repository is free" in caplog.text


def test_a_free_one_is_taken_silently_and_more_than_once(tmp_path, caplog):
    own = ToldLock(tmp_path / ".rinex.lock")
    with own, own:
        assert own.is_locked
    assert not own.is_locked
    assert not caplog.text


def test_a_time_limit_holds(tmp_path):
    path = tmp_path / ".rinex.lock"
    with FileLock(path, thread_local=False), pytest.raises(Timeout):
        ToldLock(path).acquire(0.01)
