"""canvodpy 1.0 itself reads what the jobs have written: its validators, its ledger, its reader's very values.

It wants a Python that this package does not: `make canvodpy` makes one, or CANVODPY_PYTHON names the command of one.
"""

import json
import os
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gnssice_batch import config, open_dataset
from gnssice_batch.job.run import run
from gnssice_batch.job.vod import vod
from gnssice_batch.orbits import NODE_SPACING_NS, angles, nodes, read_nav, smooth
from gnssice_batch.simulate import SimulationPlan, network, simulate, write_navigation
from gnssice_batch.vod import vod as depth_of
from tests.support import canopies

CHECKS = Path(__file__).parent / "canvodpy" / "checks.py"
MADE = Path(__file__).parents[2] / ".servers" / "canvodpy" / "python"
GPS_EPOCH = np.datetime64("1980-01-06", "ns")
VALUES = {"SNR", "Pseudorange", "Phase", "Doppler", "LLI", "SSI"}

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def canvodpy():
    """Return the command of a Python that has canvodpy."""
    command = shlex.split(os.environ.get("CANVODPY_PYTHON", str(MADE) if MADE.exists() else ""))
    if not command:
        pytest.skip("no Python has canvodpy here: make canvodpy, or CANVODPY_PYTHON")
    return command


def checked(command, *arguments):
    """Return what the checks have found, as canvodpy's Python prints it."""
    asked = [*command, str(CHECKS), *map(str, arguments)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def ingested(folder, **settings):
    """Ingest an archive; return the URL of the store."""
    chosen = {"site": "rosalia", "archive.layout": "{receiver}/**", "store.url": folder / "stores", **settings}
    run(config.load(None, {}, [f"{key}={value}" for key, value in chosen.items()]))
    return folder / "stores" / "rosalia" / "rinex"


def check_taken(found, receivers, files):
    """Check that everything is valid and known, so that canvodpy would take nothing of it twice."""
    assert found["groups"] == sorted(receivers)
    assert found["source_format"] == "rinex3"
    assert set(found["variables"]) == VALUES
    assert found["rows"] == files
    assert found["known"] == [True, "hash_match"]
    assert found["overlapping"] == [True, "temporal_overlap"]
    assert found["new"] == [False, ""]
    assert found["existing"]
    assert {name for name, cells in found["cells"].items() if cells["different"]} == set()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return an hour of a simulated archive, with its orbits, and the URL of the store made from it."""
    folder = tmp_path_factory.mktemp("site")
    plan = SimulationPlan(network(2, optical_depth=0.8), days=1 / 24, outage_fraction=0.0, packing="rnx")
    simulate(folder / "archive", plan)
    url = ingested(folder, **{"archive.url": folder / "archive"})
    return folder / "archive", url, write_navigation(folder / "sky", plan)


def test_a_simulated_site(canvodpy, site):
    """Every value of the file is in both."""
    archive, url, _ = site
    file = min(path for path in (archive / "canopy_01").rglob("*.rnx") if "_MO" in path.name)
    found = checked(canvodpy, url, "canopy_01", file)
    check_taken(found, ["canopy_01", "reference_01"], 4)
    for cells in found["cells"].values():
        assert cells["both"]
        assert cells["alone"] == [0, 0]


def seen_from(group, navigation):
    """Return theta and phi, (epoch, sid) rad, of the signals of a group."""
    sids = [sid.split("|")[0] for sid in group.sid.values.tolist()]
    satellites = sorted(set(sids))
    times_ns = (group.epoch.values.astype("datetime64[ns]") - GPS_EPOCH).astype(np.int64)
    around = np.arange(times_ns[0] - 10 * NODE_SPACING_NS, times_ns[-1] + 11 * NODE_SPACING_NS, NODE_SPACING_NS)
    orbits = smooth(nodes(read_nav(navigation.read_bytes()), satellites, around), times_ns)
    column = [satellites.index(sv) for sv in sids]
    return [each[:, column] for each in angles(orbits, tuple(group.attrs["approx_position_xyz"]))]


def test_vod_is_that_of_its_calculator(canvodpy, site, tmp_path):
    """canvodpy reads two groups, takes angles of ours, makes VOD; the same cells are missing, the others are equal."""
    _, url, (navigation,) = site
    canopy, reference = (open_dataset(str(url), name).load() for name in ("canopy_01", "reference_01"))
    sids = sorted({*canopy.sid.values} & {*reference.sid.values})
    canopy, reference = canopy.sel(sid=sids), reference.sel(sid=sids, epoch=canopy.epoch)
    theta, phi = seen_from(canopy, navigation)
    np.savez(tmp_path / "angles.npz", epoch=canopy.epoch.values, sid=np.array(sids, str), theta=theta, phi=phi)
    found = checked(canvodpy, "--depth", url, "canopy_01", "reference_01", tmp_path)
    theirs = np.load(tmp_path / "depth.npz")
    assert theirs["sid"].tolist() == sids
    assert np.array_equal(theirs["epoch"], canopy.epoch.values)
    ours = depth_of(canopy.SNR.values, reference.SNR.values, theta)
    assert found["values"] == np.isfinite(ours).sum() > 10_000
    assert np.array_equal(np.isfinite(ours), np.isfinite(theirs["depth"]))
    assert np.nanmax(np.abs(ours - theirs["depth"])) <= 1e-6


def test_the_canopy_of_rosalia(canvodpy, shared_data, tmp_path):
    """A quarter hour of a real receiver, which canvodpy's reader reads from the uncompressed original."""
    originals = shared_data / "rinex/nfb2021__canvodpy-demo/ract_originals"
    (tmp_path / "archive" / "canopy_01").mkdir(parents=True)
    file = tmp_path / "archive" / "canopy_01" / "ract001a00.25o"
    file.write_bytes((originals / file.name).read_bytes())
    url = ingested(tmp_path, **{"archive.url": tmp_path / "archive"})
    found = checked(canvodpy, url, "canopy_01", file)
    check_taken(found, ["canopy_01"], 1)
    assert found["cells"]["SNR"]["both"] > 13_000


def test_the_vod_of_a_simulated_pair(canvodpy, tmp_path):
    """Its validator takes the group, its store opens it, every value is there."""
    chosen = canopies.observed(tmp_path, canopies.plan(0.5))
    made = vod(chosen)
    found = checked(canvodpy, "--vod", f"{chosen.store.url}/{chosen.site}/vod", canopies.GROUP)
    assert found["groups"] == ["tau_omega"]
    assert found["values"] == sum(one.values for one in made.analyses.values())
    assert found["rows"] == 2
