"""How long the lease of another machine is waited for, by a clock that only tests move."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from gnssice_batch.job import lease as leases
from gnssice_batch.job.lease import LEASE_S, HeldError, now, take, wait_for
from gnssice_batch.storage.folder import Folder
from tests.support.leases import Server, others


@pytest.fixture
def server(monkeypatch):
    return Server(monkeypatch)


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only while somebody sleeps; what is to happen then is done at its time."""
    state = SimpleNamespace(now=1000.0, asked=0, sleeps=[], happens=[])

    def monotonic():
        state.asked += 1
        assert state.asked < 2000, "nobody waits any more"
        return state.now

    def sleep(seconds):
        state.now += seconds
        state.sleeps.append(seconds)
        while state.happens and state.now - 1000.0 >= state.happens[0][0]:
            state.happens.pop(0)[1]()

    monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=monotonic, sleep=sleep))
    monkeypatch.setattr(leases, "_STEP_S", 0.25)
    return state


def held(folder, lease):
    return HeldError(folder, "run", lease)


def test_a_lease_that_is_not_renewed_is_a_dead_processs_after_its_time(server, folder, clock):
    lease = others(-5)
    server.leave(lease)
    stops = []
    assert wait_for(held(folder, lease), lambda: stops.append(1)) == lease
    assert clock.now - 1000 == LEASE_S
    assert server.reads == LEASE_S / 2, "every two seconds it is looked at"
    assert len(stops) == LEASE_S / 0.25 + LEASE_S / 2, "who waits can be stopped in each step, and after it"


def test_only_what_is_left_of_a_lease_is_waited_for(server, folder, clock):
    lease = others(LEASE_S - 1)
    server.leave(lease)
    assert wait_for(held(folder, lease), lambda: None) == lease
    assert 0.9 < clock.now - 1000 <= 2.0


def test_a_lease_whose_time_is_over_is_not_waited_for(server, folder, clock):
    lease = others(LEASE_S + 5)
    assert wait_for(held(folder, lease), lambda: None) == lease
    assert (clock.sleeps, server.reads) == ([], 0)


@pytest.mark.parametrize(
    ("after", "comes"),
    [
        (lambda server, lease: server.leave(replace(lease, released=True)), None),
        (lambda server, _: setattr(server, "content", None), None),
        (lambda server, _: server.put(b"damaged"), None),
        (lambda server, lease: server.leave(replace(lease, beat=now(), process=8)), HeldError),
    ],
    ids=["given back", "removed", "damaged", "renewed"],
)
def test_a_lease_that_changes_ends_the_wait(server, folder, clock, after, comes):
    lease = others(-5)
    server.leave(lease)
    clock.happens = [(9.0, lambda: after(server, lease))]
    if comes:
        with pytest.raises(comes, match="at work on another-host, process 8"):
            wait_for(held(folder, lease), lambda: None)
    else:
        assert wait_for(held(folder, lease), lambda: None) is None
    assert clock.now - 1000 == 10


def test_nobody_and_processes_of_this_machine_are_not_waited_for(folder, clock):
    for error in (held(folder, None), held(folder, take(folder, "run", new=True).lease)):
        with pytest.raises(HeldError) as raised:
            wait_for(error, lambda: None)
        assert raised.value is error
    assert clock.sleeps == []


def test_a_stop_ends_the_wait_at_once(server, folder, clock):
    lease = others()
    server.leave(lease)

    def stop():
        if clock.now > 1000:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        wait_for(held(folder, lease), stop)
    assert clock.now == 1000.25
