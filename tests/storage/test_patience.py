"""Pauses before a storage is asked again: how they grow, what a server says, when it is given up."""

import logging
from itertools import count, takewhile

import pytest

from gnssice_batch.storage.patience import TRIES, Patience, seconds_said


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def patience(clock):
    made = Patience(clock)
    made.answered()
    return made


def pauses(patience):
    """The pauses of one request that fails as long as it is made."""
    return list(takewhile(lambda pause_s: pause_s is not None, (patience.pause_s(n, "why") for n in count(1))))


def test_pauses_grow_to_a_limit_and_are_spread(patience, monkeypatch):
    monkeypatch.setattr("gnssice_batch.storage.patience._FIRST_PAUSE_S", 0.2)
    one, other = pauses(patience), pauses(patience)
    assert len(one) == len(other) == TRIES - 1
    assert one != other
    for number, pause_s in enumerate(one):
        assert min(0.1 * 2**number, 10) <= pause_s <= min(0.2 * 2**number, 20)


def test_what_a_server_says_is_the_least_for_all_requests(patience, clock):
    assert patience.pause_s(1, "503", said_s=7) >= 7
    clock.now_s += 3
    assert 4 <= patience.pause_s(1, "another request") <= 4.2
    clock.now_s += 5
    assert patience.pause_s(1, "a third") <= 0.2


def test_no_server_can_make_it_wait_for_ever(patience):
    assert patience.pause_s(1, "503", said_s=86_400) <= 121


def test_processes_share_one_budget(patience):
    patience.share(20)
    given = sum(len(pauses(patience)) for _ in range(100))
    assert given == 10
    for _ in range(100):
        patience.answered()
    assert sum(len(pauses(patience)) for _ in range(100)) == 10
    patience.share(10_000)
    for _ in range(100):
        patience.answered()
    assert sum(len(pauses(patience)) for _ in range(100)) == 5


def test_the_budget_of_a_process_ends_and_is_earned_again(patience):
    given = sum(len(pauses(patience)) for _ in range(100))
    assert given == 200
    assert patience.pause_s(1, "why") is None
    for _ in range(2):
        patience.answered()
    assert patience.pause_s(1, "why") is not None
    assert patience.pause_s(1, "why") is None


@pytest.mark.parametrize(("answered", "outage_s"), [(True, 120), (False, 8)])
def test_a_storage_that_stays_silent_is_given_up_sooner_if_it_has_never_answered(clock, answered, outage_s):
    patience = Patience(clock)
    if answered:
        patience.answered()
    assert patience.pause_s(1, "gone") is not None
    clock.now_s += outage_s - 1
    assert patience.pause_s(1, "gone") is not None
    clock.now_s += 2
    assert patience.pause_s(1, "gone") is None
    patience.answered()
    assert patience.pause_s(1, "gone") is not None


def test_the_log_shows_the_pause_and_no_secret(patience, caplog):
    with caplog.at_level(logging.WARNING):
        pause_s = patience.pause_s(1, "GET https://host/a?sig=abcdefgh0123456789\nmore", said_s=2)
    assert f"asked again in {pause_s:.1f} s" in caplog.text
    assert "abcdefgh" not in caplog.text
    assert "more" not in caplog.text


@pytest.mark.parametrize(
    ("said", "seconds"), [("3", 3), ("0", 0), (None, 0), ("", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)]
)
def test_retry_after(said, seconds):
    assert seconds_said(said) == seconds
