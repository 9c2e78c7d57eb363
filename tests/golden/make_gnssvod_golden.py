"""Let gnssvod compute angles and VOD of an hour of the real pair of Rosalia, and keep some as a golden file.

Run it from the root of the repository with a Python that has gnssvod 2026.2, not this package:
`PYTHON tests/golden/make_gnssvod_golden.py ../shared/data`. Used are its readers, its cubic interpolation of SP3, its
`_azel` and `calc_vod`; what is here hands one's result to the next, because its own chain downloads its orbits.
Kept is one epoch in five minutes, between two positions of SP3.
"""

import gzip
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import hatanaka
import numpy as np
import pandas as pd
from gnssvod import calc_vod
from gnssvod.io.readFile import read_obsFile, read_sp3File
from gnssvod.position.satellite import _azel

HERE = Path(__file__).resolve().parent
CANOPY = "rinex/nfb2021__canvodpy-demo/ract_15min_5s/ract001"
REFERENCE = "rosalia/rref_15min_5s/rref001"
SP3 = "rinex/nfb2021__canvodpy-demo/sp3/COD0MGXFIN_20250010000_01D_05M_ORB.SP3.gz"
POSITION_M = (4127445.8715, 1206915.1282, 4695541.0781)
"""Of the canopy's receiver, as its headers have it."""
GPS_EPOCH = pd.Timestamp("1980-01-06")
SYSTEMS = ("G", "E")


def strengths(data, stem, folder):
    """Return S1C by epoch and satellite of the hour from 10:00."""
    parts = []
    for quarter in ("00", "15", "30", "45"):
        path = folder / f"{Path(stem).name}k{quarter}.rnx"
        path.write_bytes(hatanaka.decompress((data / f"{stem}k{quarter}.25d.gz").read_bytes()))
        parts.append(read_obsFile(str(path)).observation["S1C"])
    return pd.concat(parts).dropna()


def interpolated(data, folder):
    """Return positions every 5 s, as gnssvod's `sp3_interp_fast` makes them."""
    path = folder / "orbits.sp3"
    path.write_bytes(gzip.decompress((data / SP3).read_bytes()))
    table = read_sp3File(str(path))[["X", "Y", "Z"]].astype(float) * 1000
    parts = {}
    for sv in table.index.get_level_values("SV").unique():
        if sv[0] in SYSTEMS:
            track = table.xs(sv, level="SV")["2025-01-01 07:54":"2025-01-01 13:06"]
            parts[sv] = track.resample("5s").interpolate(method="cubic")
    return pd.concat(parts, names=["SV", "Epoch"]).reorder_levels(["Epoch", "SV"]).sort_index()


def station(strength, orbit):
    """Return the strengths of a receiver with the angles at which the canopy's sees the satellites."""
    joined = strength.to_frame().join(orbit, how="inner")
    x, y, z = (joined[axis].to_numpy() for axis in "XYZ")
    distance = np.sqrt(sum((one - other) ** 2 for one, other in zip((x, y, z), POSITION_M, strict=True)))
    joined["Azimuth"], joined["Elevation"], _ = _azel(*POSITION_M, x, y, z, distance)
    return joined[["S1C", "Azimuth", "Elevation"]]


def main(data):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        orbit = interpolated(data, folder)
        stations = {
            "canopy": station(strengths(data, CANOPY, folder), orbit),
            "reference": station(strengths(data, REFERENCE, folder), orbit),
        }
        pd.concat(stations, names=["Station"]).to_xarray().to_netcdf(folder / "pair.nc")
        pair = calc_vod(str(folder / "pair.nc"), {"pair": ("reference", "canopy")}, {"VOD": ["S1C"]})["pair"]
    rows = []
    for (epoch, sv), (depth, azimuth, elevation) in pair[["VOD", "Azimuth", "Elevation"]].dropna().iterrows():
        if epoch.minute % 5 == 2 and epoch.second == 35:
            rows.append([sv, int((epoch - GPS_EPOCH).total_seconds()), depth, 90 - elevation, azimuth])
    golden = {"gnssvod": version("gnssvod"), "values": sorted(rows)}
    (HERE / "rosalia.gnssvod.json").write_text(json.dumps(golden).replace("], [", "],\n["))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
