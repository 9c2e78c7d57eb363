"""Who has a run, decided by the versions of one file, and who finds out that another has it."""

import os
import subprocess
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.job import lease as leases
from gnssice_batch.job.lease import (
    LEASE_S,
    NAME,
    HeldError,
    Holding,
    now,
    numbering,
    process_started,
    read_lease,
    take,
)
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.records import dump
from gnssice_batch.storage.folder import Folder
from tests.support.leases import Server, beat, others

TRIES = 5


@pytest.fixture
def server(monkeypatch):
    return Server(monkeypatch)


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


@pytest.fixture(autouse=True)
def nobody():
    """No lease of another test is this process's."""
    before = set(leases._mine)
    leases._mine.clear()
    yield
    leases._mine.clear()
    leases._mine.update(before)


def test_a_new_run_is_taken_by_one_write_without_a_look(server, folder):
    holding = take(folder, "run", new=True)
    assert (server.written, server.reads) == ([None], 0)
    assert server.lease == (holding.lease.token, 1, False)
    assert holding.lease.mine()
    assert holding.lease.alive()
    assert (holding.lease.host, holding.lease.numbering) == (leases.socket.gethostname(), numbering())


def test_a_new_run_that_another_has_begun_at_the_same_moment_is_the_others(server, folder):
    server.leave(others())
    with pytest.raises(HeldError, match=r"run run .* is at work on another-host, process 7"):
        take(folder, "run", new=True)
    assert (server.written, server.reads) == ([None], 1)


def test_a_dead_run_is_taken_with_the_version_that_was_looked_at(server, folder):
    server.leave(others(2 * LEASE_S))
    holding = take(folder, "run", lambda: 9)
    assert server.written == ["v1"]
    assert server.lease == (holding.lease.token, 5, False)


def test_a_lease_that_is_damaged_is_taken_with_its_version_too(server, folder):
    server.put(b"damaged")
    assert take(folder, "run", lambda: 9).lease.start == 10
    assert server.written == ["v1"]


@pytest.mark.parametrize("dead", [True, False])
def test_a_lease_that_is_not_renewed_any_more_is_taken_though_it_is_young(server, folder, dead):
    lease = others()
    server.leave(lease)
    if dead:
        assert take(folder, "run", dead=lease).lease.start == 5
        return
    with pytest.raises(HeldError):
        take(folder, "run", dead=replace(lease, beat=beat(1)))


def test_an_answer_that_was_lost_is_found_by_a_look_and_goes_on_with_its_version(server, folder):
    server.refusals = ["answer lost"]
    holding = take(folder, "run", new=True)
    assert holding.lease.start == 1
    holding.renew()
    assert server.written == [None, "v1"]


def test_who_is_refused_again_and_again_gives_up_and_is_nobody(server, folder):
    server.refusals = ["refused"] * 99
    with pytest.raises(HeldError, match="at work on another process; wait for it") as raised:
        take(folder, "run", new=True)
    assert raised.value.lease is None
    assert len(server.written) == TRIES
    assert leases._mine == set()


def test_each_renewal_goes_on_from_the_one_before(server, folder):
    holding = take(folder, "run", new=True)
    for _ in range(2):
        holding.renew()
    assert server.written == [None, "v1", "v2"]
    assert server.reads == 0, "as long as nobody else writes nothing has to be looked at"


def test_a_renewal_whose_answer_was_lost_is_made_again(server, folder):
    holding = take(folder, "run", new=True)
    server.refusals = ["answer lost"]
    holding.renew()
    assert server.written == [None, "v1", "v2"]
    assert not holding.lost


def test_a_renewal_that_is_refused_without_a_reason_is_given_up(server, folder):
    holding = take(folder, "run", new=True)
    server.refusals = ["refused"] * 99
    with pytest.raises(StoreError, match=r"lease\.json: the lease was not renewed in 5 tries"):
        holding.renew()
    assert len(server.written) == 1 + TRIES
    assert not holding.lost


@pytest.mark.parametrize("gone", [True, False])
def test_a_run_that_was_taken_or_given_up_is_known_to_be_lost_from_then_on(server, folder, gone):
    holding = take(folder, "run", new=True)
    holding.check()
    if gone:
        server.content = None
    else:
        server.leave(others())
    said = "was given up or published" if gone else "was taken over by another-host, process 7"
    for _ in range(2):
        with pytest.raises(RunConflictError, match=said):
            holding.renew()
    with pytest.raises(RunConflictError, match=said):
        holding.check()
    assert holding.lost
    assert server.written == [None, "v1"], "who has lost a run writes nothing to it"
    holding.give_back()
    assert server.written == [None, "v1"]


def test_a_lease_that_is_damaged_is_written_again(server, folder):
    holding = take(folder, "run", new=True)
    server.put(b"damaged")
    holding.renew()
    assert server.lease == (holding.lease.token, 1, False)


def test_a_run_is_given_back_once_and_renewed_no_more(server, folder):
    holding = take(folder, "run", new=True)
    holding.give_back()
    holding.renew()
    holding.give_back()
    assert server.lease == (holding.lease.token, 1, True)
    assert server.written == [None, "v1"]
    assert not holding.lease.alive()
    assert not holding.lost


def test_on_a_disk_who_writes_looks_first(folder, monkeypatch):
    """No server decides there."""
    holding = take(folder, "run", new=True)
    written = []
    monkeypatch.setattr(Folder, "write_version", lambda *_: written.append("written"))
    folder.write(NAME, seal(dump(others())))
    with pytest.raises(RunConflictError, match="taken over"):
        holding.renew()
    assert written == []


def test_no_renewal_under_way_takes_a_return_back(folder, monkeypatch):
    holding = take(folder, "run", new=True)
    write, begun, go_on = Folder.write_version, threading.Event(), threading.Event()

    def slow(self, name, content, version):
        if not unseal(content)["released"]:
            begun.set()
            go_on.wait(0.2)
        return write(self, name, content, version)

    monkeypatch.setattr(Folder, "write_version", slow)
    renewing = threading.Thread(target=holding.renew)
    renewing.start()
    begun.wait(5)
    holding.give_back()
    go_on.set()
    renewing.join()
    assert read_lease(folder)[0].released


def test_two_renewals_are_made_one_after_the_other(server, folder, monkeypatch):
    holding, both = take(folder, "run", new=True), threading.Barrier(2)
    write, at_once = server.write, []

    def slow(_, name, content, version):
        try:
            both.wait(0.05)
            at_once.append(version)
        except threading.BrokenBarrierError:
            both.reset()
        return write(name, content, version)

    monkeypatch.setattr(Folder, "write_version", slow)
    threads = [threading.Thread(target=holding.renew) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at_once == []


def test_what_can_t_be_read_or_written_is_an_error_of_the_store(tmp_path):
    (tmp_path / "file").write_text("no folder")
    folder = Folder(str(tmp_path / "file"))
    with pytest.raises(StoreError, match=r"lease\.json: the lease can't be read"):
        read_lease(folder)
    with pytest.raises(StoreError, match=r"lease\.json: the journal can't be written"):
        take(folder, "run", new=True)
    assert leases._mine == set()


def test_what_is_no_lease_is_nobodys_and_that_is_said(folder, caplog):
    assert read_lease(folder) == (None, None)
    folder.write(NAME, b"damaged")
    assert read_lease(folder) == (None, "")
    assert "lease.json is not used: not a journal file" in caplog.text


def test_a_lease_of_an_earlier_program_lacks_what_was_added_since(folder):
    document = {name: value for name, value in dump(others()).items() if name not in {"released", "numbering"}}
    folder.write(NAME, seal(document))
    found, _ = read_lease(folder)
    assert (found.token, found.released, found.numbering) == ("theirs", False, "")


def test_a_lease_without_a_numbering_is_of_the_machine_it_names():
    mine = Holding(None, "run", replace(others(), host=leases.socket.gethostname()), "").lease
    assert mine.here
    assert not replace(mine, numbering="pid:[1]").here
    assert not replace(mine, host="another-host", numbering=numbering()).here


def test_where_the_system_tells_no_numbering_it_is_empty(monkeypatch):
    assert numbering().startswith("pid:[")

    def untold(_):
        raise PermissionError

    monkeypatch.setattr(Path, "readlink", untold)
    assert numbering() == ""


def test_a_process_is_told_by_when_it_started():
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with subprocess.Popen(["sleep", "10"]) as process:
        started_s = int(process_started(process.pid)) / os.sysconf("SC_CLK_TCK")
        assert before - 1 <= started_s <= time.clock_gettime(time.CLOCK_BOOTTIME) + 1
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process_started(process.pid) == "", "it has ended, and was not waited for"
    assert process_started(process.pid) == ""


def test_times_of_leases_are_whole_seconds_of_utc():
    assert abs((datetime.now(UTC) - datetime.fromisoformat(now())).total_seconds()) < 5
    assert len(now()) == len("2025-01-01T00:00:00+00:00")
