"""What a vod run publishes and reports, from what its units told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gnssice_batch.canopy.orbit_files import digest_of_all
from gnssice_batch.errors import StoreError
from gnssice_batch.job.vod_report import AnalysisReport, VodProof, VodReport
from gnssice_batch.job.vod_results import publication_of, report_of, up_to_date_report
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.store.writing.structure import Structure
from gnssice_batch.store.writing.vod_publish import MadeRow, VodGroupChange
from tests.support.histories import FAR
from tests.support.vod_plans import (
    GRID,
    POSITION,
    RUN,
    SNAPSHOT,
    analysis_template,
    facts,
    finish,
    key,
    made_unit,
    orbit,
    plan,
    plans,
    start,
    stored,
    units_of,
)

STRUCTURE = Structure("BASE", "staging", b"change", b"fork", {})
NUMBERS = {("known", "e"): 1, ("new", "e"): 2, ("silent", "e"): 3, ("half", "e"): 4, ("late", "e"): 5}
FIRST = made_unit(
    0, hashes={"c": "1"}, pairs=10, values=8, epochs=5, first_ns=7, last_ns=9, without_orbits={"R": 2, "G": 1},
    orbits=(facts("new"), facts("bad", fault="cut", lost={"z": 1})),
)  # fmt: skip
SECOND = made_unit(1, pairs=4, values=1, orbits=(facts("half", lost={"y": 2}),), without_orbits={"G": 5})
LEFT = made_unit(2, pairs=100, without_orbits={"E": 3})
ONLY = made_unit(6, pairs=1, values=1, epochs=1, first_ns=3, last_ns=4)


@pytest.fixture
def units(tmp_path):
    """A run with three analyses.

    Of the first, units 0 and 1 are made, 2 has no orbits, 3 killed its workers, 1 and 5 waited before; the second is
    new; of the third, new too, nothing is to be made.
    """
    first = plan(
        "a", (0, 1, 2, 3), stored("a", made=(0, 7), rows=2), NUMBERS,
        waiting=frozenset({start(5), start(1)}), sound=frozenset({start(3)}), up_to_date=7, everything="why",
    )  # fmt: skip
    found = plans(
        first, plan("b", (6,)), plan("c"),
        files=[orbit(uri) for uri in ("new", "half", "known")], read=[facts("known"), facts("late")],
        unreadable={"w": "closed", "q": "empty"}, moved={"a": "it was moved", "z": "no such"},
    )  # fmt: skip
    made = units_of(tmp_path, found)
    for assignment, told in zip(first.assignments, (FIRST, SECOND), strict=False):
        finish(made, assignment, told, bytes_read=100, peak_memory_bytes=5 + assignment.unit)
    finish(made, first.assignments[2], LEFT, written=False, bytes_read=1)
    finish(made, found.plans[1].assignments[0], ONLY, fork=b"other", peak_memory_bytes=3)
    made.killed.add(key("a", 3))
    made.work.resumed, made.proof = 2, VodProof("full", 3, 2, 99)
    return made


def test_a_publication_has_every_unit_that_was_written(units):
    found = publication_of(units, STRUCTURE)
    assert (found.run, found.structure, found.forks) == (RUN, STRUCTURE, [b"fork", b"fork", b"other"])
    assert found.message == "vod: 3 units, a, b"
    digest = digest_of_all(["digest 0", "digest 1", "digest 6"])
    assert found.metadata == {
        "rinex_snapshot": SNAPSHOT,
        "orbits_digest": digest,
        "partitions": 4,
        "software": SOFTWARE,
    }
    assert (found.source_url, found.source_format) == (FAR, "")
    assert abs(datetime.fromisoformat(found.written_at) - datetime.now(UTC)) < timedelta(minutes=5)
    assert len(found.written_at) == len("2025-01-01T00:00:00+00:00")
    cubes = {"VOD": (0, 1), "theta": (0, 1), "phi": (0, 1)}
    assert {name: {index[0] for index in found.planned[f"/tau_omega/a/{name}"]} for name in cubes} == {
        name: set(of) for name, of in cubes.items()
    }
    assert {index[0] for index in found.planned["/tau_omega/b/VOD"]} == {6}


def test_the_digest_of_a_commit_does_not_depend_on_the_order_of_its_units(units):
    before = publication_of(units, STRUCTURE).metadata["orbits_digest"]
    units.work.done = dict(reversed(units.work.done.items()))
    assert publication_of(units, STRUCTURE).metadata["orbits_digest"] == before


def test_a_long_message_is_cut(tmp_path):
    names = [f"analysis_of_number_{number}" for number in range(20)]
    found = publication_of(units_of(tmp_path, plans(*(plan(name, (0,)) for name in names))), STRUCTURE)
    assert found.message == f"vod: 0 units, {', '.join(names)}"[:200]


def test_a_unit_without_a_fork_is_published_without_one(units):
    done = units.work.done[key("b", 6)]
    units.work.done[key("b", 6)] = replace(done, outcome=replace(done.outcome, fork=None))
    assert publication_of(units, STRUCTURE).forks == [b"fork", b"fork"]


def test_a_worker_that_wrote_outside_its_unit_publishes_nothing(units):
    done = units.work.done[key("a", 1)]
    units.work.done[key("a", 1)] = replace(done, outcome=replace(done.outcome, written_units=(1, 2)))
    with pytest.raises(StoreError, match=f"{key('a', 1)}: wrote outside its own unit; nothing was published"):
        publication_of(units, STRUCTURE)


def test_a_group_that_was_there_changes_by_what_is_new(units):
    """Row 3 of the orbit files is of one that told nothing."""
    change = publication_of(units, STRUCTURE).groups["tau_omega/a"]
    assert change == VodGroupChange(
        template=analysis_template("a"),
        current=analysis_template("a"),
        rows=2,
        orbits=[facts("new"), None, facts("half", lost={"y": 2}), facts("late")],
        units=[
            MadeRow(0, start(0), start(1), True, FIRST),
            MadeRow(1, start(1), start(2), False, SECOND),
        ],
        rinex_snapshot=SNAPSHOT,
        waiting=[start(1), start(2), start(5)],
        attributes={"orbits": "broadcast", "position_xyz_m": list(POSITION), "position_from": "header"},
    )


def test_a_new_group_has_no_rows_and_made_no_unit_before(units):
    groups = publication_of(units, STRUCTURE).groups
    assert groups.keys() == {"tau_omega/a", "tau_omega/b"}
    change = groups["tau_omega/b"]
    assert (change.current, change.rows, change.orbits, change.waiting) == (None, 0, [], [])
    assert change.units == [MadeRow(6, start(6), start(6) + GRID.unit_ns, False, ONLY)]


def test_files_that_told_nothing_get_no_rows_at_the_end(tmp_path):
    numbers = {("one", "e"): 0, ("two", "e"): 1, ("three", "e"): 2}
    first = plan("a", (0,), None, numbers)
    units = units_of(tmp_path, plans(first, read=[facts("one")]))
    finish(units, first.assignments[0], made_unit(0))
    assert publication_of(units, STRUCTURE).groups["tau_omega/a"].orbits == [facts("one")]


def test_another_file_of_the_same_path_tells_nothing_of_this_one(tmp_path):
    first = plan("a", (0,), None, {("one", "new"): 0})
    units = units_of(tmp_path, plans(first, read=[facts("one", "old")]))
    assert publication_of(units, STRUCTURE).groups["tau_omega/a"].orbits == []


def test_a_report_counts_what_became_of_every_unit(units):
    assert report_of(units, "NEW") == VodReport(
        run=RUN,
        url=FAR,
        snapshot="NEW",
        partitions=4,
        resumed=2,
        set_aside=(key("a", 3),),
        bytes_read=201,
        peak_memory_bytes=6,
        rinex_snapshot=SNAPSHOT,
        analyses={
            "a": AnalysisReport(
                "a_canopy", "a_reference", 2, 1, 7, (key("a", 1), key("a", 2), key("a", 5)), 14, 9,
                {"E": 3, "G": 6, "R": 2}, "why", "it was moved",
            ),
            "b": AnalysisReport("b_canopy", "b_reference", 1, 0, 0, (), 1, 1),
            "c": AnalysisReport("c_canopy", "c_reference"),
        },
        orbit_files=3,
        unreadable={"bad": "cut", "q": "empty", "w": "closed"},
        damaged={"half": {"y": 2}},
        proof=VodProof("full", 3, 2, 99),
    )  # fmt: skip


def test_lists_of_a_report_are_in_order(units):
    units.killed |= {key("b", number) for number in (5, 4, 3, 2, 1, 0)}
    telling = made_unit(1, orbits=tuple(facts(uri, lost={"y": 1}) for uri in "zyx"), without_orbits={"R": 1, "E": 1})
    units.made[key("a", 1)] = telling
    found = report_of(units, None)
    assert (found.snapshot, found.set_aside) == (None, tuple(sorted(units.killed)))
    assert list(found.damaged) == ["x", "y", "z"]
    assert list(found.unreadable) == ["bad", "q", "w"]
    assert list(found.analyses["a"].satellites_without_orbits) == ["E", "G", "R"]


def test_a_run_that_had_nothing_to_do_tells_what_is_there(units):
    found = up_to_date_report(units.found, "here", "name")
    assert found == VodReport(
        "name",
        "here",
        None,
        rinex_snapshot=SNAPSHOT,
        analyses={
            "a": AnalysisReport(
                "a_canopy",
                "a_reference",
                up_to_date=7,
                without_orbits=(key("a", 1), key("a", 5)),
                everything="why",
                moved="it was moved",
            ),
            "b": AnalysisReport("b_canopy", "b_reference"),
            "c": AnalysisReport("c_canopy", "c_reference"),
        },
        orbit_files=3,
        unreadable={"q": "empty", "w": "closed"},
    )
    assert list(found.unreadable) == ["q", "w"]


def test_units_that_wait_are_told_in_their_order(tmp_path):
    waiting = frozenset(start(number) for number in range(8))
    found = plans(plan("a", waiting=waiting, current=stored("a")))
    wanted = tuple(key("a", number) for number in range(8))
    assert up_to_date_report(found, "", "").analyses["a"].without_orbits == wanted
    assert report_of(units_of(tmp_path, found), None).analyses["a"].without_orbits == wanted
    assert report_of(units_of(tmp_path / "2", found), None).peak_memory_bytes == 0
