"""The lease of a run: of all that take a dead run over one gets it, and who has lost it finds out."""

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest

from gnssice_batch.errors import InterruptedRunError, RunConflictError, StoreError
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.journal import RunRecord, begin, open_journals, resumable
from gnssice_batch.job.lease import NAME, HeldError, Lease, now, read_lease, take, wait_for
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.records import dump
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.options import options_of
from tests.job.test_journal import finished

RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")
DEAD = {"host": "dead", "beat": "2020-01-01T00:00:00+00:00"}
RIVALS = 8


@pytest.fixture
def folder(object_stores):
    return Folder(object_stores.url, options_of(object_stores.options)).below("runs")


@pytest.fixture
def distant(folder):
    if not folder.conditional:
        pytest.skip("on a disk the lock of the repository decides")
    return folder


@pytest.fixture
def local_journal(tmp_path):
    with begin(Folder(str(tmp_path / "runs")), RECORD) as journal:
        yield journal


def leave(journal):
    """Let a journal look as if its process had died."""
    journal.folder.write(NAME, seal(unseal(journal.folder.read(NAME)) | DEAD))


def taken_by(journal, host):
    """Let another host take the run over."""
    lease = replace(read_lease(journal.folder)[0], host=host, token="other", beat=now())
    journal.folder.write(NAME, seal(dump(lease)))


@pytest.mark.heavy
@pytest.mark.processes
def test_of_eight_processes_one_takes_a_dead_run_over(distant, object_stores):
    leave(begin(distant, RECORD))
    with ExitStack() as stack:
        command = [sys.executable, "-m", "tests.job.lease_racer", distant.url, json.dumps(dict(object_stores.options))]
        racers = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
            )
            for _ in range(RIVALS)
        ]
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        said = [json.loads(racer.stdout.readline()) for racer in racers]
        (winner,) = (racer for racer, each in zip(racers, said, strict=True) if "start" in each)
        assert [each["start"] for each in said if "start" in each] == [2]
        conflicts = [each["conflict"] for each in said if "conflict" in each]
        assert len(conflicts) == RIVALS - 1
        assert all(f"process {winner.pid}" in each for each in conflicts), conflicts


def test_of_eight_threads_one_takes_a_dead_run_over(distant):
    leave(begin(distant, RECORD))
    gate, ends = threading.Barrier(RIVALS), []

    def attempt():
        gate.wait()
        try:
            ends.append(resumable(distant, "settings", "main").record.run)
        except RunConflictError as conflict:
            ends.append(conflict)

    threads = [threading.Thread(target=attempt) for _ in range(RIVALS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends.count(RECORD.run) == 1
    conflicts = [end for end in ends if isinstance(end, RunConflictError)]
    assert len(conflicts) == RIVALS - 1
    assert all(f"process {os.getpid()}" in str(conflict) for conflict in conflicts)


def test_a_start_that_has_lost_its_run_keeps_and_publishes_nothing(folder):
    journal = begin(folder, RECORD)
    journal.keep(finished())
    journal.flush()
    taken_by(journal, "another-host")
    with pytest.raises(RunConflictError, match=r"taken over by another-host"):
        journal.renew()
    for refused in (journal.renew, journal.flush, lambda: journal.keep(finished()), lambda: journal.drop("a.1")):
        with pytest.raises(RunConflictError, match="another-host"):
            refused()
    with pytest.raises(RunConflictError):
        journal.drop_structure()
    journal.close()
    assert journal.partitions().keys() == {"a.1"}


def test_a_start_whose_run_was_given_up_finds_out(folder):
    journal = begin(folder, RECORD)
    journal.remove()
    with pytest.raises(RunConflictError, match="given up"):
        journal.renew()
    assert folder.entries() == {}


def test_a_lease_is_renewed_again_and_again(folder):
    journal = begin(folder, RECORD)
    for _ in range(3):
        journal.renew()
    assert journal.lease().mine()
    assert journal.lease().alive()


def test_one_process_has_a_run_once_at_a_time(folder):
    with begin(folder, RECORD), pytest.raises(RunConflictError, match=f"process {os.getpid()}"):
        resumable(folder, "settings", "main")
    assert resumable(folder, "settings", "main").at_work.holding.lease.start == 2


def test_an_answer_that_was_lost_is_found_by_looking(distant, monkeypatch):
    """The write has succeeded; what sends it again is refused."""
    write, lost = Folder.write_version, []

    def answer_lost(self, name, content, version):
        taken = write(self, name, content, version)
        lost.append(name)
        return taken if len(lost) % 2 == 0 else None

    monkeypatch.setattr(Folder, "write_version", answer_lost)
    journal = begin(distant, RECORD)
    for _ in range(2):
        journal.renew()
    assert journal.at_work.holding.lease.start == 1
    assert len(lost) == 4


def test_a_lease_that_is_damaged_is_nobody_elses(folder):
    journal = begin(folder, RECORD)
    journal.folder.write(NAME, b"")
    journal.renew()
    assert journal.lease().token == journal.at_work.holding.lease.token


def test_a_new_run_is_not_begun_where_another_is_at_work(folder):
    place = folder.below("run")
    lease = Lease("another-host", 1, "", now(), 7, "token")
    place.write(NAME, seal(dump(lease)))
    with pytest.raises(RunConflictError, match="another-host, process 1"):
        take(place, "run")
    place.write(NAME, seal(dump(replace(lease, beat=DEAD["beat"]))))
    assert take(place, "run").lease.start == 8


def test_each_renewal_says_when_it_was_made(local_journal):
    holding = local_journal.at_work.holding
    holding.lease = replace(holding.lease, beat=DEAD["beat"])
    local_journal.renew()
    assert read_lease(local_journal.folder)[0].age_s < 60


def test_a_lease_that_cant_be_written_is_an_error(folder, monkeypatch):
    journal = begin(folder, RECORD)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "write_version", full)
    with pytest.raises(StoreError, match="No space left"):
        journal.renew()
    monkeypatch.undo()
    journal.renew()
    assert len(open_journals(folder)) == 1


def test_the_end_of_a_run_gives_its_lease_back(folder):
    """To starts on other machines, at once; none of its heartbeats takes that back."""
    with pytest.raises(InterruptedRunError), begin(folder, RECORD) as journal:
        raise InterruptedRunError
    journal.renew()
    assert journal.lease().released
    journal.folder.write(NAME, seal(dump(replace(journal.lease(), host="another-host"))))
    assert resumable(folder, "settings", "main").at_work.holding.lease.start == 2


def test_a_lease_that_others_have_taken_is_not_given_back(folder):
    journal = begin(folder, RECORD)
    taken_by(journal, "another-host")
    journal.give_back()
    assert (journal.lease().host, journal.lease().released) == ("another-host", False)


def test_a_lease_of_an_earlier_version_is_read(folder):
    journal = begin(folder, RECORD)
    lease = unseal(journal.folder.read(NAME))
    del lease["released"]
    journal.folder.write(NAME, seal(lease))
    assert journal.lease().alive()


@pytest.fixture
def waits(monkeypatch):
    monkeypatch.setattr("gnssice_batch.job.lease.LEASE_S", 2.0)
    monkeypatch.setattr("gnssice_batch.job.lease._LOOK_S", 0.1)


@pytest.fixture
def held(folder, waits):  # noqa: ARG001 - it makes the waits short
    """A run that a process of another machine has, whose clock is far ahead."""
    journal = begin(folder, RECORD)
    lease = replace(journal.lease(), host="another-host", token="other", beat="2999-01-01T00:00:00+00:00")
    journal.folder.write(NAME, seal(dump(lease)))
    journal.at_work.holding.forget()
    with pytest.raises(HeldError) as conflict:
        resumable(folder, "settings", "main")
    return conflict.value


def later(action):
    timer = threading.Timer(0.5, action)
    timer.start()
    return timer


@pytest.mark.heavy
def test_a_lease_that_is_not_renewed_is_taken_after_a_wait(folder, held, caplog):
    with caplog.at_level("INFO", "gnssice_batch"):
        dead = wait_for(held, lambda: None)
    assert [record.message for record in caplog.records if "waiting for it, 2 s at most" in record.message]
    assert dead == held.lease
    assert resumable(folder, "settings", "main", dead).at_work.holding.lease.start == 2


@pytest.mark.heavy
def test_a_lease_that_was_renewed_after_all_is_not_taken(folder, held):
    dead = wait_for(held, lambda: None)
    held.folder.write(NAME, seal(dump(replace(dead, beat=now()))))
    with pytest.raises(HeldError):
        resumable(folder, "settings", "main", dead)


def test_a_lease_that_is_renewed_is_a_living_rivals(held, monkeypatch):
    monkeypatch.setattr("gnssice_batch.job.lease.LEASE_S", 60.0)
    timer = later(lambda: held.folder.write(NAME, seal(dump(replace(held.lease, beat=now())))))
    with pytest.raises(RunConflictError, match="at work on another-host"):
        wait_for(held, lambda: None)
    timer.join()


@pytest.mark.parametrize("end", ["released", "removed"])
def test_a_lease_that_ends_is_waited_for_no_longer(folder, held, monkeypatch, end):
    monkeypatch.setattr("gnssice_batch.job.lease.LEASE_S", 60.0)
    released = seal(dump(replace(held.lease, released=True)))
    timer = later(lambda: held.folder.write(NAME, released) if end == "released" else held.folder.remove(NAME))
    assert wait_for(held, lambda: None) is None
    timer.join()
    assert resumable(folder, "settings", "main").at_work.holding.lease.host != "another-host"


def test_a_request_to_stop_ends_the_wait(held):
    stop = Stop()
    timer = later(lambda: setattr(stop, "requested", True))
    with pytest.raises(InterruptedRunError):
        wait_for(held, stop.raise_if_requested)
    timer.join()


def test_a_process_of_this_machine_is_not_waited_for(folder):
    with begin(folder, RECORD):
        with pytest.raises(HeldError) as conflict:
            resumable(folder, "settings", "main")
        with pytest.raises(RunConflictError, match=f"process {os.getpid()}"):
            wait_for(conflict.value, lambda: None)
