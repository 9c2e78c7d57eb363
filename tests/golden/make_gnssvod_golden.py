"""Let gnssvod compute angles and VOD of a day of the real pair of Rosalia, and keep some as a golden file.

Run it from the root of the repository with a Python that has gnssvod 2026.2, not this package, after `rosalia_day.py`:
`PYTHON tests/golden/make_gnssvod_golden.py FOLDER`. Used are its readers, its cubic interpolation of SP3, its `_azel`
and `calc_vod`; what is here hands one's result to the next, because its own chain downloads its orbits. That chain also
has two hours of the days before and after, and here are none.
"""

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from gnssvod import calc_vod
from gnssvod.io.readFile import read_obsFile, read_sp3File
from gnssvod.position.satellite import _azel

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rosalia_day import CANOPY, KEPT, REFERENCE, kept_of, observations, orbits, write

POSITION_M = (4127445.8715, 1206915.1282, 4695541.0781)
"""Of the canopy's receiver, as its headers have it."""
FEWEST_NODES = 4


def strengths(folder, stem):
    """Return all SNR of a receiver at the kept epochs, by epoch and satellite."""
    parts = []
    for path in observations(folder, stem):
        table = read_obsFile(str(path)).observation
        table = table[kept_of(table.index.get_level_values("Epoch").values)]
        parts.append(table[[name for name in table if name.startswith("S") and len(name) == len("S1C")]])
    return pd.concat(parts).astype(float)


def interpolated(folder):
    """Return positions at the kept epochs, of those every 5 s that `sp3_interp_fast` would make."""
    table = read_sp3File(str(orbits(folder))).dropna(subset=["deltaT"])[["X", "Y", "Z"]].astype(float) * 1000
    parts = {}
    for sv in table.index.get_level_values("SV").unique():
        track = table.xs(sv, level="SV")
        if len(track) >= FEWEST_NODES:
            day = track.resample("5s").interpolate(method="cubic")
            parts[sv] = day.reindex(KEPT)
    return pd.concat(parts, names=["SV", "Epoch"]).reorder_levels(["Epoch", "SV"]).sort_index()


def station(strength, orbit):
    """Return the strengths of a receiver with the angles at which the canopy's sees the satellites."""
    joined = strength.join(orbit, how="inner")
    x, y, z = (joined[axis].to_numpy() for axis in "XYZ")
    distance = np.sqrt(sum((one - other) ** 2 for one, other in zip((x, y, z), POSITION_M, strict=True)))
    joined["Azimuth"], joined["Elevation"], _ = _azel(*POSITION_M, x, y, z, distance)
    return joined.drop(columns=["X", "Y", "Z"])


def main(folder):
    orbit = interpolated(folder)
    stations = {
        name: station(strengths(folder, stem), orbit) for name, stem in (("canopy", CANOPY), ("sky", REFERENCE))
    }
    codes = sorted({column for table in stations.values() for column in table if column.startswith("S")})
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "pair.nc"
        pd.concat(stations, names=["Station"]).to_xarray().to_netcdf(path)
        pair = calc_vod(str(path), {"pair": ("sky", "canopy")}, {f"VOD {code}": [code] for code in codes})["pair"]
    rows = [
        (epoch, sv, code, found[f"VOD {code}"], 90 - found["Elevation"], found["Azimuth"])
        for (epoch, sv), found in pair.iterrows()
        for code in codes
        if np.isfinite(found[f"VOD {code}"])
    ]
    write("gnssvod", version("gnssvod"), rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
