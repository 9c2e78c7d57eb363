"""Rows of evenly spaced numbers: where a number lies in one, and what two of them share."""

from itertools import product

import numpy as np
import pytest

from gnssice_batch.store.reading.regular_times import RegularTimes

ROW = RegularTimes(100, 10, 5)
"""100, 110, 120, 130, 140."""
EMPTY = RegularTimes(100, 10, 0)
NO_TIME = np.iinfo(np.int64).min
FURTHEST = np.iinfo(np.int64).max
PAIRS = [
    ((first, step, size), (4, other_step, other_size))
    for first, step, size in product((-9, 4, 6, 13), (1, 4, 6, 10), (0, 1, 7))
    for other_step, other_size in product((1, 2, 4, 5, 10, 15), (0, 1, 9))
]


def numbers(row):
    return [row.first + number * row.step for number in range(row.size)]


def test_ends_and_members():
    assert (ROW.last, EMPTY.last) == (140, 90)
    assert ROW.at(np.array([[0, 1], [4, 2]])).tolist() == [[100, 110], [140, 120]]
    assert ROW.at(np.array([-1, -5])).tolist() == [140, 100]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (slice(None), [100, 110, 120, 130, 140]),
        (slice(1, 3), [110, 120]),
        (slice(1, None, 2), [110, 130]),
        (slice(-2, None), [130, 140]),
        (slice(3, 1), []),
    ],
)
def test_a_slice(part, expected):
    assert numbers(ROW.sliced(part)) == expected


@pytest.mark.parametrize(
    ("number", "below", "below_or_at"),
    [
        (-500, 0, 0),
        (99, 0, 0),
        (100, 0, 1),
        (101, 1, 1),
        (120, 2, 3),
        (139, 4, 4),
        (140, 4, 5),
        (141, 5, 5),
        (999, 5, 5),
    ],
)
def test_how_many_lie_below_a_number(number, below, below_or_at):
    assert (ROW.below(number, inclusive=False), ROW.below(number, inclusive=True)) == (below, below_or_at)
    assert EMPTY.below(number, inclusive=True) == 0


LOOKED_FOR = [99, 100, 104, 105, 106, 119, 120, 140, 141, 150, NO_TIME, FURTHEST]


@pytest.mark.parametrize(
    ("method", "positions"),
    [
        (None, [-1, 0, -1, -1, -1, -1, 2, 4, -1, -1, -1, -1]),
        ("nearest", [0, 0, 0, 1, 1, 2, 2, 4, 4, 4, 0, 4]),
        ("pad", [-1, 0, 0, 0, 0, 1, 2, 4, 4, 4, -1, 4]),
        ("backfill", [0, 0, 1, 1, 1, 2, 2, 4, -1, -1, 0, -1]),
    ],
)
def test_where_a_number_lies(method, positions):
    assert ROW.locate(np.array(LOOKED_FOR), method).tolist() == positions
    square = ROW.locate(np.array(LOOKED_FOR).reshape(3, 4), method)
    assert square.tolist() == np.reshape(positions, (3, 4)).tolist()


@pytest.mark.parametrize(("method", "other"), [("pad", "ffill"), ("backfill", "bfill")])
def test_both_names_of_a_method_mean_the_same(method, other):
    wanted = np.array(LOOKED_FOR)
    assert ROW.locate(wanted, method).tolist() == ROW.locate(wanted, other).tolist()


@pytest.mark.parametrize(
    ("method", "positions"),
    [
        ("nearest", [-1, 0, 0, 0, -1, 1, 4, 4, -1, -1]),
        ("pad", [-1, -1, 0, 0, -1, -1, 4, 4, -1, -1]),
        ("backfill", [-1, 0, 0, -1, -1, 1, 4, -1, -1, -1]),
    ],
)
def test_nothing_is_taken_that_lies_beyond_the_tolerance(method, positions):
    wanted = np.array([96, 97, 100, 103, 105, 107, 140, 143, 144, NO_TIME])
    assert ROW.locate(wanted, method, 3).tolist() == positions


def test_none_lies_in_an_empty_row():
    for method in (None, "nearest", "pad", "backfill"):
        assert EMPTY.locate(np.array([[100, 90]]), method).tolist() == [[-1, -1]]
    assert RegularTimes(100, 10, 1).locate(np.array([100, 110]), "nearest").tolist() == [0, 0]


def test_numbers_far_from_a_row_of_today_do_not_overflow():
    row = RegularTimes(1_735_689_600_000_000_000, 30_000_000_000, 10)
    ends = np.array([NO_TIME, NO_TIME + 1, FURTHEST])
    assert row.locate(ends).tolist() == [-1, -1, -1]
    assert row.locate(ends, "nearest").tolist() == [0, 0, 9]
    assert row.locate(ends, "nearest", 10**15).tolist() == [-1, -1, -1]


def test_what_two_rows_share_is_what_both_hold():
    for ours, theirs in PAIRS:
        one, other = RegularTimes(*ours), RegularTimes(*theirs)
        both = sorted({*numbers(one)} & {*numbers(other)})
        assert numbers(one.intersection(other)) == both == numbers(other.intersection(one)), (ours, theirs)


def test_positions_of_another_row_are_those_of_its_numbers():
    for ours, theirs in PAIRS:
        one, other = RegularTimes(*ours), RegularTimes(*theirs)
        found = one.positions(other)
        assert found.dtype == np.int64
        assert found.tolist() == one.locate(np.array(numbers(other), np.int64)).tolist(), (ours, theirs)


def test_a_row_of_either_s_numbers_is_all_of_them():
    for ours, theirs in PAIRS:
        one, other = RegularTimes(*ours), RegularTimes(*theirs)
        for row in (one.union(other), other.union(one)):
            assert row is None or numbers(row) == sorted({*numbers(one)} | {*numbers(other)}), (ours, theirs)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((150, 10, 2), (100, 10, 7)),
        ((130, 10, 4), (100, 10, 7)),
        ((80, 10, 2), (80, 10, 7)),
        ((80, 10, 3), (80, 10, 7)),
        ((110, 10, 2), (100, 10, 5)),
        ((90, 5, 20), (90, 5, 20)),
        ((110, 20, 2), (100, 10, 5)),
        ((7, 3, 0), (100, 10, 5)),
        ((160, 10, 2), None),
        ((70, 10, 2), None),
        ((105, 10, 3), None),
        ((120, 20, 4), None),
        ((120, 5, 8), None),
    ],
)
def test_rows_that_touch_or_overlap_in_step_are_one(other, expected):
    wanted = None if expected is None else RegularTimes(*expected)
    assert ROW.union(RegularTimes(*other)) == RegularTimes(*other).union(ROW) == wanted
