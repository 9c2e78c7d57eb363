"""Whether the process of a lease is still at work, by what can be known of it from here."""

import ctypes
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gnssice_batch.job import lease as leases
from gnssice_batch.job.lease import LEASE_S, HeldError, Lease, numbering, process_started, read_lease, take, wait_for
from gnssice_batch.job.sealing import seal
from gnssice_batch.records import dump
from gnssice_batch.storage.folder import Folder

PR_SET_NAME = 15


def beat(age_s):
    return (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat(timespec="seconds")


@pytest.fixture
def mine():
    """A lease that this process might hold."""
    own = os.getpid()
    return Lease(leases.socket.gethostname(), own, process_started(own), beat(0), 1, "token", numbering=numbering())


@pytest.fixture
def other(mine):
    """The lease of another process of this machine, and the process."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield replace(mine, process=process.pid, process_started=process_started(process.pid)), process
        process.kill()


def test_this_process_is_at_work_as_long_as_it_holds_the_lease(tmp_path, mine):
    folder = Folder(str(tmp_path))
    holding = take(folder, "run", new=True)
    lease, _ = read_lease(folder)
    assert (lease, lease.alive(), lease.mine(), lease.here) == (holding.lease, True, True, True)
    holding.forget()
    assert not lease.alive()
    assert not mine.alive()


def test_a_take_that_fails_leaves_this_process_free(tmp_path, other):
    held = take(Folder(str(tmp_path)), "run", new=True)
    before = set(leases._mine)
    with pytest.raises(leases.HeldError):
        take(Folder(str(tmp_path)), "run")
    assert leases._mine == before
    assert held.lease.alive()
    assert other[0].alive()


def test_another_process_of_this_machine_is_at_work_until_it_ends(other):
    """However long ago it has said so: it may have been stopped."""
    lease, process = other
    old = replace(lease, beat=beat(10 * LEASE_S))
    assert old.alive()
    assert not old.mine()
    process.kill()
    process.wait()
    assert not lease.alive()


def test_a_process_that_ended_and_was_not_waited_for_is_not_at_work(other):
    lease, process = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process_started(process.pid) == ""
    assert not lease.alive()


def test_a_process_whose_name_is_no_text_is_seen():
    """The system lets a process call itself by any bytes, brackets and blanks among them."""
    call, own = ctypes.CDLL(None).prctl, process_started(os.getpid())
    name = Path("/proc/self/comm").read_bytes().rstrip(b"\n")
    try:
        call(PR_SET_NAME, b"\xff\xfe) Z (")
        assert process_started(os.getpid()) == own
    finally:
        call(PR_SET_NAME, name)


def test_a_number_that_was_given_to_another_process_is_not_the_one(other):
    assert not replace(other[0], process_started="1").alive()


@pytest.mark.parametrize("elsewhere", [{"host": "another"}, {"numbering": "pid:[1]"}], ids=["machine", "container"])
@pytest.mark.parametrize(("age_s", "alive"), [(0, True), (LEASE_S - 5, True), (LEASE_S + 2, False), (-60, True)])
def test_a_process_that_cant_be_seen_is_at_work_if_it_has_said_so_lately(mine, elsewhere, age_s, alive):
    lease = replace(mine, beat=beat(age_s), **elsewhere)
    assert not lease.here
    assert not lease.mine()
    assert lease.alive() is alive


def test_a_lease_without_a_numbering_is_of_the_machine_it_names(mine):
    assert replace(mine, numbering="").here


def test_a_lease_that_was_given_back_is_nobodys(other):
    assert not replace(other[0], released=True).alive()
    assert not replace(other[0], host="another", released=True).alive()


def test_starts_are_named_in_their_order(tmp_path):
    folder = Folder(str(tmp_path))
    names = []
    for _ in range(11):
        holding = take(folder, "run", lambda: 0)
        names.append(holding.lease.origin)
        holding.give_back()
    assert names == sorted(names)
    assert [int(name.partition(".")[0]) for name in names] == list(range(1, 12))


def test_the_highest_known_start_counts_only_where_no_lease_tells(tmp_path):
    first, second = Folder(str(tmp_path / "a")), Folder(str(tmp_path / "b"))
    holding = take(first, "run", lambda: 7)
    assert holding.lease.start == 8
    holding.give_back()
    assert take(first, "run", lambda: 70).lease.start == 9
    assert take(second, "run", lambda: 7, new=True).lease.start == 1


def test_a_lease_that_was_given_back_is_not_renewed(tmp_path):
    folder = Folder(str(tmp_path))
    holding = take(folder, "run", new=True)
    holding.give_back()
    holding.renew()
    holding.give_back()
    assert read_lease(folder)[0].released


def test_processes_that_see_one_another_are_numbered_alike():
    command = [sys.executable, "-c", "from gnssice_batch.job.lease import numbering; print(numbering())"]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert re.fullmatch(r"pid:\[\d+\]", numbering())
    assert there == numbering()


def test_a_lease_that_was_found_dead_is_taken_and_not_one_that_was_renewed_since(tmp_path, mine):
    folder = Folder(str(tmp_path))
    far = replace(mine, host="another", start=4)
    folder.write("lease.json", seal(dump(far)))
    with pytest.raises(leases.HeldError, match="at work on another, process"):
        take(folder, "run")
    with pytest.raises(leases.HeldError):
        take(folder, "run", dead=replace(far, beat=beat(90)))
    assert take(folder, "run", dead=far).lease.start == 5


def test_a_lease_from_before_numberings_is_read(tmp_path, mine):
    document = {name: value for name, value in dump(mine).items() if name not in {"numbering", "released"}}
    Folder(str(tmp_path)).write("lease.json", seal(document))
    found, _ = read_lease(Folder(str(tmp_path)))
    assert (found.numbering, found.released, found.here) == ("", False, True)


def test_a_lease_that_is_damaged_while_it_is_waited_for_may_be_taken(tmp_path, mine, monkeypatch):
    monkeypatch.setattr(leases, "_LOOK_S", 0.01)
    folder = Folder(str(tmp_path))
    folder.write("lease.json", b"damaged")
    held = leases.HeldError(folder, "run", replace(mine, host="another", beat=beat(0)))
    assert leases.wait_for(held, lambda: None) is None


class EndedError(Exception):
    """The wait was ended."""


@pytest.mark.parametrize(("age_s", "least_s", "most_s"), [(LEASE_S - 7, 5, 7), (-60, LEASE_S, LEASE_S)])
def test_only_the_rest_of_a_lease_is_waited_for(tmp_path, mine, caplog, age_s, least_s, most_s):
    """Its beat is a whole second; one of a clock that is ahead is no reason to wait longer than a lease is."""
    held = HeldError(Folder(str(tmp_path)), "run", replace(mine, host="another", beat=beat(age_s)))

    def end():
        raise EndedError

    with caplog.at_level("INFO", "gnssice_batch"), pytest.raises(EndedError):
        wait_for(held, end)
    (told,) = re.findall(r"waiting for it, (\d+) s at most", caplog.text)
    assert least_s <= int(told) <= most_s
