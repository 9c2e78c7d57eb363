"""The interval that epochs fit: exact, steered, rounded and free-running clocks."""

import numpy as np
import pytest

from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from gnssice_batch.model.intervals import interval_of
from tests.support.clocks import drifting, ns


class TestInterval:
    @pytest.mark.parametrize("interval_s", [0.01, 0.02, 0.05, 0.075, 0.1, 0.125, 0.2, 0.25, 0.5, 1, 2.5, 15, 30, 300])
    def test_exact_and_with_gaps(self, interval_s):
        epochs = np.arange(400) * interval_s
        assert interval_of(ns(epochs)) == round(interval_s * SECOND_NS)
        assert interval_of(ns(np.delete(epochs, range(50, 90)))[::-1]) == round(interval_s * SECOND_NS)
        assert interval_of(ns(np.delete(epochs, range(0, 400, 5)))) == round(interval_s * SECOND_NS)

    @pytest.mark.parametrize("interval_s", [1, 5, 15, 30])
    @pytest.mark.parametrize("per_epoch_s", [0.00017, 0.0000123, 0.0005, -0.0002])
    def test_of_a_clock_that_runs_freely(self, interval_s, per_epoch_s):
        assert interval_of(ns(drifting(interval_s, 2_880, per_epoch_s, 1.0))) == interval_s * SECOND_NS
        assert interval_of(ns(drifting(interval_s, 2_880, per_epoch_s, 0.001))) == interval_s * SECOND_NS

    def test_of_tags_that_are_rounded(self):
        assert interval_of(ns(np.round(np.arange(1000) * 0.0125 + 1e-9, 3))) == 12_500_000
        jitter = np.random.default_rng(1).uniform(-0.0005, 0.0005, 1000)
        assert interval_of(ns(np.round(np.arange(1000) * 0.05 + jitter, 4))) == 50_000_000
        assert interval_of(ns(np.arange(100) * 1.001)) == SECOND_NS

    @pytest.mark.parametrize("interval_s", [0.07, 0.7, 7, 11, 29])
    def test_one_that_does_not_divide_a_day_stays_what_it_is(self, interval_s):
        assert interval_of(ns(np.arange(200) * interval_s)) == round(interval_s * SECOND_NS)
        assert DAY_NS % round(interval_s * SECOND_NS)

    @pytest.mark.parametrize(
        ("times_s", "stated_s", "found_s"),
        [
            ([0], 0, 0), ([0], 30, 30), ([0, 60], 30, 30), ([0, 60], 0, 60), ([0, 1], 30, 1),
            (range(0, 60, 5), 30, 5), (range(0, 6000, 60), 30, 60), ([0, 0, 0], 0, 0),
        ],
    )  # fmt: skip
    def test_few_epochs_and_a_stated_interval(self, times_s, stated_s, found_s):
        assert interval_of(ns(list(times_s)), stated_s * SECOND_NS) == found_s * SECOND_NS
