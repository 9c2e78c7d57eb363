"""Let canvodpy 1.0 compute angles and VOD of an hour of the real pair of Rosalia, and keep some as a golden file.

Run it from the root of the repository with a Python that has gnssvod 2026.2, pymap3d, pydantic and structlog:
`PYTHON tests/golden/make_canvodpy_golden.py ../shared/data WHEELS`, the last being a folder into which the wheels of
canvod-auxiliary, canvod-utils and canvod-vod 1.0.0 are unpacked. Those want Python 3.14, so their modules are loaded
one by one, with annotations that are not evaluated. Its interpolator of SP3, its coordinates, its calculator are used;
its velocities are two lines, copied; SP3 and strengths are read by gnssvod.
"""

import __future__

import gzip
import json
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pandas as pd
from gnssvod.io.readFile import read_sp3File

sys.path.insert(0, str(Path(__file__).resolve().parent))
from make_gnssvod_golden import CANOPY, GPS_EPOCH, HERE, POSITION_M, REFERENCE, SP3, SYSTEMS, strengths


def load(wheels, name):
    """Load a module of canvodpy from its file."""
    path = wheels.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    module = types.ModuleType(name)
    sys.modules[name] = module
    flags = __future__.annotations.compiler_flag
    exec(compile(path.read_text(), str(path), "exec", flags=flags), module.__dict__)
    return module


def loaded(wheels):
    """Return the modules of interpolation, coordinates, calculation."""
    for package in ("canvod", "canvod.utils", "canvod.auxiliary", "canvod.auxiliary.position", "canvod.vod"):
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = []
    tools = load(wheels, "canvod.utils.tools.deprecation")
    sys.modules["canvod.utils.tools"] = tools
    load(wheels, "canvod.auxiliary.position.position")
    names = ("auxiliary.interpolation.interpolator", "auxiliary.position.spherical_coords", "vod.calculator")
    return [load(wheels, f"canvod.{name}") for name in names]


def orbits(data, folder):
    """Return positions and velocities of the day by epoch and satellite."""
    path = folder / "orbits.sp3"
    path.write_bytes(gzip.decompress((data / SP3).read_bytes()))
    table = read_sp3File(str(path))[["X", "Y", "Z"]].astype(float) * 1000
    table = table[table.index.get_level_values("SV").str[0].isin(SYSTEMS)]
    found = table.to_xarray().rename(Epoch="epoch", SV="sv")
    seconds = (found.epoch.values - found.epoch.values[0]) / np.timedelta64(1, "s")
    speeds = {f"V{axis.lower()}": np.gradient(found[axis].values, seconds, axis=0, edge_order=1) for axis in "XYZ"}
    return found.assign({name: (("epoch", "sv"), values) for name, values in speeds.items()})


def main(data, wheels):
    interpolator, coordinates, calculator = loaded(wheels)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair = [
            strengths(data, stem, folder).astype(float).to_xarray().rename(Epoch="epoch", SV="sid")
            for stem in (CANOPY, REFERENCE)
        ]
        known = orbits(data, folder)
    canopy, sky = (strength.to_dataset(name="SNR") for strength in pair)
    config = interpolator.Sp3Config(use_velocities=True, fallback_method="linear")
    between = interpolator.Sp3InterpolationStrategy(config=config).interpolate(known, canopy.epoch.values)
    between = between.rename(sv="sid").reindex(sid=canopy.sid)
    receiver = coordinates.ECEFPosition(x=POSITION_M[0], y=POSITION_M[1], z=POSITION_M[2])
    _, theta, phi = coordinates.compute_spherical_coordinates(*(between[axis].values for axis in "XYZ"), receiver)
    canopy = canopy.assign(theta=(("epoch", "sid"), theta), phi=(("epoch", "sid"), phi))
    table = calculator.TauOmegaZerothOrder.from_datasets(canopy, sky)[["VOD", "theta", "phi"]].to_dataframe().dropna()
    rows = []
    for (epoch, sv), (depth, zenith, azimuth) in table.iterrows():
        if epoch.minute % 5 == 2 and epoch.second == 35:
            rows.append(
                [
                    sv,
                    int((pd.Timestamp(epoch) - GPS_EPOCH).total_seconds()),
                    depth,
                    float(np.degrees(zenith)),
                    float(np.degrees(azimuth)),
                ]
            )
    golden = {"canvod-vod": "1.0.0", "values": sorted(rows)}
    (HERE / "rosalia.canvodpy.json").write_text(json.dumps(golden).replace("], [", "],\n["))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
