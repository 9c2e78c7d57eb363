"""Phase and tolerance that epochs fit: exact, steered, rounded and free-running clocks."""

import numpy as np
import pytest

from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.planning.sampling import Marks, offsets_ns, phase_of, tolerance_of
from tests.support.clocks import drifting, ns


def marks(times_s, epochs=None):
    times_ns = ns(times_s)
    return Marks(times_ns, epochs or times_ns.size)


class TestPhase:
    @pytest.mark.parametrize("phase_s", [0, 7, 14, 18, 0.5, 29.25])
    def test_that_most_epochs_have_not_the_one_in_the_middle(self, phase_s):
        most, others = np.arange(60) * 30 + phase_s, np.arange(50) * 30 + phase_s + np.linspace(1, 12, 50)
        assert phase_of([marks(most), marks(others)], 30 * SECOND_NS) == phase_s * SECOND_NS

    def test_files_count_as_many_epochs_as_they_have(self):
        few, many = marks(np.arange(100) * 30), marks(np.arange(100) * 30 + 18, 2_880)
        assert phase_of([few, many], 30 * SECOND_NS) == 18 * SECOND_NS
        assert phase_of([], 30 * SECOND_NS) == 0

    def test_a_file_that_is_thinned_more_counts_no_less(self):
        thinned, whole = marks(np.arange(100) * 30 + 18, 3_000), marks(np.arange(200) * 30, 2_000)
        assert phase_of([thinned, whole], 30 * SECOND_NS) == 18 * SECOND_NS

    def test_a_clock_that_runs_freely_has_the_phase_of_its_marks(self):
        for start_s in (0, 0.4, -0.6):
            tags = drifting(30, 2_880, 0.00034, 1.0) + start_s
            assert phase_of([marks(tags)], 30 * SECOND_NS) in {0, SECOND_NS, 29 * SECOND_NS}
        assert phase_of([marks(drifting(30, 2_000, 0.00001, 0.02))], 30 * SECOND_NS) == 10_000_000

    def test_is_exact_at_high_rates(self):
        assert phase_of([marks(np.arange(500) * 0.05 + 0.0123)], 50_000_000) == 12_300_000
        assert phase_of([marks(np.arange(500) * 0.05 + 0.0049)], 50_000_000) == 0

    def test_is_rounded_to_a_millisecond_from_a_tenth_of_a_second_on(self):
        assert phase_of([marks(np.arange(500) * 0.1 + 0.0123)], 100_000_000) == 12_000_000
        assert phase_of([marks(np.arange(500) * 0.05 + 0.0123)], 50_000_000) == 12_300_000


class TestTolerance:
    @pytest.mark.parametrize(("interval_s", "found_s"), [(30, 0.005), (1, 0.005), (0.02, 0.005), (0.005, 0.0025)])
    def test_of_a_steered_clock(self, interval_s, found_s):
        assert tolerance_of([marks(np.arange(200) * interval_s)], round(interval_s * 1e9), 0) == found_s * SECOND_NS
        assert tolerance_of([], round(interval_s * 1e9), 0) == found_s * SECOND_NS

    def test_what_a_steered_clock_may_stray_shows_no_more(self):
        assert tolerance_of([marks(np.arange(200) * 30 + 0.005)], 30 * SECOND_NS, 0) == 5_000_000
        assert tolerance_of([marks(np.arange(200) * 30 + 0.006)], 30 * SECOND_NS, 0) == 50_000_000

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
