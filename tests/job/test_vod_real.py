"""Vod of an hour of the real pair of Rosalia, through archive, store and published group, as other programs have it."""

import json
from pathlib import Path

import numpy as np
import pytest

from gnssice_batch import open_dataset
from gnssice_batch.job.run import run
from gnssice_batch.job.vod import vod
from tests.support.canopies import GROUP
from tests.support.runs import settings

pytestmark = pytest.mark.corpus

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
RECEIVERS = {"canopy_01": "rinex/nfb2021__canvodpy-demo/ract_15min_5s", "reference_01": "rosalia/rref_15min_5s"}
CANOPY_M = [4127445.8715, 1206915.1282, 4695541.0781]
"""Of the header at midnight, which the other programs were told; a later header says a place 3 m beside it."""
GPS_EPOCH = np.datetime64("1980-01-06T00:00:00", "ns")


@pytest.fixture(scope="module")
def published(tmp_path_factory, shared_data):
    """The hour from 10:00, with SP3 and with broadcast orbits; by source the settings and the report."""
    folder = tmp_path_factory.mktemp("rosalia")
    for receiver, place in RECEIVERS.items():
        (folder / "archive" / receiver).mkdir(parents=True)
        for path in sorted((shared_data / place).glob("*001k*.gz")):
            (folder / "archive" / receiver / path.name).symlink_to(path)
    sources = {
        "sp3": {"url": str(shared_data / "rinex/nfb2021__canvodpy-demo/sp3"), "source": "sp3"},
        "broadcast": {"url": str(shared_data / "rosalia"), "layout": "*_nav/*"},
    }
    found = {}
    for name, orbits in sources.items():
        sections = {"chunks": {"epoch": 17280}, "grid": {"interval_s": 5, "phase_s": 0}}
        chosen = settings(folder, site=f"with_{name}", vod={"orbits": orbits, "position": CANOPY_M}, **sections)
        run(chosen)
        found[name] = chosen, vod(chosen)
    return found


def opened(published, source):
    chosen, _ = published[source]
    return open_dataset(f"{chosen.store.url}/{chosen.site}/vod", GROUP, chunks=None).load()


FIRST_BAND = {"G": "L1|C", "E": "E1|C"}
"""What gnssvod calls S1C."""


def told_by(program, times):
    """Return sid, epoch, zenith angle and azimuth in degrees and VOD, of the epochs that a group has."""
    epochs = json.loads((GOLDEN / f"rosalia.{program}.json").read_text())["epochs"]
    for second, satellites in epochs.items():
        time = GPS_EPOCH + np.timedelta64(int(second), "s")
        for sv, (zenith, azimuth, values) in satellites.items() if time in times else ():
            named = values if program == "canvodpy" else {FIRST_BAND.get(sv[0]): values.get("S1C")}
            for name, value in named.items():
                if name and value is not None:
                    yield f"{sv}|{name}", time, zenith, azimuth, value


@pytest.mark.parametrize(("program", "limit", "limit_deg"), [("gnssvod", 1e-6, 5e-5), ("canvodpy", 2e-5, 2e-4)])
def test_values_are_those_of_other_programs(published, program, limit, limit_deg):
    """An azimuth of five radians is stored as float32, in steps of 3e-5 degrees."""
    found = opened(published, "sp3")
    sids, times, zenith, azimuth, depth = zip(*told_by(program, found.indexes["epoch"]), strict=True)
    cell = found.indexes["epoch"].get_indexer(times), found.indexes["sid"].get_indexer(sids)
    theta, phi = (np.degrees(found[name].values[cell]) for name in ("theta", "phi"))
    around = (phi - np.array(azimuth) + 180) % 360 - 180
    assert len(sids) > 50
    assert np.abs(found.VOD.values[cell] - np.array(depth)).max() < limit
    assert np.abs(theta - np.array(zenith)).max() < limit_deg
    assert np.abs(around * np.sin(np.radians(theta))).max() < limit_deg


def test_broadcast_orbits_give_the_same_and_more(published):
    one, other = (opened(published, source).VOD for source in ("broadcast", "sp3"))
    both = one.notnull() & other.notnull()
    assert int(both.sum()) > 40_000
    assert float(np.abs(one - other).where(both).max()) < 1e-5
    assert int(one.notnull().sum()) > int(other.notnull().sum())


def test_the_report_names_the_systems_that_have_no_orbits(published):
    lacking = published["sp3"][1].analyses["canopy_01_vs_reference_01"].satellites_without_orbits
    assert lacking["R"] >= 1
    assert lacking["S"] >= 1


def test_the_dataset_says_what_its_numbers_are(published):
    found = opened(published, "sp3")
    assert list(found.data_vars) == ["VOD", "theta", "phi"]
    assert found.attrs["calculator"] == "tau_omega"
    assert found.VOD.attrs["units"] == "1"
    assert found.theta.attrs["units"] == found.phi.attrs["units"] == "rad"
    assert "source_orbit" in found.coords
    assert {name: str(found[name].dtype) for name in found.data_vars} == dict.fromkeys(found.data_vars, "float32")
    assert float(found.theta.max()) <= np.pi / 2 + 1e-6
