from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnssice_batch.errors import PlanError
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.template import GroupTemplate, signal_axis
from gnssice_batch.model.values import BY_RANK, Overlap, Partition, SourceFile, Span, Strategy, rank
from gnssice_batch.planning.plan import (
    Learned,
    Retry,
    partition_key,
    pending,
    plan_group,
    promised_span,
    prove_single_owners,
    select,
    totals,
    units_of_a_partition,
)
from gnssice_batch.store.layout.ledger import Ledger, StoredRefusal
from tests.support.runs import DAY_ONE_S

DAY_ONE_NS = DAY_ONE_S * SECOND_NS
HOUR_NS = 3600 * SECOND_NS
BOUNDS = Bounds(DAY_ONE_NS - 4000 * DAY_NS, DAY_ONE_NS + 4000 * DAY_NS, 0)
UNITS = (1, 60, 720, 2880, 5760)


def template(unit=720, near_ns=DAY_ONE_NS, receiver="rec"):
    axis = signal_axis(["G01|L1|C"])
    return GroupTemplate(receiver, empty_grid(30 * SECOND_NS, 0, unit, near_ns), axis, 64, "default", "zstd", 5, {}, {})


def file(number, start_ns=None, hours=1.0):
    end_ns = None if start_ns is None else start_ns + int(hours * HOUR_NS)
    return SourceFile(f"file{number:03d}", "rec", 1000 + number, "etag", start_ns, end_ns)


def planned(files, *, unit=720, partition_units=1, ledger=None, current=None, learned=None, overlap=BY_RANK):
    base = current or template(unit, min((f.start_ns for f in files if f.start_ns is not None), default=DAY_ONE_NS))
    return plan_group(
        base,
        current,
        files,
        ledger or Ledger(),
        learned or Learned(),
        bounds=BOUNDS,
        partition_units=partition_units,
        overlap=overlap,
    )


@st.composite
def archives(draw):
    """Files of many lengths, in any order, overlapping."""
    starts = draw(st.lists(st.integers(-2000, 2000), min_size=1, max_size=25))
    return [
        file(number, DAY_ONE_NS + hour * HOUR_NS, draw(st.sampled_from([0.25, 1, 24, 24.1, 100])))
        for number, hour in enumerate(starts)
    ]


def units(assignment):
    partition = assignment.partition
    return range(partition.first_unit, partition.first_unit + partition.units)


@given(archives(), st.sampled_from(UNITS[1:]), st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_every_unit_has_one_owner_and_every_file_is_covered(files, unit, partition_units):
    plan = planned(files, unit=unit, partition_units=partition_units)
    grid = plan.template.grid
    owned = [number for assignment in plan.assignments for number in units(assignment)]
    assert len(owned) == len(set(owned))
    assert all(0 <= number < grid.units for number in owned)
    keys = [assignment.partition.key for assignment in plan.assignments]
    assert len(keys) == len(set(keys))
    for one in files:
        with_it = {number for a in plan.assignments if one in a.files for number in units(a)}
        first, last = grid.slot(one.start_ns), grid.slot(one.end_ns - 30 * SECOND_NS)
        assert {first // unit, last // unit} <= with_it
        assert set(range(first // unit, last // unit + 1)) <= with_it
    for assignment in plan.assignments:
        assert len(assignment.files) == len(assignment.spans)
        assert assignment.partition.units <= partition_units
        assert assignment.grid == grid


@given(archives(), archives(), st.sampled_from(UNITS[1:]), st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_partitions_stay_where_they_are_when_the_origin_moves(files, others, unit, partition_units):
    """Cut at absolute times: a key names the same span in every run."""
    first = planned(files, unit=unit, partition_units=partition_units)
    moved = [
        replace(
            other,
            uri=f"other{other.uri}",
            start_ns=other.start_ns - 5000 * HOUR_NS,
            end_ns=other.end_ns - 5000 * HOUR_NS,
        )
        for other in others
    ]
    second = planned(moved + files, unit=unit, partition_units=partition_units, current=first.template)
    assert second.template.grid.origin_ns <= first.template.grid.origin_ns

    def whole_spans(plan):
        grid = plan.template.grid
        return {
            a.partition.key: grid.origin_ns + a.partition.first_unit * grid.unit_ns
            for a in plan.assignments
            if a.partition.first_unit > 0
        }

    before, after = whole_spans(first), whole_spans(second)
    assert before.items() <= after.items()
    spans = [(a.partition.first_unit, a.partition.units) for a in second.assignments]
    assert all(a + count <= b for (a, count), (b, _) in pairwise(sorted(spans)))


def test_keys():
    assert partition_key("canopy_01", DAY_ONE_NS) == "canopy_01.2025001T000000"
    (assignment,) = planned([file(0, DAY_ONE_NS + 7 * HOUR_NS)]).assignments
    assert assignment.partition.key == "rec.2025001T060000"


def test_two_owners_of_a_unit_are_refused_and_all_named():
    partitions = [Partition("a", "one", 0, 3), Partition("b", "one", 2, 2), Partition("c", "two", 0, 9)]
    prove_single_owners([partitions[0], partitions[2]])
    prove_single_owners([partitions[0], partitions[0]])
    with pytest.raises(PlanError) as caught:
        prove_single_owners([*partitions, Partition("d", "two", 8, 1)])
    assert caught.value.conflicts == (
        "write unit 2 of one belongs to a and to b",
        "write unit 8 of two belongs to c and to d",
    )


def test_partitions_are_in_the_order_of_their_times_whatever_that_of_the_files():
    later, earlier = file(0, DAY_ONE_NS + 20 * HOUR_NS), file(1, DAY_ONE_NS)
    plan = planned([later, earlier])
    assert [assignment.files for assignment in plan.assignments] == [(earlier,), (later,)]


def test_pending():
    files = [file(0, DAY_ONE_NS), file(1, DAY_ONE_NS + HOUR_NS), file(2, DAY_ONE_NS + 7 * HOUR_NS)]
    first, second = planned(files).assignments
    kept = {first.partition.key: first.files, second.partition.key: second.files}
    assert pending([first, second], {}) == (first, second)
    assert pending([first, second], kept) == ()
    assert pending([first, second], {first.partition.key: first.files}) == (second,)
    less = {first.partition.key: files[:1], second.partition.key: [*second.files, files[0]]}
    assert pending([first, second], less) == (first,)
    assert pending([replace(first, files=())], {}) == (replace(first, files=()),)


def test_what_was_learned_goes_before_what_a_name_promises():
    liar, silent, empty = file(0, DAY_ONE_NS), file(1), file(2, DAY_ONE_NS)
    true = Span(DAY_ONE_NS + 30 * HOUR_NS, DAY_ONE_NS + 31 * HOUR_NS)
    learned = Learned({"file000": true, "file001": true, "file002": None}, {"rec": frozenset({"R02|G1|C", "G01|L1|C"})})
    plan = planned([liar, silent, empty], learned=learned)
    (assignment,) = plan.assignments
    assert assignment.files == (liar, silent)
    assert assignment.spans == (true, true)
    assert assignment.partition.key == "rec.2025002T060000"
    assert plan.template.axis.sids == ("G01|L1|C", "R02|G1|C")


def test_names_promise_nothing_implausible():
    interval_ns = 30 * SECOND_NS
    assert promised_span(file(0, DAY_ONE_NS), interval_ns, BOUNDS) == Span(
        DAY_ONE_NS, DAY_ONE_NS + HOUR_NS - interval_ns
    )
    assert promised_span(file(0), interval_ns, BOUNDS) is None
    assert promised_span(file(0, 0), interval_ns, BOUNDS) is None
    assert promised_span(file(0, BOUNDS.latest_ns), interval_ns, BOUNDS) is None
    across = promised_span(file(0, BOUNDS.earliest_ns - HOUR_NS, 3), interval_ns, BOUNDS)
    assert across.first_ns == BOUNDS.earliest_ns
    short = promised_span(file(0, DAY_ONE_NS, 1e-9), interval_ns, BOUNDS)
    assert short.first_ns == short.last_ns == DAY_ONE_NS


@pytest.mark.parametrize(
    ("hours", "unit", "partition_units"),
    [(1, 720, 1), (6, 720, 1), (24, 720, 4), (7, 720, 4), (24, 2880, 1), (24, 5760, 1)],
)
def test_a_daily_file_lies_in_one_partition(hours, unit, partition_units):
    files = [file(0, DAY_ONE_NS, hours), file(1, DAY_ONE_NS + DAY_NS, hours)]
    assert units_of_a_partition(template(unit), files, BOUNDS) == partition_units
    plan = planned(files, unit=unit, partition_units=partition_units)
    assert all(sum(one in a.files for a in plan.assignments) == 1 for one in files)


def ledger_of(*rows):
    """Rows of uri, status, first and last epoch."""
    columns = [np.array(column, object) for column in zip(*rows, strict=True)]
    uri, status, first, last = columns
    count = len(rows)
    return Ledger(
        uri,
        np.array([1000 + int(name[4:]) for name in uri]),
        np.array(["etag"] * count, object),
        status,
        first.astype(np.int64),
        last.astype(np.int64),
        np.arange(count),
        np.array(["3.04"] * count, object),
        np.full(count, 120),
        np.array(["ab"] * count, object),
    )


def test_only_new_and_changed_files_are_selected():
    files = [file(0), file(1), file(2), file(3)]
    ledger = ledger_of(("file000", "ok", 0, 0), ("file001", "rejected", 0, 0), ("file003", "ok", 0, 0))
    assert select(files, ledger).files == (files[2],)
    changed = [replace(files[0], etag="other"), replace(files[1], size_bytes=1)]
    assert select(changed, ledger).files == tuple(changed)
    assert select(files, Ledger()).files == tuple(files)


def test_what_is_read_again_is_wanted_by_reason_receiver_and_reader():
    refusal = StoredRefusal("not_rinex", "reader 1")
    assert Retry().wants("rec", refusal)
    assert Retry(frozenset({"not_rinex"}), frozenset({"rec"}), "reader 2").wants("rec", refusal)
    assert not Retry(frozenset({"empty"})).wants("rec", refusal)
    assert not Retry(receivers=frozenset({"other"})).wants("rec", refusal)
    assert not Retry(unless_reader="reader 1").wants("rec", refusal)
    assert str(Retry(frozenset({"b", "a"}), frozenset({"y", "x"}), "reader 1")) == "a b; x y; reader 1"
    assert str(Retry()) == "; ; "


def refused_by(reason):
    files = [file(0), file(1)]
    ledger = ledger_of(("file000", "rejected", 0, 0), ("file001", "ok", 0, 0))
    return files, replace(ledger, refusals={0: StoredRefusal(reason, "reader 1")})


def test_a_file_that_the_archive_did_not_give_is_tried_again():
    files, ledger = refused_by("unreadable")
    found = select(files, ledger)
    assert (found.files, found.refused, found.left) == ((files[0],), {"file000": ledger.refusals[0]}, 0)
    files, ledger = refused_by("not_rinex")
    assert select(files, ledger).files == ()


def test_a_retry_takes_what_it_wants_and_leaves_what_is_new():
    files, ledger = refused_by("not_rinex")
    changed = replace(files[0], etag="other")
    found = select([changed, files[1], file(2)], ledger, Retry())
    assert (found.files, found.refused, found.left) == ((changed,), {}, 1)
    assert select(files, ledger, Retry(frozenset({"empty"}))).files == ()


def test_the_ranks_of_files_that_stand_in_a_partition():
    stored = ledger_of(
        ("file000", "ok", DAY_ONE_NS, DAY_ONE_NS + HOUR_NS),
        ("file001", "partial", DAY_ONE_NS + HOUR_NS, DAY_ONE_NS + 7 * HOUR_NS),
        ("file002", "rejected", DAY_ONE_NS, DAY_ONE_NS + HOUR_NS),
    )
    files = [file(3, DAY_ONE_NS + 2 * HOUR_NS), file(4, DAY_ONE_NS + 8 * HOUR_NS), file(5, DAY_ONE_NS + 20 * HOUR_NS)]
    plan = planned(files, ledger=stored)
    assert [dict(assignment.stored) for assignment in plan.assignments] == [
        {0: rank(0, "3.04", 120, "ab"), 1: rank(1, "3.04", 120, "ab")},
        {1: rank(1, "3.04", 120, "ab")},
        {},
    ]


def stored_ranks(rows, shas, *files):
    """Which rows rank as current in the one partition of these files."""
    plan = planned(files, ledger=replace(ledger_of(*rows), sha256=np.array(list(shas), object)))
    (assignment,) = plan.assignments
    return {row: one.current for row, one in assignment.stored.items()}


def test_a_row_ranks_as_current_only_while_it_tells_of_what_the_archive_holds():
    hour = DAY_ONE_NS, DAY_ONE_NS + HOUR_NS
    new = file(9, DAY_ONE_NS)
    one, two = ("file001", "ok", *hour), ("file002", "partial", *hour)
    assert stored_ranks([one, two], "ab", new) == {0: True, 1: True}
    assert stored_ranks([one, two], "ab", new, file(1, DAY_ONE_NS)) == {0: False, 1: True}
    assert stored_ranks([one, two, one], "abc", new) == {0: False, 1: True, 2: True}
    assert stored_ranks([one, two, one], "abc", new, file(1, DAY_ONE_NS)) == {0: False, 1: True, 2: False}
    assert stored_ranks([one, one, two, one], "abcd", new) == {0: False, 1: False, 2: True, 3: True}
    assert stored_ranks([one, ("file001", "rejected", *hour)], "ab", new) == {0: False}


def test_content_is_current_while_any_file_has_it():
    """One that was only touched, or is there under another name, ranks as it did; one that is refused now does not."""
    hour = DAY_ONE_NS, DAY_ONE_NS + HOUR_NS
    new = file(9, DAY_ONE_NS)
    one, two = ("file001", "ok", *hour), ("file002", "ok", *hour)
    assert stored_ranks([one, one], "aa", new) == {0: True, 1: True}
    assert stored_ranks([one, two, one], "aab", new) == {0: True, 1: True, 2: True}
    assert stored_ranks([one, two], "aa", new, file(1, DAY_ONE_NS)) == {0: True, 1: True}
    assert stored_ranks([one, ("file001", "rejected", *hour)], "aa", new) == {0: False}


def test_totals():
    files = [file(0, DAY_ONE_NS), file(1, DAY_ONE_NS + 5 * HOUR_NS, 2), file(2, DAY_ONE_NS + 50 * HOUR_NS)]
    plan = planned(files, partition_units=2)
    counted = totals([plan])
    assert (counted.files, counted.size_bytes, counted.partitions) == (3, 3003, 2)
    assert counted.write_units == sum(a.partition.units for a in plan.assignments)
    assert counted.references >= counted.write_units * 6
    assert counted.task_memory_bytes > 720 * 64 * 26
    assert totals([]).partitions == 0


def test_memory_of_joins_is_counted_where_files_may_meet():
    """They may where their spans do, and where the store has files already."""
    apart, meeting = (planned([file(1, DAY_ONE_NS), file(2, DAY_ONE_NS + int(hours * HOUR_NS))]) for hours in (1, 0.5))
    (assignment,) = apart.assignments
    beside = replace(apart, assignments=(replace(assignment, stored={0: rank(1, "3.04", 1, "ab")}),))
    least, *others = (totals([plan]).task_memory_bytes for plan in (apart, meeting, beside))
    assert others == [least + 720 * 64 * 21] * 2


def test_memory_of_the_files_that_are_kept_is_counted_as_far_as_there_are_any():
    plan = planned([file(1, DAY_ONE_NS), file(2, DAY_ONE_NS + HOUR_NS)])
    none, some, all_of_them = (totals([plan], kept_bytes).task_memory_bytes for kept_bytes in (0, 100, 1 << 30))
    assert (some - none, all_of_them - none) == (100, 16 * 1001), "the rows of the larger one are always there"


def test_whether_the_structure_changes():
    made = planned([file(0, DAY_ONE_NS)])
    assert made.changes_structure
    assert not planned([file(1, DAY_ONE_NS + HOUR_NS)], current=made.template).changes_structure
    assert planned([file(1, DAY_ONE_NS + 30 * HOUR_NS)], current=made.template).changes_structure
    grown = Learned(sids={"rec": frozenset({"E01|E1|C"})})
    assert planned([file(1, DAY_ONE_NS)], current=made.template, learned=grown).changes_structure


def test_the_grid_grows_by_the_later_part_alone_where_no_other_is_taken():
    current = planned([file(0, DAY_ONE_NS, 24)]).template
    after_ns = DAY_ONE_NS + 23 * HOUR_NS
    overlap = Overlap(Strategy.APPEND, after_ns)
    before, across = file(1, DAY_ONE_NS - 30 * HOUR_NS, 24), file(2, DAY_ONE_NS - 10 * HOUR_NS, 40)
    last = file(3, DAY_ONE_NS + 20 * HOUR_NS, 3)
    for files, units in (([before], 4), ([last], 4), ([across], 5), ([before, across, last], 5)):
        grid = planned(files, current=current, overlap=overlap).template.grid
        assert (grid.origin_ns, grid.units) == (current.grid.origin_ns, units)
    end = replace(last, end_ns=after_ns + 30 * SECOND_NS)
    untouched = template(720, DAY_ONE_NS).grid
    assert planned([before, end], current=replace(current, grid=untouched), overlap=overlap).template.grid == untouched
    anyway = planned([before, across], current=current).template.grid
    assert anyway.origin_ns == DAY_ONE_NS - 30 * HOUR_NS


def test_every_group_that_is_planned_for_has_room_for_joins():
    older = replace(template(), joins=False)
    plan = planned([file(0, DAY_ONE_NS)], current=older)
    assert plan.template.joins
    assert plan.changes_structure
