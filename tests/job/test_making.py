"""Structures that are made when they are needed: once, in order, or never."""

import threading

import pytest

from gnssice_batch.job.aside import Aside
from gnssice_batch.job.making import Making, extending, made_before
from gnssice_batch.store.writing.structure import Structure
from tests.support.templates import template


def structure(name):
    return Structure("BASE", name, b"change", b"fork", {})


def test_what_is_begun_is_made_once_and_what_it_raises_is_raised_where_it_is_wanted():
    calls = []
    with Aside() as aside:

        def start(making):
            calls.append(sorted(making.templates))
            return aside.begin(lambda: structure("one"))

        making = Making({"a": template()}, None, start)
        assert making.made is None
        assert making.begin() is making.begin()
        assert making.result() == making.result() == structure("one")
        assert calls == [["a"]]
        failing = Making({}, None, lambda _: aside.begin(lambda: 1 // 0))
        failing.begin()
        with pytest.raises(ZeroDivisionError):
            failing.result()


def test_of_two_threads_that_want_it_one_begins_it():
    begun, another = [], threading.Event()

    def start(making):
        begun.append(making)
        (another if len(begun) > 1 else threading.Event()).set()
        another.wait(0.1)
        return made_before(structure("one")).begin()

    making = Making({}, None, start)
    threads = [threading.Thread(target=making.begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 1


def test_one_that_was_not_begun_gives_way_to_the_next():
    old, new = template(), template(signals=3)
    first = Making({"a": old, "b": old}, None, lambda _: None)
    second = extending(first, {"a": new}, lambda _: None)
    assert (second.extended, second.templates) == (None, {"a": new, "b": old})


def test_the_first_one_extends_nothing():
    first = extending(None, {"a": template()}, lambda _: None)
    assert (first.extended, first.templates, first.made) == (None, {"a": template()}, None)


def test_one_that_was_begun_is_extended():
    before = made_before(structure("one"))
    after = extending(before, {"a": template()}, lambda _: None)
    assert after.extended is before
    assert before.result() == structure("one")


def test_calls_are_made_in_their_order_and_those_that_wait_are_dropped_at_the_end():
    made, go_on = [], threading.Event()
    with Aside() as aside:
        aside.begin(go_on.wait, 10)
        aside.begin(made.append, 1)
        last = aside.begin(made.append, 2)
        go_on.set()
        last.result()
        assert made == [1, 2]
        under_way, stop = threading.Event(), threading.Event()
        aside.begin(lambda: (under_way.set(), stop.wait(10), made.append(3)))
        waiting = aside.begin(made.append, 4)
        under_way.wait(10)
        threading.Timer(0.1, stop.set).start()
    assert made == [1, 2, 3]
    assert waiting.cancelled()
