"""Observations that grow, move, expire: vod follows, and ends as it would have been made at once."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import zarr

from gnssice_batch.job.run import run
from gnssice_batch.job.vod import vod
from gnssice_batch.operate.garbage import collect_garbage, expire_versions
from gnssice_batch.operate.maintenance import maintain
from gnssice_batch.simulate import network, simulate
from tests.support import canopies
from tests.support.canopies import commits, group, labelled, same, vod_settings

ANALYSIS = "canopy_01_vs_reference_01"
HALF_A_DAY = 0.5
NOW = timedelta(0)
pytestmark = pytest.mark.heavy


def added(folder, day, systems="GR"):
    """Half a day more of observations and orbits, published."""
    canopies.archive(folder, canopies.plan(HALF_A_DAY, day, systems=systems))
    chosen = vod_settings(folder)
    run(chosen)
    return chosen


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A middle day with its vod, then a day before it and one after it, each with other satellites, and vod of all."""
    folder = tmp_path_factory.mktemp("grown")
    chosen = added(folder, date(2025, 1, 2))
    vod(chosen)
    added(folder, date(2025, 1, 1), "GRE")
    early = vod(chosen)
    added(folder, date(2025, 1, 3), "GREC")
    late = vod(chosen)
    return folder, chosen, early, late


@pytest.fixture
def copy(grown, tmp_path):
    """A copy of that."""
    canopies.copied(grown[0], tmp_path / "copy")
    return vod_settings(tmp_path / "copy")


def test_axes_that_grew_and_moved_hold_what_a_fresh_build_does(grown):
    folder, chosen, _, _ = grown
    fresh = vod_settings(folder, store={"url": str(folder / "fresh")})
    run(fresh)
    vod(fresh)
    same(labelled(chosen), labelled(fresh))
    canopy = group(chosen, "canopy_01", "rinex")
    assert group(chosen)["VOD"].shape == canopy["SNR"].shape
    assert group(chosen).attrs["origin_ns"] == canopy.attrs["origin_ns"]
    assert group(chosen)["sid"][:].tolist() == canopy["sid"][:].tolist()


def test_an_earlier_begin_moves_what_is_made_and_makes_the_units_of_its_files(grown):
    """And the first unit of the day that followed, which the orbits of the evening before reach."""
    told = grown[2].analyses[ANALYSIS]
    assert told.everything == ""
    assert (told.made, told.again, told.up_to_date) == (3, 1, 1)


def test_cells_that_a_repair_changes_after_an_earlier_begin_are_made_again(tmp_path):
    """The ledger says nothing of a repair: the record of the version that it made does."""
    chosen = added(tmp_path, date(2025, 1, 2))
    vod(chosen)
    added(tmp_path, date(2025, 1, 1))
    session = rinex_of(chosen).handle.writable_session("main")
    strength = zarr.open_group(session.store, path="canopy_01", mode="r+")["SNR"]
    unit = strength.shards[0]
    strength[-unit:] = strength[-unit:] - 10
    session.commit("what a repair does")
    vod(chosen)
    after = labelled(chosen)
    vod(chosen, everything=True)
    same(labelled(chosen), after)


def test_an_earlier_begin_with_better_files_makes_everything_again_and_says_so(tmp_path):
    chosen = added(tmp_path, date(2025, 1, 2))
    vod(chosen)
    canopies.archive(tmp_path, canopies.plan(HALF_A_DAY, date(2025, 1, 1), systems="GR"))
    better = canopies.plan(1 / 12, date(2025, 1, 2), systems="GREC", period_s=3600)
    simulate(tmp_path / "archive", better)
    run(chosen)
    told = vod(chosen).analyses[ANALYSIS]
    assert "begins at another time" in told.everything
    assert (told.made, told.again) == (4, 2)
    fresh = vod_settings(tmp_path, store={"url": str(tmp_path / "fresh")})
    run(fresh)
    vod(fresh)
    same(labelled(chosen), labelled(fresh))


def test_a_later_day_makes_its_own_units_only(grown):
    told = grown[3].analyses[ANALYSIS]
    assert (told.made, told.again, told.up_to_date, told.everything) == (2, 0, 4, "")


def rinex_of(chosen):
    return canopies.repository(chosen, "rinex")


def of_another_receiver(chosen):
    """Publish a version of the observations that changes nothing of the pair."""
    path = next((Path(chosen.archive.url) / "canopy_01").rglob("*.rnx"))
    other = Path(chosen.archive.url) / "other_01" / path.name
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    run(chosen)


def test_versions_that_vod_names_are_not_expired(copy):
    named = group(copy).attrs["rinex_snapshot"]
    of_another_receiver(copy)
    assert rinex_of(copy).head() != named
    gone = expire_versions(copy, NOW)
    collect_garbage(copy, NOW, dry_run=False)
    kept = {str(entry.id) for entry in rinex_of(copy).handle.ancestry(branch="main")}
    assert named in kept
    assert named not in {version.id for version in gone}
    assert vod(copy).snapshot is None


def test_a_version_that_is_gone_all_the_same_makes_everything_again_and_says_so(copy):
    before, named = commits(copy), group(copy).attrs["rinex_snapshot"]
    of_another_receiver(copy)
    rinex_of(copy).handle.expire_snapshots(datetime.now(UTC))
    assert named not in {str(entry.id) for entry in rinex_of(copy).handle.ancestry(branch="main")}
    values = labelled(copy)
    report = vod(copy)
    told = report.analyses[ANALYSIS]
    assert "has expired" in told.everything
    assert (told.made, told.again) == (6, 6)
    assert commits(copy) == before + 1
    same(labelled(copy), values)


def test_manifests_written_again_are_no_news(copy):
    maintain(copy)
    assert vod(copy).snapshot is None


def test_its_own_repository_is_tidied_by_the_same_commands(copy):
    values, before = labelled(copy), commits(copy)
    assert before == 3
    maintain(copy, product="vod")
    collect_garbage(copy, NOW, dry_run=False, product="vod")
    assert commits(copy) == 1
    same(labelled(copy), values)
    assert vod(copy).snapshot is None


def test_receivers_that_come_later_make_groups_of_their_own(tmp_path):
    """Every canopy against every reference; the groups that were there stay as they are."""
    chosen = added(tmp_path, date(2025, 1, 2))
    first = vod(chosen)
    wanted = canopies.plan(HALF_A_DAY, date(2025, 1, 2), systems="GR", receivers=network(4, 0.5)[2:])
    simulate(tmp_path / "archive", wanted)
    run(chosen)
    second = vod(chosen)
    made = {name: (one.made, one.up_to_date) for name, one in second.analyses.items()}
    assert made.pop(ANALYSIS) == (0, 2)
    others = {f"canopy_0{one}_vs_reference_0{other}" for one, other in ((1, 2), (2, 1), (2, 2))}
    assert made == dict.fromkeys(others, (2, 0))
    assert canopies.changed_units(chosen, first.snapshot, second.snapshot) == []
    assert group(chosen).attrs["rinex_snapshot"] == second.rinex_snapshot
    assert vod(chosen).snapshot is None


def test_one_analysis_alone(tmp_path):
    chosen = added(tmp_path, date(2025, 1, 2))
    pairs = {name: {"canopy": "canopy_01", "reference": "reference_01"} for name in ("one", "other")}
    named = vod_settings(tmp_path, vod={"analyses": pairs})
    assert set(vod(named, analyses=["one"]).analyses) == {"one"}
    later = vod(named)
    assert {name: one.made for name, one in later.analyses.items()} == {"one": 0, "other": 2}
    same(labelled(chosen, "tau_omega/one"), labelled(chosen, "tau_omega/other"))
