"""Let canvodpy 1.0 compute angles and VOD of a day of the real pair of Rosalia, and keep some as a golden file.

Run it from the root of the repository with a Python that has canvodpy (`make canvodpy` makes one), after
`rosalia_day.py`: `.servers/canvodpy/python tests/golden/make_canvodpy_golden.py FOLDER`. FOLDER has to be one that this
Python sees. Everything is canvodpy's: its readers of RINEX and SP3, its interpolation of a day, its coordinates, its
calculator, called in the order of its provider of ephemerides, which itself would download them. Like that provider
for a day whose neighbours it has not, it has velocities at the ends of the day from one side only.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr
from canvod.auxiliary import ECEFPosition, Sp3File, compute_spherical_coordinates, map_aux_sv_to_sid
from canvod.auxiliary.interpolation import aux_epoch_grid, interpolate_aux_day
from canvod.auxiliary.position.spherical_coords import add_spherical_coords_to_dataset
from canvod.readers.rinex.v3_04 import Rnxv3Obs
from canvod.vod import TauOmegaZerothOrder

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rosalia_day import CANOPY, KEPT, MIDNIGHT, REFERENCE, kept_of, observations, orbits, write

INTERVAL_S = 5.0


def strengths(folder, stem):
    """Return the SNR of a receiver at the kept epochs, by signal."""
    parts = []
    for path in observations(folder, stem):
        part = Rnxv3Obs(fpath=path).to_ds(keep_data_vars=["SNR"], write_global_attrs=True)
        parts.append(part.isel(epoch=kept_of(part.epoch.values)))
    found = xr.concat(parts, "epoch", combine_attrs="override", join="exact", coords="minimal", compat="override")
    return found.dropna("sid", how="all", subset=["SNR"])


def positions(folder):
    """Return the positions of the satellites at the kept epochs, by signal."""
    day = Sp3File.from_file(orbits(folder)).read_file()
    between = interpolate_aux_day(day, None, aux_epoch_grid(MIDNIGHT, INTERVAL_S))
    return map_aux_sv_to_sid(between.sel(epoch=KEPT, method="nearest"))


def augmented(canopy, between):
    """Return the canopy's signals that have orbits, with their angles."""
    sids = sorted({*canopy.sid.values} & {*between.sid.values})
    canopy, between = canopy.sel(sid=sids), between.sel(sid=sids, epoch=canopy.epoch)
    seen = [between[axis].values for axis in "XYZ"]
    distance, theta, phi = compute_spherical_coordinates(*seen, ECEFPosition.from_ds_metadata(canopy))
    return add_spherical_coords_to_dataset(canopy, distance, theta, phi)


def main(folder):
    canopy = augmented(strengths(folder, CANOPY), positions(folder))
    made = TauOmegaZerothOrder.from_datasets(canopy, strengths(folder, REFERENCE))
    rows = []
    for epoch, sid in np.argwhere(made.VOD.notnull().values):
        cell = made.isel(epoch=epoch, sid=sid)
        satellite, signal = cell.sid.item().split("|", 1)
        angles = (float(np.degrees(cell[name])) for name in ("theta", "phi"))
        rows.append((cell.epoch.values, satellite, signal, cell.VOD.item(), *angles))
    write("canvodpy", version("canvodpy"), rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
