# %% [markdown]
# # A year of signal strength, under the trees and beside them
#
# Reads GPS L1 of both receivers of a repository, hour by hour, and draws what the trees took: a notebook of cells
# (`# %%`, as editors and Jupytext read them) that also runs as `python examples/read_year.py REPOSITORY PICTURE`.

# %%
"""Draw GPS L1 of two receivers over a year: python examples/read_year.py [REPOSITORY PICTURE]."""

import sys

import matplotlib as mpl
import numpy as np
import xarray as xr

if __name__ == "__main__" and len(sys.argv) > 1:
    mpl.use("Agg")
from matplotlib import dates
from matplotlib import pyplot as plt

from gnssice_batch import open_dataset

REPOSITORY, PICTURE = sys.argv[1:3] if len(sys.argv) > 2 else ("demo/stores/demo/rinex", "demo/year.png")
HOUR = np.timedelta64(1, "h")

# %% [markdown]
# Opening reads nothing that grows with the year. The whole axis (`trim=False`) begins at a boundary of the grid, so
# that windows of an hour are hours of GPS time; `per_epoch=False` leaves out what is of one receiver alone.

# %%
receivers = {
    name: open_dataset(REPOSITORY, name, trim=False, per_epoch=False) for name in ("canopy_01", "reference_01")
}
print(receivers["canopy_01"])

# %% [markdown]
# `coarsen` takes windows of the regular axis, and Dask works through them chunk by chunk: memory does not grow with the
# year. (`resample` would look up every epoch's hour, which is slower, and needs all epochs in memory.)


# %%
def hourly(ds: xr.Dataset) -> xr.DataArray:
    """Return the mean SNR of GPS L1 C/A in each hour."""
    gps = ds.gnss.by_system("GPS").gnss.by_band("L1")
    snr = gps.SNR.isel(sid=np.flatnonzero(gps.code == "C")).mean("sid")
    interval = np.timedelta64(ds.attrs["interval_ns"], "ns")
    return snr.coarsen(epoch=int(HOUR / interval), boundary="trim", coord_func="min").mean().compute()


hours = xr.Dataset({name: hourly(ds) for name, ds in receivers.items()}).dropna("epoch", how="all")
hours["lost"] = hours.reference_01 - hours.canopy_01
print(hours)

# %% [markdown]
# An hour of a day is a cell of the lower picture: days from left to right, hours upwards.

# %%
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6), dpi=150, sharex=True, layout="constrained")
colours = {"reference_01": ("#1f5fa8", "beside the trees"), "canopy_01": ("#2e7d32", "under the trees")}
days = hours.resample(epoch="1D").mean()
for name, (colour, label) in colours.items():
    above.plot(hours.epoch, hours[name], color=colour, linewidth=0.4, alpha=0.35)
    above.plot(days.epoch + 12 * HOUR, days[name], color=colour, linewidth=1.8, label=label, marker=".", markersize=2)
above.set_ylabel("GPS L1 C/A SNR (dB-Hz)")
above.set_title(f"Signal strength, {str(hours.epoch.values[0])[:10]} to {str(hours.epoch.values[-1])[:10]}", loc="left")
above.legend(frameon=False, ncols=2, loc="upper left", bbox_to_anchor=(0, 1.02))
above.margins(y=0.2)

day, hour = hours.epoch.dt.floor("D").values, hours.epoch.dt.hour.values
edges = np.arange(day.min(), day.max() + np.timedelta64(2, "D"), np.timedelta64(1, "D"))
cells = np.full((24, edges.size - 1), np.nan)
cells[hour, ((day - day.min()) / np.timedelta64(1, "D")).astype(int)] = hours.lost
image = below.pcolormesh(edges, np.arange(25), cells, cmap="YlGn", rasterized=True)
figure.colorbar(image, ax=below, label="lost in the canopy (dB)", pad=0.01)
below.set_ylabel("hour of the day (GPS)")
below.set_yticks(range(0, 25, 6))
below.xaxis.set_major_formatter(dates.ConciseDateFormatter(below.xaxis.get_major_locator()))

figure.savefig(PICTURE)
print(f"{hours.sizes['epoch']} hours -> {PICTURE}")
