"""Simulated archives of a canopy receiver and a reference receiver with the orbits of their sky; what vod made."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import zarr

from gnssice_batch.job.run import run
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.orbits import merged, nodes, read_nav
from gnssice_batch.simulate import SimulationPlan, network, simulate, write_navigation
from gnssice_batch.store.repository import open_existing
from tests.support.runs import settings

GROUP = "tau_omega/canopy_01_vs_reference_01"
DEPTH = 0.8
UNIT_NS = 720 * 30 * SECOND_NS
"""Quarter of a day."""


def plan(days=1.0, start=date(2025, 1, 1), **changes):
    """A quiet sky over an even canopy; files of two hours."""
    wanted = SimulationPlan(network(2, DEPTH), start, days, 30, 7200, "GREC", "rnx", gap_fraction=0, outage_fraction=0)
    return replace(wanted, strength_noise_db=0.0, **changes)


def archive(folder, wanted=None):
    """Write observations and orbits; the files of both receivers, in their order."""
    wanted = wanted or plan()
    files = simulate(folder / "archive", wanted)
    write_navigation(folder / "orbits", wanted)
    return files


def vod_settings(folder, **sections):
    """Settings of runs and of vod in a folder; orbits beside the archive."""
    vod = {"orbits": {"url": str(folder / "orbits")}, **sections.pop("vod", {})}
    return settings(folder, vod=vod, **sections)


def copied(folder, target):
    """A folder with stores and archive, copied, its times kept: etags of files name them."""
    return shutil.copytree(folder, target)


def precise(path, navigation, systems, days=0.5):
    """Write the orbits of a navigation file as SP3: of these systems, an epoch every 5 minutes, a margin around."""
    told = merged([read_nav(navigation.read_bytes())])
    seconds = (date(2025, 1, 1) - date(1980, 1, 6)).days * 86_400 + np.arange(-6, int(days * 288) + 7) * 300
    found = nodes(told, [sv for sv in told.satellites if sv[0] in systems], seconds * SECOND_NS)
    lines = ["#dP2025  1  1  0  0  0.00000000     157 d+D   IGS20 FIT MADE", "%c M  cc GPS ccc"]
    for second, positions in zip(seconds.tolist(), found.positions_m, strict=True):
        moment = datetime(1980, 1, 6, tzinfo=UTC) + timedelta(seconds=second)
        lines.append(f"*  {moment:%Y %m %d %H %M %S}.00000000")
        lines += [
            f"P{sv}" + "".join(f"{value / 1e3:14.6f}" for value in position)
            for sv, position in zip(found.satellites, positions, strict=True)
            if np.isfinite(position).all()
        ]
    path.write_text("\n".join([*lines, "EOF", ""]))


def observed(folder, wanted=None):
    """An archive with its published observations; the settings."""
    archive(folder, wanted)
    chosen = vod_settings(folder)
    run(chosen)
    return chosen


def repository(chosen, product="vod"):
    """The repository of a product, opened."""
    return open_existing(f"{chosen.store.url}/{chosen.site}/{product}")


def group(chosen, name=GROUP, product="vod", snapshot=None):
    """A group of it, as zarr has it."""
    found = repository(chosen, product)
    session = found.handle.readonly_session(snapshot_id=snapshot) if snapshot else found.handle.readonly_session("main")
    return zarr.open_group(session.store, path=name, mode="r")


def arrays(chosen, name=GROUP):
    """All arrays of an analysis but the ledgers, by name."""
    return {key: np.asarray(array[:]) for key, array in group(chosen, name).arrays()}


def labelled(chosen, name=GROUP):
    """VOD, theta, phi by time and signal where they hold anything, so that axes of any extent compare."""
    found = arrays(chosen, name)
    sids = np.array(found["sid"].tolist())
    order = np.argsort(sids)
    held = np.flatnonzero(~np.isnan(found["theta"]).all(axis=1))
    cubes = {key: found[key][held][:, order] for key in ("VOD", "theta", "phi")}
    return {"epoch": found["epoch"][held], "sid": sids[order], **cubes}


def same(one, other):
    """Assert that two sets of arrays are equal to the bit, missing values included."""
    assert one.keys() == other.keys()
    for key, values in one.items():
        np.testing.assert_array_equal(values, other[key], err_msg=key)


def changed_units(chosen, before, after, array="VOD", name=GROUP):
    """The units of an array that two versions of the vod repository differ in."""
    difference = repository(chosen).handle.diff(from_snapshot_id=before, to_snapshot_id=after)
    return sorted(index[0] for index in difference.updated_chunks.get(f"/{name}/{array}", ()))


def commits(chosen, product="vod"):
    """Number of commits in the history of main."""
    return len(list(repository(chosen, product).handle.ancestry(branch="main"))) - 1
