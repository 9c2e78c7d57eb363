"""What changes over a series is told once, in the order of time, whatever the order of the files."""

import numpy as np
import pytest

from gnssice_batch.model.values import FileFacts, FileOutcome, HeaderFacts, SourceFile, Span, Status
from gnssice_batch.planning.changes import changes, changes_json
from gnssice_batch.store.layout.ledger import Ledger

HERE = (4000000.0, 600000.0, 4500000.0)
OLD = HeaderFacts(
    marker="STAT",
    receiver_type="RX",
    receiver_number="1",
    antenna_type="ANT",
    position_xyz_m=HERE,
    antenna_delta_hen_m=(0.1, 0.0, 0.0),
    rx_clock_offset_applied=False,
)


def file(day, header):
    facts = FileFacts(sha256="00", span=Span(day * 10, day * 10 + 5), header=header)
    return FileOutcome(SourceFile(f"day{day}", "rec", 1, ""), Status.OK, facts)


def other(**facts):
    return HeaderFacts(**{name: getattr(OLD, name) for name in OLD.__slots__} | facts)


def moved(metres):
    return other(position_xyz_m=(HERE[0] + metres, *HERE[1:]))


def ledger(headers):
    """Stored files of one day each, by day."""
    days = np.array(list(headers))
    facts = list(headers.values())
    return Ledger(
        uri=np.array([f"old{day}" for day in days], object),
        status=np.full(days.size, Status.OK.value, object),
        first_ns=days * 10,
        last_ns=days * 10 + 10,
        header_of_row=facts.__getitem__,
    )


CHANGED = {
    "position": (moved(10.1), "(4000000.0000 600000.0000 4500000.0000) m"),
    "marker": (other(marker="ELSE"), "STAT"),
    "receiver": (other(receiver_number="2"), "RX 1"),
    "antenna": (other(antenna_type="ANT2"), "ANT"),
    "antenna offset": (other(antenna_delta_hen_m=(0.2, 0.0, 0.0)), "(0.1000 0.0000 0.0000) m"),
    "clock correction": (other(rx_clock_offset_applied=True), "not applied"),
    "signal names": (other(rinex2_names=("G C1=C1C",)), "those of RINEX 3 and 4"),
}


@pytest.mark.parametrize("what", CHANGED)
@pytest.mark.parametrize("reverse", [False, True])
def test_each_change_is_told_with_its_first_file(what, reverse):
    header, before = CHANGED[what]
    files = [file(1, OLD), file(2, OLD), file(3, header), file(4, header)]
    (change,) = changes(files[:: -1 if reverse else 1], Ledger())
    assert (change.file, change.what, change.before) == ("day3", what, before)
    assert str(change).startswith(f"{what} changes from {before} to ")


@pytest.mark.parametrize("same", [moved(9.9), other(marker="stat"), HeaderFacts(marker="STAT"), other(antenna_type="")])
def test_what_is_the_same_or_not_said_is_no_change(same):
    assert changes([file(1, OLD), file(2, same), file(3, OLD)], Ledger()) == ()


def test_a_place_that_creeps_away_is_told():
    assert [change.file for change in changes([file(n, moved(4.0 * n)) for n in range(6)], Ledger())] == ["day3"]


THIRD = other(marker="THIRD")


def test_a_file_is_compared_with_the_stored_ones_next_to_it():
    found = changes([file(5, other(marker="ELSE"))], ledger({9: OLD, 1: THIRD}))
    assert [(change.file, change.before, change.after) for change in found] == [
        ("day5", "THIRD", "ELSE"),
        ("old9", "ELSE", "STAT"),
    ]
    assert changes([file(5, OLD)], ledger({1: OLD, 9: OLD})) == ()
    assert changes([file(5, OLD)], Ledger()) == ()


def test_what_changed_in_the_store_is_not_told_again_by_a_file_that_fills_a_gap():
    assert changes([file(5, OLD)], ledger({1: OLD, 9: THIRD})) == ()
    assert changes([file(5, THIRD), file(6, THIRD)], ledger({1: OLD, 9: THIRD})) == ()


def test_earlier_files_are_compared_with_the_first_stored_one():
    (change,) = changes([file(2, OLD), file(3, OLD)], ledger({5: THIRD, 6: OLD}))
    assert (change.file, change.before, change.after) == ("old5", "STAT", "THIRD")


def test_a_stored_file_that_ends_with_the_first_epoch_of_the_next_day_comes_before_it():
    (change,) = changes([file(2, THIRD)], ledger({1: OLD}))
    assert (change.file, change.before) == ("day2", "STAT")


def test_files_of_both_versions_for_every_day_tell_of_the_names_once():
    two = other(rinex2_names=("G C1=C1C", "G P2=C2W"))
    (change,) = changes([file(n, OLD if n % 2 else two) for n in range(8)], Ledger())
    assert change.before == "those of RINEX 2 (read as G C1=C1C, G P2=C2W)"


def test_refused_files_say_nothing():
    assert changes([FileOutcome(SourceFile("a", "rec", 1, ""), Status.REJECTED, FileFacts())], Ledger()) == ()


def test_changes_are_plain_values_for_json():
    found = changes_json({"rec": changes([file(1, OLD), file(2, other(marker="ELSE"))], Ledger())})
    assert found == {"rec": [{"file": "day2", "what": "marker", "before": "STAT", "after": "ELSE"}]}


def test_a_file_is_compared_with_its_nearest_neighbours_alone():
    ends = ledger({0: OLD, 20: other(marker="ELSE")})
    assert changes([file(10, OLD)], ends) == (), "what changes behind it was there before it"
    assert changes([file(30, other(marker="ELSE"))], ends) == (), "so was what changed before it"
    (back,) = changes([file(30, OLD)], ends)
    assert (back.before, back.after) == ("ELSE", "STAT")
