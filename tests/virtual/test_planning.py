"""Files given their places: everything in one place, no two in one, whatever the order."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.model.virtual import (
    NetcdfFacts,
    NetcdfFile,
    Profile,
    StoredSeries,
    VirtualContents,
    VirtualReason,
    VirtualState,
)
from gnssice_batch.virtual.planning import backlog_of, difference, plan_files, promoted, rows_of

STEP, CHUNK = 30 * 10**9, 10
CHUNK_NS = STEP * CHUNK
BEGIN = 1_400_000_000 * 10**9 // CHUNK_NS * CHUNK_NS
COMMON = Profile("epoch", "v", "d", "s", "c", "k", "a", STEP, CHUNK)
PROFILES = (COMMON, replace(COMMON, axis="b"), replace(COMMON, chunks="l"), replace(COMMON, interval_ns=STEP * 2))


def facts(name, chunk=0, chunks=1, profile=COMMON, shift_ns=0, receiver="canopy"):
    """What is in a file of some chunks, the first at a place counted in chunks."""
    step = profile.interval_ns
    first = BEGIN + chunk * CHUNK * step + shift_ns
    epochs = chunks * CHUNK
    file = NetcdfFile(f"{receiver}/{name}.nc", receiver, 100, name)
    return NetcdfFacts(file, name, profile=profile, first_ns=first, last_ns=first + (epochs - 1) * step, epochs=epochs)


@st.composite
def files(draw):
    count = draw(st.integers(1, 12))
    return [
        facts(
            f"{number:02}",
            draw(st.integers(-20, 20)),
            draw(st.integers(1, 3)),
            draw(st.sampled_from(PROFILES)),
            draw(st.sampled_from([0, 0, 0, STEP])),
            draw(st.sampled_from(["canopy", "reference"])),
        )
        for number in range(count)
    ]


def published(plan, before=None):
    """The contents once a plan is published."""
    before = before or VirtualContents()
    series = {**before.series, **{name: change.wanted for name, change in plan.series.items()}}
    return VirtualContents("s", series, {**before.rows, **{row.file.uri: row for row in rows_of(plan, "run")}})


def check(contents):
    """Hold that the files of every array over time lie in it, in whole chunks, apart from each other."""
    groups = [row.group for row in contents.rows.values() if row.reason]
    assert len(groups) == len(set(groups))
    for receiver, series in contents.series.items():
        mine = sorted((row for row in contents.rows.values() if row.group == receiver), key=lambda row: row.first_ns)
        slots = [range(series.grid.slot(row.first_ns), series.grid.slot(row.last_ns) + 1) for row in mine]
        assert all(slot.start % CHUNK == 0 and len(slot) == row.epochs for slot, row in zip(slots, mine, strict=True))
        assert all(one.stop <= other.start for one, other in itertools.pairwise(slots))
        assert not slots or (slots[0].start >= 0 and slots[-1].stop <= series.grid.size)


@given(files(), st.randoms())
def test_every_file_has_one_place_whatever_the_order(found, chance):
    plan = plan_files(VirtualContents(), found)
    assert sorted(one.facts.file.uri for one in plan.placements) == sorted(one.file.uri for one in found)
    check(published(plan))
    chance.shuffle(found)
    assert plan_files(VirtualContents(), found) == plan


@given(files(), files(), st.data())
def test_later_runs_keep_what_is_there(first, second, data):
    before = published(plan_files(VirtualContents(), first))
    taken = {one.file.uri for one in first}
    news = [replace(one, file=replace(one.file, uri=one.file.uri + "2")) for one in second]
    changed = [
        replace(one, sha256="x") for one in data.draw(st.lists(st.sampled_from(first), unique_by=id, max_size=2))
    ]
    news += changed
    moved = {file.uri for file in promoted(before, news)}
    news += [one for one in first if one.file.uri in moved]
    plan = plan_files(before, news)
    after = published(plan, before)
    check(after)
    still = taken - moved - {one.file.uri for one in changed}
    assert all(after.rows[uri].group == before.rows[uri].group for uri in still)
    for receiver, series in before.series.items():
        assert after.series[receiver].profile == series.profile
        assert (series.grid.origin_ns - after.series[receiver].grid.origin_ns) % series.grid.chunk_ns == 0


def test_one_alone_then_two():
    first = facts("a", 0)
    before = published(plan_files(VirtualContents(), [first]))
    assert before.rows["canopy/a.nc"].reason == VirtualReason.ALONE
    second = facts("b", 3)
    assert promoted(before, [second]) == (first.file,)
    plan = plan_files(before, [first, second])
    assert [one.group for one in plan.placements] == ["canopy", "canopy"]
    assert plan.series["canopy"].wanted.grid.size == 4 * CHUNK
    assert [row.group for row in plan.removed] == ["canopy.files/20240517T165000"]


def test_a_date_years_away_does_not_stretch_the_axis():
    wrong = replace(facts("wrong"), first_ns=0, last_ns=(CHUNK - 1) * STEP)
    plan = plan_files(VirtualContents(), [facts("a", 0), facts("b", 1), wrong])
    assert plan.series["canopy"].wanted.grid.size == 2 * CHUNK
    assert {one.facts.file.uri: one.reason for one in plan.placements}["canopy/wrong.nc"] is VirtualReason.TOO_FAR


def test_earlier_files_move_the_origin_by_whole_chunks():
    before = published(plan_files(VirtualContents(), [facts("a", 0), facts("b", 1)]))
    plan = plan_files(before, [facts("c", -3)])
    grid = plan.series["canopy"].wanted.grid
    assert (grid.origin_ns, grid.size) == (BEGIN - 3 * CHUNK_NS, 5 * CHUNK)
    assert isinstance(plan.series["canopy"].current, StoredSeries)


def test_what_is_new_changed_missing():
    plan = plan_files(VirtualContents(), [facts("a", 0), facts("b", 1), facts("c", 2)])
    contents = published(plan)
    listed = [facts("a").file, replace(facts("b").file, etag="other"), facts("d").file]
    found = backlog_of(contents, listed)
    assert [file.uri for file in found.new] == ["canopy/d.nc"]
    assert [file.uri for file in found.changed] == ["canopy/b.nc"]
    assert [row.file.uri for row in found.missing] == ["canopy/c.nc"]
    assert found.up_to_date == 1
    native = {uri: replace(row, state=VirtualState.NATIVE) for uri, row in contents.rows.items()}
    assert backlog_of(replace(contents, rows=native), listed).missing == ()


def test_each_difference_has_its_name():
    names = {
        "time": "axis_differs",
        "variables": "variables_differ",
        "dtypes": "dtype_differs",
        "scales": "scale_differs",
        "codecs": "codec_differs",
        "chunks": "chunks_differ",
        "axis": "axis_differs",
    }
    assert {name: difference(COMMON, replace(COMMON, **{name: "x"})) for name in names} == names
    assert difference(COMMON, replace(COMMON, interval_ns=1)) == "interval_differs"
    assert difference(COMMON, COMMON) is None
