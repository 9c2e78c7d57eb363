"""All reasons of a file in their order, and markers counted."""

from gnssice_batch.errors import Reason
from gnssice_batch.model.markers import counted_markers, main_marker, same_marker, told_apart
from gnssice_batch.model.reasons import ranked_reasons
from gnssice_batch.model.values import Tally


def test_the_largest_count_comes_first_and_what_loses_nothing_is_left_out():
    skipped = {Reason.STRAY_LINE: 2, Reason.BAD_VALUE: 1000, Reason.COMMENT: 5000}
    refused = {Reason.OFF_GRID: Tally(7, 70), Reason.SUPERSEDED: Tally(9, 90)}
    ranked = ranked_reasons(None, skipped, refused)
    assert list(ranked.items()) == [(Reason.BAD_VALUE, 1000), (Reason.OFF_GRID, 7), (Reason.STRAY_LINE, 2)]


def test_what_a_file_was_rejected_for_comes_first():
    skipped = {Reason.BAD_EPOCH_RECORD: 24, Reason.STRAY_LINE: 30, Reason.COMMENT: 1}
    ranked = ranked_reasons(Reason.NO_EPOCHS, skipped, {})
    assert list(ranked.items()) == [(Reason.NO_EPOCHS, 1), (Reason.STRAY_LINE, 30), (Reason.BAD_EPOCH_RECORD, 24)]
    ranked = ranked_reasons(Reason.FASTER_THAN_GRID, {}, {Reason.FASTER_THAN_GRID: Tally(60, 600)})
    assert ranked == {Reason.FASTER_THAN_GRID: 60}


def test_a_rejected_file_that_lost_nothing_says_what_it_holds_instead():
    ranked = ranked_reasons(Reason.NO_EPOCHS, {Reason.EVENT: 3}, {})
    assert list(ranked.items()) == [(Reason.NO_EPOCHS, 1), (Reason.EVENT, 3)]


def test_markers():
    assert same_marker("AAAA", " aa aa ")
    assert same_marker("AAAA", "")
    assert not same_marker("AAAA", "AAAB")
    markers = ["BBBB", "aaaa", "", "AAAA"]
    assert counted_markers(markers) == {"aaaa": 2, "BBBB": 1}
    assert (main_marker(markers), main_marker(["X", "Y"]), main_marker([""])) == ("aaaa", "X", "")
    assert told_apart({"A": 1200, "B": 1}) == "A (1,200 files), B (1 file)"
    assert told_apart({"A": 1}) == ""
