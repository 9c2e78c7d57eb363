"""Single epochs at the edges: of the plausible dates, of the tolerance, of a span, of an earlier part of the file."""

from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import (
    Bounds,
    Placement,
    beside_earlier_parts,
    block_of,
    empty_block,
    empty_slots,
    fill_block,
    filled,
    later_slots,
    likely_bounds,
    out_of_bounds,
    place,
    span,
    told_of_epochs,
)
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import JOINED, VARIABLES, joined_name
from gnssice_batch.model.values import NO_SOURCE, Overlap, Span, Tally
from gnssice_batch.rinex import read
from gnssice_batch.rinex.observations.values import MISSING
from tests.support.runs import DAY_ONE_S, rinex

DAY_ONE_NS = DAY_ONE_S * SECOND_NS
STEP_NS = 30 * SECOND_NS
GRID = empty_grid(STEP_NS, 0, 720, DAY_ONE_NS)
BOUNDS = Bounds(DAY_ONE_NS, DAY_ONE_NS + 100 * STEP_NS, 5_000_000)


def observations(slots, svs=("G01",), **content):
    (part,) = read(rinex([DAY_ONE_S + 30 * slot for slot in slots], svs, **content)).parts
    return part


def placement(slot, offset_ps, values=4, refused=None):
    slots = np.array(slot, np.int64)
    counts = np.full(slots.size, values, np.int64)
    placed = Tally(int((slots >= 0).sum()), values * int((slots >= 0).sum()))
    return Placement(slots, np.array(offset_ps, np.int64), counts, placed, refused or {})


class TestBounds:
    def test_they_are_narrowed_to_a_span_on_both_sides_and_never_widened(self):
        bounds = Bounds(100, 200, 7, 50)
        assert bounds.within(Span(120, 150)) == Bounds(120, 151, 7, 50)
        assert bounds.within(Span(50, 300)) == bounds

    def test_the_earliest_date_is_plausible_and_the_latest_is_not(self):
        part = observations([0, 1, 2])
        bounds = Bounds(DAY_ONE_NS, DAY_ONE_NS + 2 * STEP_NS, 0)
        assert span(part, bounds) == Span(DAY_ONE_NS, DAY_ONE_NS + STEP_NS)
        assert out_of_bounds(part, bounds) == Tally(1, 4)


class TestLikelyBounds:
    GAP = Bounds(0, 2 * DAY_ONE_NS, 0, 10 * STEP_NS)

    @pytest.mark.parametrize(
        ("slots", "most"),
        [
            ([0, 100, 101, 102], (100, 102)),
            ([0, 1, 2, 100], (0, 2)),
            ([0, 50, 51, 100], (50, 51)),
            ([100, 101, 0], (100, 101)),
        ],
    )
    def test_the_longest_stretch_between_absurd_gaps_is_likely(self, slots, most):
        found = likely_bounds([observations(slots)], self.GAP)
        first, last = (DAY_ONE_NS + slot * STEP_NS for slot in most)
        assert found == replace(self.GAP, earliest_ns=first, latest_ns=last + 1)

    def test_a_gap_as_long_as_the_longest_allowed_is_none(self):
        assert likely_bounds([observations([0, 10, 20])], self.GAP) is self.GAP
        assert likely_bounds([observations([0, 11])], self.GAP) is not self.GAP

    def test_gaps_are_those_of_all_parts_together(self):
        parts = [observations([0, 16]), observations([8])]
        assert likely_bounds(parts, self.GAP) is self.GAP

    def test_any_gap_is_likely_where_none_is_absurd(self):
        bounds = replace(self.GAP, gap_ns=None)
        assert likely_bounds([observations([0, 1000])], bounds) is bounds

    def test_an_implausible_epoch_makes_no_gap(self):
        bounds = replace(self.GAP, latest_ns=DAY_ONE_NS + 50 * STEP_NS)
        assert likely_bounds([observations([0, 1, 90])], bounds) is bounds


class TestPlace:
    def test_only_epochs_of_the_span_are_placed_and_none_beside_it_counts(self):
        part = observations([3, 4, 5, 6, 7])
        found = place(part, GRID, 4, 2, BOUNDS)
        assert found.slot.tolist() == [-1, 0, 1, -1, -1]
        assert (found.placed, found.refused) == (Tally(2, 8), {})

    def test_the_tolerance_itself_is_tolerated(self):
        times = [DAY_ONE_S, DAY_ONE_S + 30.005, DAY_ONE_S + 60.005001, DAY_ONE_S + 89.995]
        (part,) = read(rinex(times, ("G01",))).parts
        found = place(part, GRID, 0, 720, BOUNDS)
        assert found.slot.tolist() == [0, 1, -1, 3]
        assert found.offset_ps.tolist() == [0, 5_000_000_000, 5_001_000_000, -5_000_000_000]
        assert (found.placed, found.refused) == (Tally(3, 12), {Reason.OFF_GRID: Tally(1, 4)})

    def test_an_implausible_epoch_is_neither_off_the_grid_nor_a_duplicate(self):
        (part,) = read(rinex([DAY_ONE_S + 2999, DAY_ONE_S + 3000, DAY_ONE_S + 3001], ("G01",))).parts
        found = place(part, GRID, 0, 720, BOUNDS)
        assert (found.slot.tolist(), found.refused) == ([-1, -1, -1], {Reason.OFF_GRID: Tally(1, 4)})

    def test_where_the_grid_has_a_phase_offsets_are_from_its_marks(self):
        grid = empty_grid(STEP_NS, 10 * SECOND_NS, 720, DAY_ONE_NS)
        (part,) = read(rinex([DAY_ONE_S + 10.001, DAY_ONE_S + 40], ("G01",))).parts
        found = place(part, grid, 0, 720, BOUNDS)
        assert (found.slot.tolist(), found.offset_ps.tolist()) == ([0, 1], [1_000_000_000, 0])

    def test_picoseconds_are_past_the_time(self):
        part = replace(observations([0, 1]), time_ps=np.array([7, 0], np.int32))
        assert place(part, GRID, 0, 720, BOUNDS).offset_ps.tolist() == [7, 0]

    def test_of_equally_full_epochs_at_one_slot_the_first_in_the_file_stays_in_whatever_order(self):
        times = [DAY_ONE_S + 30.001, DAY_ONE_S + 30, DAY_ONE_S, DAY_ONE_S + 30.002]
        (part,) = read(rinex(times, ("G01",))).parts
        found = place(part, GRID, 0, 720, BOUNDS)
        assert found.slot.tolist() == [1, -1, 0, -1]
        assert found.refused == {Reason.DUPLICATE_EPOCH: Tally(2, 8)}


class TestBesideEarlierParts:
    def test_the_first_part_is_placed_as_it_is_and_its_times_are_kept(self):
        offset_ps = np.full(4, MISSING)
        found = beside_earlier_parts(placement([0, -1, 2], [5, 6, 7]), offset_ps)
        assert found.slot.tolist() == [0, -1, 2]
        assert (found.placed, found.refused) == (Tally(2, 8), {})
        assert offset_ps.tolist() == [5, MISSING, 7, MISSING]

    def test_an_epoch_of_the_same_time_is_joined_and_one_of_another_is_refused(self):
        offset_ps = np.array([5, MISSING, 7, MISSING])
        before = {Reason.DUPLICATE_EPOCH: Tally(1, 3), Reason.OFF_GRID: Tally(2, 2)}
        found = beside_earlier_parts(placement([0, 1, 2], [5, 0, 8], refused=before), offset_ps)
        assert found.slot.tolist() == [0, 1, -1]
        assert found.placed == Tally(1, 8)
        assert found.refused == {
            Reason.DUPLICATE_EPOCH: Tally(2, 7),
            Reason.OFF_GRID: Tally(2, 2),
            Reason.JOINED_EPOCH: Tally(1, 0),
        }
        assert offset_ps.tolist() == [5, 0, 7, MISSING]

    def test_an_epoch_refused_at_the_first_slot_counts_like_any(self):
        found = beside_earlier_parts(placement([0], [8]), np.array([5]))
        assert (found.slot.tolist(), found.placed) == ([-1], Tally(0, 0))
        assert found.refused == {Reason.DUPLICATE_EPOCH: Tally(1, 4)}

    def test_an_epoch_that_goes_nowhere_meets_no_earlier_one(self):
        offset_ps = np.array([MISSING, 5])
        found = beside_earlier_parts(placement([-1, 0], [5, 1]), offset_ps)
        assert (found.slot.tolist(), found.refused) == ([-1, 0], {})


class TestWhatIsTold:
    def test_what_a_file_fills_is_what_it_has_a_value_of(self):
        assert filled(observations([1, 2])) == {
            "source_file", "epoch_flag", "SNR", "Pseudorange", "Phase", "Doppler", "SSI",
        }  # fmt: skip
        assert filled(observations([0], codes=("L1C",))) == {"source_file", "epoch_flag", "Phase", "LLI"}
        assert filled(observations([1], ("G01", "R03"), codes=("S1C",))) == {"source_file", "epoch_flag", "SNR"}

    def test_a_clock_is_filled_and_told_in_seconds_where_the_file_gives_it(self):
        part = observations([0, 1], codes=("S1C",))
        part = replace(part, rx_clock_offset_ps=np.array([MISSING, 1_500_000]))
        assert filled(part) == {"source_file", "epoch_flag", "SNR", "rx_clock_offset"}
        flag, clock_s, offset_s = told_of_epochs(part, placement([0, 1], [0, 2_000_000]))
        np.testing.assert_array_equal(clock_s, [np.nan, 1.5e-6])
        np.testing.assert_array_equal(offset_s, [0, 2e-6])
        assert flag.tolist() == [0, 0]

    def test_what_has_no_value_and_no_epoch_fills_nothing(self):
        part = observations([1], codes=("S1C", "D1C"))
        without = part.value.copy()
        without[:, 0] = MISSING
        assert filled(replace(part, value=without)) == {"source_file", "epoch_flag", "Doppler"}
        nothing = np.array([], np.int64)
        assert filled(replace(part, time_100ns=nothing, value=np.full_like(part.value, MISSING))) == frozenset()


class TestBlock:
    def test_an_empty_one_has_the_fill_values_of_the_store(self):
        block = empty_block(7, 3, 2)
        for spec in VARIABLES:
            assert (block.arrays[spec.name].shape, block.arrays[spec.name].dtype) == ((3, 2), spec.dtype)
        assert (block.source.tolist(), block.source.dtype) == ([NO_SOURCE] * 3, np.int32)
        assert (block.epoch_flag.tolist(), block.epoch_flag.dtype) == ([-1] * 3, np.int8)
        assert np.isnan(block.rx_clock_offset).all()
        assert (block.epoch_offset.tolist(), block.values.tolist(), block.values.dtype) == ([0] * 3, [0] * 3, np.int64)

    def test_epochs_are_written_where_they_go_and_nowhere_else(self):
        block = empty_block(0, 4, 1)
        part = replace(observations([1, 3], flags={1: 1}), rx_clock_offset_ps=np.array([10**12, MISSING]))
        found = place(part, GRID, 0, 4, BOUNDS)
        wanted = np.where(found.slot == 3, 3, -1)
        fill_block(block, part, found, wanted, -2, {"G01|L1|C": 0})
        assert block.source.tolist() == [NO_SOURCE] * 3 + [-2]
        assert (block.epoch_flag.tolist(), block.values.tolist()) == ([-1, -1, -1, 1], [0, 0, 0, 4])
        assert np.isnan(block.rx_clock_offset).all()
        fill_block(block, part, found, found.slot, -3, {"G01|L1|C": 0})
        np.testing.assert_array_equal(block.rx_clock_offset, [np.nan, 1, np.nan, np.nan])
        assert empty_slots(block, np.array([0, 1, -1, 3])).tolist() == [0, -1, -1, -1]

    def test_one_of_the_store_is_a_copy_with_its_values_counted(self):
        block = empty_block(0, 4, 1)
        part = observations([1])
        fill_block(block, part, place(part, GRID, 0, 4, BOUNDS), np.array([1]), 5, {"G01|L1|C": 0})
        coordinates = {
            name: getattr(block, "source" if name == "source_file" else name)
            for name in ("source_file", "epoch_flag", "rx_clock_offset", "epoch_offset")
        }
        again = block_of(9, block.arrays, coordinates, {})
        assert (again.start, again.values.tolist(), again.joined) == (9, [0, 4, 0, 0], {})
        again.source[0] = again.epoch_flag[0] = 1
        again.rx_clock_offset[0] = again.epoch_offset[0] = 1
        assert (block.source[0], block.epoch_flag[0], block.epoch_offset[0]) == (NO_SOURCE, -1, 0)
        assert np.isnan(block.rx_clock_offset[0])
        joined = {spec.name: np.full((4, 1), spec.fill, spec.dtype) for spec in JOINED}
        assert set(block_of(0, block.arrays, coordinates, joined).joined) == {joined_name(spec.name) for spec in JOINED}


def test_slots_up_to_the_last_epoch_of_earlier_runs_are_left_to_these():
    slot = np.array([0, 1, 2, -1])
    later = Overlap(after_ns=DAY_ONE_NS + 5 * STEP_NS)
    assert later_slots(slot, GRID, 4, later).tolist() == [-1, -1, 2, -1]
    assert later_slots(slot, GRID, 4, Overlap()) is slot
