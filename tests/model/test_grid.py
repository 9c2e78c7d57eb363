import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnssice_batch.errors import ConfigError
from gnssice_batch.model.grid import (
    DAY_NS,
    READ_UNIT_LIMIT,
    SECOND_NS,
    empty_grid,
    epochs_per_day,
    largest_divisor,
    read_unit,
    write_unit,
)

INTERVALS_S = (0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 2.5, 5, 10, 15, 30, 60, 300)
interval_ns = st.sampled_from([round(interval * SECOND_NS) for interval in INTERVALS_S])
time_ns = st.integers(5_000 * DAY_NS, 20_000 * DAY_NS)


@st.composite
def grids(draw):
    interval = draw(interval_ns)
    phase = draw(st.integers(0, interval - 1))
    return empty_grid(interval, phase, draw(st.integers(1, 100_000)), draw(time_ns))


@pytest.mark.parametrize(
    ("interval_s", "wanted", "unit"),
    [
        (30, 34560, 34560),
        (5, 34560, 34560),
        (2.5, 34560, 34560),
        (1, 34560, 28800),
        (0.1, 34560, 34560),
        (15, 34560, 34560),
        (5, 2880, 2880),
        (30, 2880, 2880),
        (30, 1, 1),
        (30, 3000, 2880),
        (1, 100_000, 86400),
        (30, 7 * 2880, 7 * 2880),
    ],
)
def test_write_units_are_whole_days_or_divide_one(interval_s, wanted, unit):
    assert write_unit(round(interval_s * SECOND_NS), wanted) == unit


@pytest.mark.parametrize(
    ("interval_s", "unit", "inner"),
    [(30, 34560, 2880), (5, 34560, 17280), (2.5, 34560, 17280), (1, 28800, 14400), (5, 2880, 2880), (30, 1, 1)],
)
def test_read_units(interval_s, unit, inner):
    assert read_unit(round(interval_s * SECOND_NS), unit) == inner


@given(interval_ns, st.integers(1, 100_000))
@settings(deadline=None)
def test_units_nest(interval, wanted):
    unit = write_unit(interval, wanted)
    inner = read_unit(interval, unit)
    assert unit <= wanted
    assert (unit * interval) % DAY_NS == 0 or DAY_NS % (unit * interval) == 0
    assert unit % inner == 0
    assert inner <= min(epochs_per_day(interval), READ_UNIT_LIMIT)


@given(st.integers(1, 100_000), st.integers(1, 100_000))
@settings(deadline=None)
def test_largest_divisor(number, limit):
    found = largest_divisor(number, limit)
    assert number % found == 0
    assert found <= limit
    assert not any(number % larger == 0 for larger in range(found + 1, min(number, limit) + 1))


@pytest.mark.parametrize("interval_s", [7, 0.7, 100_000])
def test_intervals_that_do_not_divide_a_day_are_refused(interval_s):
    with pytest.raises(ConfigError, match=r"does not divide a day: set grid\.interval_s"):
        epochs_per_day(round(interval_s * SECOND_NS))


@given(grids())
@settings(deadline=None)
def test_a_new_grid_begins_on_a_boundary_of_absolute_time(grid):
    assert grid.origin_ns % grid.unit_ns == 0
    assert grid.size == grid.units == 0


@given(grids(), time_ns)
@settings(deadline=None)
def test_slots_are_the_nearest_grid_epochs(grid, time):
    slot = grid.slot(time)
    offset = time - grid.time_ns(slot)
    assert -grid.interval_ns < 2 * offset <= grid.interval_ns or -grid.interval_ns <= 2 * offset < grid.interval_ns
    assert grid.slot(grid.time_ns(slot)) == slot
    assert grid.slots(np.array([time])).tolist() == [slot]


@given(grids(), time_ns, st.integers(0, 400 * DAY_NS))
@settings(deadline=None)
def test_a_grid_covers_what_it_is_asked_to(grid, first, length):
    grid = grid.covering(first, first + 1)
    larger = grid.covering(first, first + length + 1)
    assert larger.origin_ns % larger.unit_ns == 0
    assert larger.size % larger.unit == 0
    for time in (first, first + length):
        assert 0 <= larger.slot(time) < larger.size
    assert larger.origin_ns <= grid.origin_ns
    assert larger.end_ns >= grid.end_ns
    assert larger.covering(first, first + length + 1) == larger


@given(grids(), time_ns, time_ns)
@settings(deadline=None)
def test_covering_keeps_the_time_of_every_epoch(grid, first, second):
    before = grid.covering(first, first + 1)
    after = before.covering(second, second + 1)
    moved = before.origin_ns - after.origin_ns
    assert moved >= 0
    assert moved % after.unit_ns == 0
    assert after.time_ns(moved // after.interval_ns) == before.time_ns(0)


@given(grids(), time_ns, time_ns)
@settings(deadline=None)
def test_the_order_of_covering_does_not_matter(grid, first, second):
    start = grid.covering(first, first + 1)
    other = grid.covering(second, second + 1)
    assert start.covering(second, second + 1).covering(first, first + 1) == start.covering(second, second + 1)
    both = start.covering(second, second + 1)
    assert other.covering(first, first + 1) == both


@given(grids())
@settings(deadline=None)
def test_nothing_is_covered_by_an_empty_span(grid):
    assert grid.covering(grid.origin_ns, grid.origin_ns) == grid


def test_a_new_grid_holds_the_time_it_was_made_for():
    """An epoch half an interval before a boundary belongs to the slot at the boundary."""
    boundary = 16_000 * DAY_NS
    for time in (boundary - 1, boundary, boundary + 1, boundary - 2 * SECOND_NS):
        grid = empty_grid(5 * SECOND_NS, 0, 17280, time)
        assert grid.slot(time) >= 0
        assert grid.covering(time, time + 1).origin_ns == grid.origin_ns
