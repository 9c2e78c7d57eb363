import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.ingest.align import Bounds
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.values import SourceFile, Span
from gnssice_batch.planning.growth import distance, implausible, misdated, stored_span, unconfirmed
from gnssice_batch.store.layout.ledger import Ledger
from tests.support.runs import DAY_ONE_S

DAY_ONE_NS = DAY_ONE_S * SECOND_NS
BOUNDS = Bounds(0, DAY_ONE_NS + 100_000 * DAY_NS, 0)
YEAR_NS = 366 * DAY_NS


def file(day, days=1.0):
    start_ns = DAY_ONE_NS + round(day * DAY_NS)
    return SourceFile(f"{day:+}", "rec", 1, "etag", start_ns, start_ns + round(days * DAY_NS))


def span(day, days=1.0):
    return Span(DAY_ONE_NS + round(day * DAY_NS), DAY_ONE_NS + round((day + days) * DAY_NS) - 1)


def grid(first=0.0, end=0.0):
    """A grid at 30 s with write units of a day, over these days."""
    return empty_grid(30 * SECOND_NS, 0, 2880, DAY_ONE_NS).covering(
        DAY_ONE_NS + round(first * DAY_NS), DAY_ONE_NS + round(end * DAY_NS)
    )


def names(files):
    return [each.uri for each in files]


def test_only_names_beyond_the_axis_need_to_be_read():
    files = [file(day) for day in (-3, -1, 0, 4, 5, 9)]
    assert set(names(unconfirmed(files, {}, grid(0, 5), BOUNDS, 9))) == {"-3", "-1", "+5", "+9"}
    assert names(unconfirmed(files, {}, grid(-3, 10), BOUNDS, 9)) == []


def test_the_outermost_come_first():
    files = [file(day) for day in (-3, -2, -1, 5, 6, 7)]
    assert names(unconfirmed(files, {}, grid(0, 5), BOUNDS, 1)) == ["-3", "+7"]


def test_what_was_read_confirms_what_lies_inside_it():
    files = [file(day) for day in (-3, -2, 6, 7)]
    assert names(unconfirmed(files, {"-3": span(-3), "+7": span(7)}, grid(0, 5), BOUNDS, 9)) == []


def test_a_name_that_promised_too_much_confirms_nothing():
    files = [file(day) for day in (-900, 0, 6, 7)]
    assert names(unconfirmed(files, {"-900": None, "+7": span(2)}, grid(0, 5), BOUNDS, 9)) == ["+6"]


def spans(*days):
    return {f"{day:+}": span(day) for day in days}


def test_a_date_far_from_the_stored_data_is_implausible():
    found = spans(0, 1, -4000, 300)
    assert implausible(found, found.keys(), span(-5, 5), YEAR_NS) == {"-4000": span(-4000)}


def test_the_store_decides_also_against_more_files():
    found = spans(*range(2000, 2050))
    assert implausible(found, found.keys(), span(0), YEAR_NS).keys() == found.keys()


def test_without_a_store_most_files_decide():
    found = spans(-7168, 0, 1, 2)
    assert implausible(found, found.keys(), None, YEAR_NS).keys() == {"-7168"}


def test_of_two_equal_parts_the_later_is_home():
    found = spans(-7168, 0)
    assert implausible(found, found.keys(), None, YEAR_NS).keys() == {"-7168"}


def test_a_name_alone_is_never_implausible():
    found = spans(0, 1, -4000)
    assert implausible(found, {"+0", "+1"}, None, YEAR_NS) == {}


def test_years_without_a_long_emptiness_are_plausible():
    found = spans(*range(-3650, 3650, 300))
    assert implausible(found, found.keys(), span(3600), YEAR_NS) == {}


def test_consent_makes_any_date_plausible():
    found = spans(0, -4000)
    assert implausible(found, found.keys(), span(0), None) == {}


@given(st.lists(st.tuples(st.integers(-3000, 3000), st.integers(1, 500)), max_size=30), st.integers(1, 800))
def test_strays_are_those_that_no_chain_of_spans_joins_to_the_data(found, gap):
    held = {str(number): span(day, days) for number, (day, days) in enumerate(found)}
    home = span(0)
    reached, changed = [home], True
    while changed:
        more = [one for one in held.values() if one not in reached and any(_near(one, at, gap) for at in reached)]
        reached += more
        changed = bool(more)
    expected = {uri for uri, one in held.items() if one not in reached}
    assert implausible(held, held.keys(), home, gap * DAY_NS).keys() == expected


def _near(one, other, gap):
    return max(one.first_ns, other.first_ns) - min(one.last_ns, other.last_ns) <= gap * DAY_NS


@pytest.mark.parametrize(("days", "said"), [(0.5, False), (-1.9, False), (2.5, True), (-2.5, True)])
def test_name_and_content_may_differ_by_a_day(days, said):
    assert bool(misdated(file(0), span(days))) == said


@pytest.mark.parametrize("rollovers", [1, 2, -1])
def test_a_week_rollover_is_recognised(rollovers):
    weeks = f"{abs(rollovers) * 1024:,} weeks apart: a GPS week rollover"
    assert misdated(file(0), span(-rollovers * 7168)).endswith(weeks)
    assert "rollover" not in misdated(file(0), span(-rollovers * 7168 + 3))


def test_a_file_without_a_date_in_its_name_has_none_to_differ():
    nameless = SourceFile("a", "rec", 1, "etag")
    assert misdated(nameless, span(0)) == ""


def test_half_a_date_is_none():
    start_ns = file(0).start_ns
    assert misdated(SourceFile("a", "rec", 1, "etag", start_ns), span(900)) == ""
    assert misdated(SourceFile("a", "rec", 1, "etag", None, start_ns), span(900)) == ""
    assert misdated(file(0), None) == ""


def test_a_day_before_is_no_rollover():
    instant_ns = file(0).start_ns - DAY_NS
    said = misdated(file(0), Span(instant_ns, instant_ns))
    assert said == "the name says 2025-01-01, the epochs are of 2024-12-31"


def test_an_axis_ends_before_the_epoch_of_its_size():
    within, behind = file(6 - 1 / 2880, 1e-9), file(6, 1e-9)
    assert names(unconfirmed([within, behind], {}, grid(0, 5), BOUNDS, 9)) == [behind.uri]
    first, before = file(0, 1e-9), file(-1 / 2880, 1e-9)
    assert names(unconfirmed([first, before], {}, grid(0, 5), BOUNDS, 9)) == [before.uri]


def test_the_part_with_most_files_is_home_only_if_one_of_it_was_read():
    found = spans(-7168, -7167, -7166, 0)
    assert implausible(found, {"+0"}, None, YEAR_NS) == {}
    assert implausible(found, {"+0", "-7168"}, None, YEAR_NS).keys() == {"+0"}


def test_the_store_holds_the_span_of_the_files_that_were_taken():
    def ledger(*rows):
        status, first, last = zip(*rows, strict=True)
        return Ledger(status=np.array(status, object), first_ns=np.array(first), last_ns=np.array(last))

    assert stored_span(Ledger()) is None
    assert stored_span(ledger(("rejected", 1, 2), ("ok", -1, 5), ("ok", 7, 6))) is None
    assert stored_span(ledger(("ok", 5, 9), ("partial", 0, 0), ("rejected", 0, 99))) == Span(0, 9)


def test_a_stray_file_is_told_with_its_distance_and_what_its_name_says():
    far = "its epochs, from 2044-08-16, lie more than 366 days from the receiver's other data"
    assert distance(file(7167), span(7167), YEAR_NS) == far
    assert distance(file(-1), span(7167), YEAR_NS).startswith(f"{far}; the name says 2024-12-31")
