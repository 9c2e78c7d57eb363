"""Calls made at the same time: results in order, the first failure raised when nothing is under way any more."""

import threading

import pytest

from gnssice_batch.store.together import together


def test_results_come_in_the_order_of_the_calls():
    assert together(lambda n=n: n * n for n in range(50)) == [n * n for n in range(50)]
    assert together([]) == []


def test_as_many_are_under_way_as_were_asked_for():
    barrier = threading.Barrier(4, timeout=10)
    assert len(together([barrier.wait] * 8, at_once=4)) == 8


def test_a_failure_is_raised_when_the_others_are_over():
    ended = []

    def call(number):
        if number == 1:
            message = f"call {number}"
            raise ValueError(message)
        ended.append(number)

    with pytest.raises(ValueError, match="call 1"):
        together([lambda n=n: call(n) for n in range(4)], at_once=2)
    before = list(ended)
    assert 0 in ended
    assert before == ended
