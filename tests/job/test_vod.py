"""Vod from a simulated pair whose canopy is known: what is made, what is made again, what is left as it is."""

import json
import os
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from gnssice_batch.canopy.planning import plan_all
from gnssice_batch.errors import PlanError, StoreError
from gnssice_batch.job.run import run
from gnssice_batch.job.vod import vod
from gnssice_batch.job.vod_preview import preview_vod
from gnssice_batch.job.vod_report import vod_exit_code
from gnssice_batch.simulate import write_navigation
from tests.support import canopies
from tests.support.canopies import DEPTH, GROUP, arrays, changed_units, commits, group, labelled, same, vod_settings
from tests.support.ingested import Stages

ANALYSIS = "canopy_01_vs_reference_01"


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A day with its observations published and its vod made."""
    folder = tmp_path_factory.mktemp("vod")
    chosen, stages = canopies.observed(folder), Stages()
    report = vod(chosen, stages)
    assert stages.named == ["plan", "vod", "publish"]
    return folder, chosen, report


@pytest.fixture
def made(once, tmp_path):
    """A copy of that day."""
    folder, _, report = once
    canopies.copied(folder, tmp_path / "copy")
    return tmp_path / "copy", vod_settings(tmp_path / "copy"), report


def test_the_known_canopy_is_recovered_within_the_rounding_of_snr(once):
    _, chosen, report = once
    found = arrays(chosen)
    told = report.analyses[ANALYSIS]
    assert (told.made, told.again, told.without_orbits) == (4, 0, ())
    values = ~np.isnan(found["VOD"])
    assert told.values == values.sum() > 100_000
    error = found["VOD"][values] - DEPTH
    rounding = 0.25 * np.log(10) / 10 * np.cos(found["theta"][values])
    assert (np.abs(error) <= rounding + 1e-3).all()
    assert abs(error.mean()) < 2e-3


def test_a_unit_of_vod_is_a_unit_of_rinex(once):
    _, chosen, _ = once
    canopy, made = group(chosen, "canopy_01", "rinex"), group(chosen)
    for name in ("VOD", "theta", "phi"):
        one, other = made[name], canopy["SNR"]
        assert (one.shape, one.shards, one.chunks, one.dtype) == (other.shape, other.shards, other.chunks, other.dtype)
        assert [str(codec) for codec in one.metadata.codecs] == [str(codec) for codec in other.metadata.codecs]
    for name in ("epoch", "sid", "sv", "system", "band", "code", "freq_center", "glonass_fcn"):
        np.testing.assert_array_equal(made[name][:], canopy[name][:])
    there = ~np.isnan(canopy["SNR"][:])
    assert not (~np.isnan(made["theta"][:]) & ~there).any()
    assert made.attrs["rinex_snapshot"] == canopies.repository(chosen, "rinex").head()


def test_a_second_run_without_news_commits_nothing(made):
    _, chosen, _ = made
    again = vod(chosen)
    assert again.snapshot is None
    assert (commits(chosen), again.analyses[ANALYSIS].up_to_date) == (1, 4)


def test_observations_of_another_receiver_are_no_news(made):
    folder, chosen, _ = made
    other = next((folder / "archive/canopy_01").rglob("*.rnx"))
    place = folder / "archive/other_01" / other.name
    place.parent.mkdir()
    place.write_bytes(other.read_bytes())
    run(chosen)
    assert vod(chosen).snapshot is None


@pytest.mark.parametrize("receiver", ["canopy_01", "reference_01"])
def test_one_late_file_makes_exactly_its_unit_again(tmp_path, receiver):
    files = canopies.archive(tmp_path)
    late = [file for file in files if file.relative_to(tmp_path / "archive").parts[0] == receiver][4]
    kept = tmp_path / late.name
    shutil.move(late, kept)
    chosen = vod_settings(tmp_path)
    run(chosen)
    first = vod(chosen)
    shutil.move(kept, late)
    run(chosen)
    second = vod(chosen)
    assert changed_units(chosen, first.snapshot, second.snapshot) == [1]
    told = second.analyses[ANALYSIS]
    assert (told.made, told.again, told.up_to_date) == (1, 1, 3)
    fresh = vod_settings(tmp_path, store={"url": str(tmp_path / "fresh")})
    run(fresh)
    vod(fresh)
    same(arrays(chosen), arrays(fresh))


def test_orbits_that_arrive_later_make_the_units_that_waited(tmp_path):
    canopies.archive(tmp_path)
    shutil.move(tmp_path / "orbits", tmp_path / "kept")
    (tmp_path / "orbits").mkdir()
    chosen = vod_settings(tmp_path)
    run(chosen)
    nothing = vod(chosen)
    told = nothing.analyses[ANALYSIS]
    assert nothing.snapshot is None
    assert len(told.without_orbits) == 4
    assert vod_exit_code(nothing, 0.05, 0.5) == 1
    shutil.move(tmp_path / "kept/navigation", tmp_path / "orbits/navigation")
    later = vod(chosen)
    assert (later.analyses[ANALYSIS].made, later.analyses[ANALYSIS].without_orbits) == (4, ())


def test_orbit_files_that_were_changed_make_the_units_that_they_reach_again(made):
    folder, chosen, first = made
    before = labelled(chosen)
    (orbit,) = (folder / "orbits").rglob("*.rnx.gz")
    os.utime(orbit, (1, 1))
    second = vod(chosen)
    assert second.analyses[ANALYSIS].again == 4
    same(labelled(chosen), before)
    assert first.snapshot != second.snapshot
    rows = [json.loads(row) for row in group(chosen)["metadata/orbits"][:]]
    assert [row["hash"] for row in rows] == [rows[0]["hash"]] * 2
    assert set(np.unique(arrays(chosen)["source_orbit"])) <= {-1, 1}


def test_files_whose_names_say_nothing_reach_what_they_tell_of(made):
    """One of another month, and one that is none, make no unit again, and are not read again once they were kept."""
    folder, chosen, _ = made
    (orbit,) = (folder / "orbits").rglob("*.rnx.gz")
    odd = Path(shutil.move(orbit, folder / "orbits/mine.rnx.gz"))
    assert vod(chosen).analyses[ANALYSIS].again == 4
    write_navigation(folder / "other", canopies.plan(start=date(2025, 3, 1)))
    (other,) = (folder / "other").rglob("*.rnx.gz")
    shutil.move(other, folder / "orbits/march.rnx.gz")
    (folder / "orbits/none.nav").write_text("no navigation at all\n")
    told = vod(chosen)
    assert (told.snapshot, told.analyses[ANALYSIS].up_to_date, told.orbit_files) == (None, 4, 3)
    assert "not_rinex" in told.unreadable["none.nav"]
    os.utime(odd, (1, 1))
    told = vod(chosen)
    assert (told.analyses[ANALYSIS].again, told.unreadable.keys()) == (4, {"none.nav"})
    rows = [json.loads(row) for row in group(chosen)["metadata/orbits"][:]]
    assert [row["uri"] for row in rows[2:]] == ["march.rnx.gz", "mine.rnx.gz", "none.nav"]
    assert plan_all(chosen, canopies.repository(chosen), "main").orbits.read == ()
    told = vod(chosen)
    assert (told.snapshot, told.unreadable.keys()) == (None, {"none.nav"})


def test_another_position_makes_everything_again(made):
    folder, _, _ = made
    position = [4127445.9, 1206915.1, 4695541.1]
    report = vod(vod_settings(folder, vod={"position": position}))
    told = report.analyses[ANALYSIS]
    assert (told.made, told.again) == (4, 4)
    assert "position" in told.everything
    assert group(vod_settings(folder)).attrs["position_xyz_m"] == position


def test_a_canopy_that_was_moved_is_told(tmp_path):
    """By the dry run, by the run that makes all of it, and by none where a position is set."""
    files = canopies.archive(tmp_path, canopies.plan(0.5))
    chosen, mine = vod_settings(tmp_path), [file for file in files if "canopy_01" in file.parts]
    for file in mine[4:]:
        lines = file.read_text().splitlines(keepends=True)
        at = next(number for number, line in enumerate(lines) if "APPROX POSITION XYZ" in line)
        x, y, z = map(float, lines[at].split()[:3])
        lines[at] = f"{x + 300:14.4f}{y:14.4f}{z - 400:14.4f}" + lines[at][42:]
        file.write_text("".join(lines))
    run(chosen)
    name = mine[4].relative_to(tmp_path / "archive")
    said = f"the headers of 2 of 6 files tell another position, up to 500 m off, {name} first"
    assert preview_vod(chosen).analyses[ANALYSIS].moved.startswith(said)
    assert vod(chosen).as_json()["analyses"][ANALYSIS]["moved"].startswith(said)
    assert vod(chosen).analyses[ANALYSIS].moved == ""
    assert preview_vod(chosen).analyses[ANALYSIS].moved.startswith(said)
    placed = vod_settings(tmp_path, vod={"position": [4127445.9, 1206915.1, 4695541.1]})
    assert preview_vod(placed).analyses[ANALYSIS].moved == ""


def test_full_makes_everything_again_and_the_same(made):
    _, chosen, _ = made
    before = arrays(chosen)
    report = vod(chosen, everything=True)
    assert report.analyses[ANALYSIS].again == 4
    same(arrays(chosen), before)


def test_a_proof_computes_every_unit_again(made):
    folder, _, _ = made
    report = vod(vod_settings(folder, run={"verify": "full"}), everything=True)
    assert (report.proof.level, report.proof.recomputed) == ("full", 4)
    assert report.proof.cells > 0


def test_ledgers_tell_of_units_and_orbit_files(once):
    folder, chosen, report = once
    table = group(chosen)["metadata/table"]
    columns = {name: array[:].tolist() for name, array in table.arrays()}
    assert columns["index"] == [0, 1, 2, 3]
    assert columns["run_id"] == [report.run] * 4
    assert columns["calculator_name"] == ["tau_omega"] * 4
    assert columns["action"] == ["write"] * 4
    assert all(count > 0 for count in columns["epochs"])
    rows = group(chosen)["metadata/orbits"][:].tolist()
    files = [path for path in (folder / "orbits").rglob("*") if path.is_file()]
    assert len(rows) == len(files) == report.orbit_files
    sources = np.unique(arrays(chosen)["source_orbit"])
    assert set(sources.tolist()) <= set(range(-1, len(rows)))


def test_one_commit_says_what_it_was_made_from(once):
    _, chosen, report = once
    (entry, _) = canopies.repository(chosen).handle.ancestry(branch="main")
    assert entry.metadata["rinex_snapshot"] == report.rinex_snapshot
    assert entry.metadata["run"] == report.run
    assert entry.metadata["orbits_digest"]


def test_without_observations_it_says_what_to_do(tmp_path):
    canopies.archive(tmp_path)
    with pytest.raises(StoreError, match="start `run` first"):
        vod(vod_settings(tmp_path))


def test_a_receiver_that_is_not_there_is_named(made):
    folder, _, _ = made
    pairs = {"a": {"canopy": "canopy_01", "reference": "reference_09"}}
    with pytest.raises(PlanError, match="no receiver 'reference_09'"):
        vod(vod_settings(folder, vod={"analyses": pairs}))


def test_the_group_is_where_canopy_users_look_for_it(once):
    _, chosen, _ = once
    assert f"tau_omega/{ANALYSIS}" == GROUP
    assert group(chosen).attrs["calculator"] == "tau_omega"
    assert group(chosen).attrs["calculator_params"] == "{}"
