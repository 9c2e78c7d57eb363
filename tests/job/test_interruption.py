"""SIGTERM asks a run to stop; after the grace period it ends whatever it does."""

import os
import signal
import threading
import time

import pytest

from gnssice_batch.errors import InterruptedRunError
from gnssice_batch.job.interruption import Stop, stoppable

SIGNALS = (signal.SIGTERM, signal.SIGALRM)


@pytest.fixture
def handlers():
    """Handlers of the signals, put back whatever the test has made of them."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield before
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_run_that_was_told_to_stop_ends_and_says_how_to_go_on():
    stop = Stop()
    stop.raise_if_requested()
    stop.requested = True
    with pytest.raises(InterruptedRunError, match="SIGTERM: start again to go on"):
        stop.raise_if_requested()


def test_a_signal_is_a_request_and_ends_nothing_by_itself(handlers):
    with stoppable(600) as stop:
        assert not stop.requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 600
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0, "what comes after is not interrupted"
    assert {number: signal.getsignal(number) for number in SIGNALS} == handlers


@pytest.mark.usefixtures("handlers")
def test_after_the_grace_period_a_run_ends_in_the_middle_of_whatever_it_does():
    with pytest.raises(InterruptedRunError), stoppable(0.01):  # noqa: PT012 - the signals come within
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)


@pytest.mark.usefixtures("handlers")
def test_an_alarm_of_others_ends_nothing_as_long_as_no_stop_was_asked_for():
    with stoppable(600) as stop:
        os.kill(os.getpid(), signal.SIGALRM)
        assert not stop.requested


def test_in_another_thread_no_handler_is_changed(handlers):
    seen = []

    def inside():
        with stoppable(600) as stop:
            seen.append((stop, {number: signal.getsignal(number) for number in SIGNALS}))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [(Stop(), handlers)]
