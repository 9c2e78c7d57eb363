"""What each source gives to a block, and what of it nobody gives: counted out by hand."""

import numpy as np

from gnssice_batch.ingest.align import empty_block
from gnssice_batch.ingest.joining import nothing_joined
from gnssice_batch.ingest.tallies import Gaps, given_by_source, not_mixed_by_source
from gnssice_batch.model.template import VALUES
from gnssice_batch.model.values import NO_SOURCE, Tally


def block():
    """Four epochs of three signals: two of source 2, one of file 0 of the assignment, one of nobody."""
    made = empty_block(0, 4, 3)
    made.source[:] = [2, 2, -2, NO_SOURCE]
    made.arrays["SNR"][:3] = 1
    made.arrays["Phase"][0] = 1
    made.values[:] = [6, 3, 3, 0]
    return made


def test_epochs_and_values_of_the_main_sources():
    given = given_by_source(block())
    assert given.tallies == {2: Tally(2, 9), -2: Tally(1, 3)}
    assert given.joined == {}


def test_a_signal_of_another_source_is_its_own_and_not_the_main_ones():
    made = block()
    made.joined.update(nothing_joined(made))
    made.joined["source_file"][0, 1:] = 1
    made.joined["source_file"][1, 0] = 1
    made.joined["source_file"][2, 0] = -3
    given = given_by_source(made)
    assert given.tallies == {1: Tally(2, 5), 2: Tally(2, 4), -2: Tally(1, 2), -3: Tally(1, 1)}
    assert given.joined == {1: 2, -3: 1}


def test_sources_are_counted_however_far_apart_they_are():
    made = block()
    made.joined.update(nothing_joined(made))
    made.joined["source_file"][0, 0] = 900
    made.joined["source_file"][1, 0] = -900
    assert given_by_source(made).tallies == {2: Tally(2, 6), -2: Tally(1, 3), 900: Tally(1, 2), -900: Tally(1, 1)}


def test_nothing_of_nobody():
    made = empty_block(0, 4, 3)
    assert given_by_source(made) == ({}, {})


def test_values_that_nobody_gives_are_counted_by_who_has_them():
    made = block()
    made.not_mixed.update({name: np.full((4, 3), NO_SOURCE, np.int32) for name in VALUES})
    made.not_mixed["Phase"][1:3, 0] = -2
    made.not_mixed["Phase"][1, 1] = 5
    made.not_mixed["Doppler"][0, 0] = 5
    made.not_mixed["SNR"][0, 0] = 5
    assert not_mixed_by_source(made) == {-2: 2, 5: 2}, "the signal strength is given"
    assert not_mixed_by_source(block()) == {}


def test_an_epoch_of_two_parts_is_one_gap():
    gaps = Gaps(np.zeros(4, np.bool_))
    gaps.add(np.array([0, 2]), np.array([5, 6]))
    gaps.add(np.array([2, 3]), np.array([7, 8]))
    assert gaps.tally == Tally(3, 26)
