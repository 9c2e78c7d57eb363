"""Calls that send while the caller goes on: in their order, few at a time, none after one that failed."""

import threading

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.store.sending import Sending


@pytest.fixture
def may():
    return threading.Event()


@pytest.fixture
def sending(may):
    made = Sending()
    yield made
    may.set()
    made.finish()


def test_calls_are_made_one_after_the_other_while_the_caller_goes_on(sending, may):
    made = []
    sending.begin(may.wait)
    for number in range(3):
        sending.begin(lambda number=number: made.append(number))
    assert made == []
    may.set()
    sending.finish()
    assert made == [0, 1, 2]


def test_who_sends_too_much_waits(sending, may):
    made = []
    for number in range(4):
        sending.begin(lambda number=number: may.wait() and made.append(number))
    another = threading.Thread(target=sending.begin, args=(lambda: made.append("last"),), daemon=True)
    another.start()
    another.join(0.2)
    assert another.is_alive()
    assert made == []
    may.set()
    another.join()
    sending.finish()
    assert made == [0, 1, 2, 3, "last"]


def test_what_a_call_raises_ends_the_others(may):
    sending, made = Sending(), []

    def fail():
        may.wait()
        raise StoreError("the disk is full")

    sending.begin(fail)
    for number in range(3):
        sending.begin(lambda number=number: made.append(number))
    threading.Timer(0.1, may.set).start()
    with pytest.raises(StoreError, match="the disk is full"):
        sending.finish()
    assert made == []
    for again in (sending.finish, lambda: sending.begin(lambda: made.append("later"))):
        with pytest.raises(StoreError, match="the disk is full"):
            again()
    assert made == []
