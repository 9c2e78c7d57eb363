"""What can go wrong with vod, one class per heading of docs/failure-modes.md."""

import dataclasses
import gzip
import json
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import zarr
from distributed import KilledWorker

from gnssice_batch.canopy import unit
from gnssice_batch.cluster.executor import Finished, InProcess
from gnssice_batch.errors import PlanError, StoreError
from gnssice_batch.job.run import run
from gnssice_batch.job.vod import vod
from gnssice_batch.job.vod_report import vod_exit_code
from gnssice_batch.operate.repair import Wanted, plan_repair, repair
from gnssice_batch.simulate import write_navigation
from tests.failures.launcher import VOD_PHASES
from tests.failures.vod_course import VodDeath, VodField
from tests.support import canopies
from tests.support.canopies import arrays, commits, group, same, vod_settings
from tests.support.damage import chunks, spoil
from tests.support.runs import DAY_ONE_S, name, rinex, span_s

ANALYSIS = "canopy_01_vs_reference_01"


@pytest.fixture(scope="module")
def half_a_day(tmp_path_factory):
    """A pair with published observations, its vod made."""
    folder = tmp_path_factory.mktemp("half")
    vod(canopies.observed(folder, canopies.plan(0.5)))
    return folder


@pytest.fixture
def place(half_a_day, tmp_path):
    """A copy of it."""
    canopies.copied(half_a_day, tmp_path / "copy")
    return tmp_path / "copy"


def told_of(chosen, receiver, **attributes):
    """Publish observations whose first header said something else."""
    session = canopies.repository(chosen, "rinex").handle.writable_session("main")
    zarr.open_group(session.store, path=receiver, mode="r+").attrs.update(attributes)
    session.commit("another header")


def observed_anew(place, chosen):
    """Publish a file of another receiver, and let every earlier version of the observations expire."""
    late = next((place / "archive/canopy_01").rglob("*.rnx"))
    other = place / "archive/other_01" / late.name
    other.parent.mkdir()
    other.write_bytes(late.read_bytes())
    run(chosen)
    canopies.repository(chosen, "rinex").handle.expire_snapshots(datetime.now(UTC))


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A pair of half a day: two units."""
    return VodField(tmp_path_factory.mktemp("killed"), days=0.5)


@pytest.mark.processes
@pytest.mark.heavy
class TestAVodRunIsKilled:
    @pytest.mark.parametrize("phase", VOD_PHASES)
    def test_it_goes_on_where_it_was_killed(self, field, phase):
        death = VodDeath(list(VOD_PHASES).index(phase), (phase,), (0.5,))
        assert field.die(death) == 1


@pytest.mark.heavy
class TestOrbitsAreMissing:
    def test_units_wait_for_them(self, place):
        shutil.rmtree(place / "stores/site/vod")
        shutil.move(place / "orbits", place / "kept")
        (place / "orbits").mkdir()
        chosen = vod_settings(place)
        nothing = vod(chosen)
        assert nothing.snapshot is None
        assert len(nothing.analyses[ANALYSIS].without_orbits) == 2
        assert vod_exit_code(nothing, 0.05, 0.5) == 1
        shutil.move(place / "kept/navigation", place / "orbits/navigation")
        later = vod(chosen).analyses[ANALYSIS]
        assert (later.made, later.without_orbits) == (2, ())

    def test_a_unit_that_has_changed_waits_too(self, place):
        """Its cells stay as they were made, and it is made when orbits are there, however the observations move on."""
        chosen = vod_settings(place)
        before = arrays(chosen)
        shutil.move(place / "orbits", place / "kept")
        (place / "orbits").mkdir()
        told = vod(chosen)
        assert (told.snapshot, len(told.analyses[ANALYSIS].without_orbits)) == (None, 2)
        same(arrays(chosen), before)

    def test_what_fewer_files_would_lose_is_kept(self, place):
        """Navigation files are tidied away, and one that is left knows fewer satellites."""
        (whole,) = (path for path in (place / "orbits").rglob("*") if path.is_file())
        write_navigation(place / "orbits/less", canopies.plan(0.5, systems="G"))
        chosen = vod_settings(place)
        vod(chosen)
        before = arrays(chosen)
        kept = shutil.move(whole, place / whole.name)
        for _ in range(2):
            told = vod(chosen)
            assert (told.snapshot, len(told.analyses[ANALYSIS].without_orbits)) == (None, 2)
        assert vod_exit_code(told, 0.05, 0.5) == 1
        same(arrays(chosen), before)
        shutil.move(kept, whole)
        assert vod(chosen).analyses[ANALYSIS].up_to_date == 2

    @pytest.mark.parametrize("because", ["another position", "an expired version", "a late file"])
    def test_it_is_kept_where_units_are_made_again_too(self, place, because):
        """Nothing else that makes a unit again loses what is known of it; units made then are made whole later."""
        (whole,) = (path for path in (place / "orbits").rglob("*") if path.is_file())
        chosen, late = vod_settings(place), next((place / "archive/canopy_01").rglob("*.rnx"))
        if because == "a late file":
            shutil.move(late, place / late.name)
            shutil.rmtree(place / "stores")
            run(chosen)
            vod(chosen)
            shutil.move(place / late.name, late)
            run(chosen)
        before = arrays(chosen)
        write_navigation(place / "orbits/less", canopies.plan(0.5, systems="G"))
        kept = shutil.move(whole, place / whole.name)
        if because == "another position":
            chosen = vod_settings(place, vod={"position": [4127445.9, 1206915.1, 4695541.1]})
        if because == "an expired version":
            observed_anew(place, chosen)
        told = vod(chosen).analyses[ANALYSIS]
        assert (told.made, len(told.without_orbits)) == (0, 2)
        same(arrays(chosen), before)
        shutil.move(kept, whole)
        assert vod(chosen).analyses[ANALYSIS].made == 2
        fresh = vod_settings(place, store={"url": str(place / "fresh")}, vod={"position": chosen.vod.position})
        run(fresh)
        vod(fresh)
        same(canopies.labelled(chosen), canopies.labelled(fresh))

    def test_full_makes_what_can_be_made(self, place):
        (whole,) = (path for path in (place / "orbits").rglob("*") if path.is_file())
        write_navigation(place / "orbits/less", canopies.plan(0.5, systems="G"))
        whole.unlink()
        told = vod(vod_settings(place), everything=True).analyses[ANALYSIS]
        assert (told.made, told.without_orbits) == (2, ())
        assert told.satellites_without_orbits.keys() == {"C", "E", "R"}


class TestTheOrbitsAreOfAnotherSource:
    def test_everything_is_made_again_once_there_are_some(self, place):
        chosen = vod_settings(place, vod={"orbits": {"url": str(place / "orbits"), "source": "sp3"}})
        told = vod(chosen).analyses[ANALYSIS]
        assert told.everything == "the orbits were broadcast and are sp3"
        assert len(told.without_orbits) == 2

    def test_satellites_that_it_does_not_know_may_be_lost_and_spans_not(self, place):
        (whole,) = (path for path in (place / "orbits").rglob("*") if path.is_file())
        chosen = vod_settings(place, vod={"orbits": {"url": str(place / "orbits"), "source": "sp3"}})
        canopies.precise(place / "orbits/short.sp3", whole, "GE", days=0.4)
        told = vod(chosen).analyses[ANALYSIS]
        assert (told.made, len(told.without_orbits)) == (1, 1)
        canopies.precise(place / "orbits/short.sp3", whole, "GE")
        told = vod(chosen).analyses[ANALYSIS]
        assert (told.made, told.without_orbits) == (2, ())
        assert told.satellites_without_orbits.keys() == {"C", "R"}


class TestAnAnalysisIsGivenAnotherPair:
    def test_it_wants_another_name(self, place):
        swapped = {ANALYSIS: {"canopy": "reference_01", "reference": "canopy_01"}}
        with pytest.raises(PlanError, match=r"was made of canopy_01 over reference_01.* another name"):
            vod(vod_settings(place, vod={"analyses": swapped}))


class TestAnOrbitFileIsDamaged:
    def test_the_others_tell_the_orbits(self, place):
        damaged = place / "orbits/BRDC00BAD_R_20250010000_01D_MN.rnx"
        damaged.write_bytes(b"no navigation at all\n")
        report = vod(vod_settings(place))
        assert "not_rinex" in report.unreadable[damaged.name]
        assert report.analyses[ANALYSIS].again == 2
        assert vod_exit_code(report, 0.05, 0.5) == 1
        assert vod_exit_code(report, 0.5, 0.5) == 0

    def test_it_alone_leaves_units_without_orbits(self, place):
        (path,) = (place / "orbits").rglob("*.rnx.gz")
        path.write_bytes(b"no navigation at all\n")
        report = vod(vod_settings(place))
        assert (report.snapshot, len(report.analyses[ANALYSIS].without_orbits)) == (None, 2)

    def test_its_damaged_records_are_counted_and_it_is_named(self, place):
        (path,) = (place / "orbits").rglob("*.rnx.gz")
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        at = next(number for number, line in enumerate(lines) if line.startswith(b"G05"))
        lines[at + 2] = b"    what a pity" + lines[at + 2][15:]
        lines[at + 8 : at + 8] = [b"a line that belongs nowhere\n"]
        path.write_bytes(gzip.compress(b"".join(lines)))
        report = vod(vod_settings(place))
        name = str(path.relative_to(place / "orbits"))
        assert report.damaged == {name: {"bad_value": 1, "stray_line": 1}}
        assert report.as_json()["damaged_orbit_files"] == report.damaged
        assert (report.analyses[ANALYSIS].again, report.unreadable) == (2, {})
        row = json.loads(group(vod_settings(place))["metadata/orbits"][-1].item())
        assert (row["uri"], row["lost"]) == (name, report.damaged[name])
        again = vod(vod_settings(place), everything=True)
        assert again.damaged == report.damaged
        assert "damaged_orbit_files" in json.dumps(again.as_json())


class TestNoPositionIsTold:
    def test_the_message_names_receiver_and_setting(self, tmp_path):
        for receiver in ("canopy_01", "reference_01"):
            path = tmp_path / "archive" / name(DAY_ONE_S, "06H").replace("rec/", f"{receiver}/")
            path.parent.mkdir(parents=True)
            path.write_bytes(rinex(span_s(DAY_ONE_S, 6)))
        (tmp_path / "orbits").mkdir()
        chosen = vod_settings(tmp_path)
        run(chosen)
        with pytest.raises(PlanError, match=r"canopy_01: .* no position on Earth, .* set vod\.position"):
            vod(chosen)

    def test_a_position_that_is_none_on_earth_is_none(self, place):
        chosen = vod_settings(place)
        told_of(chosen, "canopy_01", approx_position_xyz=[48.2, 16.4, 200.0])
        with pytest.raises(PlanError, match=r"canopy_01: .* no position on Earth, .* set vod\.position"):
            vod(chosen)


class TestStrengthsAreNotInDecibels:
    @pytest.mark.parametrize("receiver", ["canopy_01", "reference_01"])
    def test_the_receiver_and_its_unit_are_named(self, place, receiver):
        chosen = vod_settings(place)
        told_of(chosen, receiver, signal_strength_unit="AMPLITUDE")
        with pytest.raises(PlanError, match=f"{receiver}: .* strengths in 'AMPLITUDE'"):
            vod(chosen)

    def test_decibels_may_be_written_in_any_way(self, place):
        chosen = vod_settings(place)
        told_of(chosen, "canopy_01", signal_strength_unit="dB-Hz")
        assert vod(chosen).analyses[ANALYSIS].up_to_date == 2


class TestGridsOfAPairDiffer:
    def test_both_values_are_named(self, tmp_path):
        for receiver, step in (("canopy_01", 30), ("reference_01", 60)):
            path = tmp_path / "archive" / name(DAY_ONE_S, "06H").replace("rec/", f"{receiver}/")
            path.parent.mkdir(parents=True)
            path.write_bytes(rinex(range(DAY_ONE_S, DAY_ONE_S + 21_600, step)))
        (tmp_path / "orbits").mkdir()
        chosen = vod_settings(tmp_path, grid={"interval_s": None})
        run(chosen)
        with pytest.raises(PlanError, match="intervals of 30 s and 60 s"):
            vod(chosen)


class TestTheVersionThatVodWasMadeFromIsGone:
    def test_everything_is_made_again(self, place):
        chosen = vod_settings(place)
        before = arrays(chosen)
        observed_anew(place, chosen)
        told = vod(chosen).analyses[ANALYSIS]
        assert "has expired" in told.everything
        assert told.again == 2
        same(arrays(chosen), before)


class TestAUnitIsComputedWrongly:
    def test_the_proof_finds_it(self, place, monkeypatch):
        """The worker writes other cells than it computes when it is asked again."""
        chosen = vod_settings(place, run={"verify": "full"})
        before, computed = group(chosen).attrs["rinex_snapshot"], unit.compute

        def wrong(*arguments):
            found = computed(*arguments)
            cells = dataclasses.replace(found.cells, vod=found.cells.vod + 1)
            return dataclasses.replace(found, cells=cells)

        monkeypatch.setattr(unit, "compute", wrong)
        with pytest.raises(StoreError, match="nothing was published: units differ"):
            vod(chosen, everything=True)
        monkeypatch.setattr(unit, "compute", computed)
        assert commits(chosen) == 1
        assert vod(chosen, everything=True).proof.recomputed == 2
        assert group(chosen).attrs["rinex_snapshot"] == before


class TestTheObservationsOfVodAreDamaged:
    def test_the_place_is_named_and_a_repair_helps(self, place):
        chosen = vod_settings(place)
        before = arrays(chosen)
        for path in chunks(chosen):
            spoil(path, "missing")
        with pytest.raises(StoreError, match="SNR"):
            vod(chosen, everything=True)
        assert commits(chosen) == 1
        plan = plan_repair(chosen, Wanted())
        repair(chosen, plan)
        vod(chosen)
        same(arrays(chosen), before)


class TestAUnitOfVodKillsItsWorkers:
    def test_it_is_set_aside_and_made_by_the_next_run(self, place, monkeypatch):
        """Though the observations that it is made from are no news to that one."""
        chosen, key = vod_settings(place), f"{ANALYSIS}.2025001T060000"
        before, run_all = arrays(chosen), InProcess.run

        def deadly(self, tasks):
            for finished in run_all(self, tasks):
                killed = KilledWorker(finished.key, SimpleNamespace(address="tcp://worker"), 3)
                yield Finished(finished.key, error=killed) if finished.key == key else finished

        with monkeypatch.context() as patch:
            patch.setattr(InProcess, "run", deadly)
            report = vod(chosen, everything=True)
        assert report.set_aside == (key,)
        assert vod_exit_code(report, 0.05, 0.5) == 1
        assert (report.analyses[ANALYSIS].made, report.analyses[ANALYSIS].without_orbits) == (1, ())
        told = vod(chosen).analyses[ANALYSIS]
        assert (told.made, told.again, told.up_to_date) == (1, 1, 1)
        same(arrays(chosen), before)
        assert vod(chosen).snapshot is None
