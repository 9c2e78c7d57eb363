"""Interval, phase and tolerance that epochs fit: exact, steered, rounded and free-running clocks."""

import numpy as np
import pytest

from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from gnssice_batch.planning.sampling import Marks, interval_of, offsets_ns, phase_of, tolerance_of

START_S = 15_000 * 86_400


def ns(times_s):
    return np.round(np.asarray(times_s, float) * 1e7).astype(np.int64) * 100 + START_S * SECOND_NS


def marks(times_s, epochs=None):
    times_ns = ns(times_s)
    return Marks(times_ns, epochs or times_ns.size)


def drifting(interval_s, epochs, per_epoch_s, reset_s, start_s=0.0):
    """Tags of a clock that gains so much an epoch, and is set back by `reset_s` once it is that far off."""
    return np.arange(epochs) * interval_s + (start_s + np.arange(epochs) * per_epoch_s) % reset_s


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


class TestPhase:
    @pytest.mark.parametrize("phase_s", [0, 7, 14, 18, 0.5, 29.25])
    def test_that_most_epochs_have_not_the_one_in_the_middle(self, phase_s):
        most, others = np.arange(60) * 30 + phase_s, np.arange(50) * 30 + phase_s + np.linspace(1, 12, 50)
        assert phase_of([marks(most), marks(others)], 30 * SECOND_NS) == phase_s * SECOND_NS

    def test_files_count_as_many_epochs_as_they_have(self):
        few, many = marks(np.arange(100) * 30), marks(np.arange(100) * 30 + 18, 2_880)
        assert phase_of([few, many], 30 * SECOND_NS) == 18 * SECOND_NS
        assert phase_of([], 30 * SECOND_NS) == 0

    def test_a_clock_that_runs_freely_has_the_phase_of_its_marks(self):
        for start_s in (0, 0.4, -0.6):
            tags = drifting(30, 2_880, 0.00034, 1.0) + start_s
            assert phase_of([marks(tags)], 30 * SECOND_NS) in {0, SECOND_NS, 29 * SECOND_NS}
        assert phase_of([marks(drifting(30, 2_000, 0.00001, 0.02))], 30 * SECOND_NS) == 10_000_000

    def test_is_exact_at_high_rates(self):
        assert phase_of([marks(np.arange(500) * 0.05 + 0.0123)], 50_000_000) == 12_300_000
        assert phase_of([marks(np.arange(500) * 0.05 + 0.0049)], 50_000_000) == 0


class TestTolerance:
    @pytest.mark.parametrize(("interval_s", "found_s"), [(30, 0.005), (1, 0.005), (0.02, 0.005), (0.005, 0.0025)])
    def test_of_a_steered_clock(self, interval_s, found_s):
        assert tolerance_of([marks(np.arange(200) * interval_s)], round(interval_s * 1e9), 0) == found_s * SECOND_NS
        assert tolerance_of([], round(interval_s * 1e9), 0) == found_s * SECOND_NS

    @pytest.mark.parametrize(
        ("drift_s", "interval_s", "found_s"), [(0.02, 30, 0.1), (0.245, 15, 1), (1, 30, 5), (0.9, 1, 0.5), (9, 30, 15)]
    )
    def test_follows_the_largest_drift_up_to_half_an_interval(self, drift_s, interval_s, found_s):
        tags = np.arange(1000) * interval_s + np.linspace(0, drift_s, 1000)
        found = tolerance_of([marks(np.arange(100) * interval_s), marks(tags)], interval_s * SECOND_NS, 0)
        assert found == found_s * SECOND_NS

    def test_slow_drift_shows_between_files(self):
        files = [marks(np.arange(60) * 30 + hour * 0.01) for hour in range(24)]
        assert tolerance_of(files, 30 * SECOND_NS, 0) == SECOND_NS

    def test_other_marks_and_single_epochs_do_not_widen_it(self):
        strays = np.arange(500) * 30.0
        strays[7] += 11
        other = marks(np.arange(100) * 30 + 18)
        alternating = marks(np.arange(200) * 15)
        moved = marks(np.arange(200) * 30 + (np.arange(200) > 150) * 7)
        assert tolerance_of([marks(strays), other, alternating, moved], 30 * SECOND_NS, 0) == 5_000_000


def test_offsets_lie_within_half_an_interval():
    times_ns = ns(np.arange(100) * 0.37)
    offsets = offsets_ns(times_ns, 30 * SECOND_NS, 7 * SECOND_NS)
    assert (abs(offsets) <= 15 * SECOND_NS).all()
    assert ((times_ns - offsets - 7 * SECOND_NS) % (30 * SECOND_NS) == 0).all()
