"""Draw signal strength over one pass of one satellite, from a store to a PNG.

Usage: plot_pass.py STORE GROUP PICTURE [SIGNAL], for instance plot_pass.py demo/stores/demo/rinex canopy_01 pass.png
"""

import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib import pyplot as plt

from gnssice_batch import open_dataset

LONGEST_GAP = np.timedelta64(30, "m")


def longest_pass(strength: xr.DataArray) -> xr.DataArray:
    """Return the longest stretch of one signal without a gap of half an hour."""
    measured = strength.dropna("epoch")
    breaks = np.flatnonzero(np.diff(measured["epoch"].values) > LONGEST_GAP) + 1
    start, stop = max(pairwise([0, *breaks, measured.sizes["epoch"]]), key=lambda edge: edge[1] - edge[0])
    return measured.isel(epoch=slice(start, stop))


def main(url: str, group: str, picture: str, sid: str = "") -> None:
    """Open the store, choose the signal with the most epochs if none is named, and draw it."""
    strength = open_dataset(url, group)["SNR"]
    sid = sid or str(strength.notnull().sum("epoch").idxmax("sid").values)
    one_pass = longest_pass(strength.sel(sid=sid).load())
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    axes.plot(one_pass["epoch"].values, one_pass.values, ".", markersize=3)
    axes.set(title=f"{sid} at {group}", xlabel="GPS time", ylabel=f"SNR ({one_pass.attrs.get('units', 'dB-Hz')})")
    axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=120)
    print(f"{sid}: {one_pass.sizes['epoch']} epochs of one pass drawn to {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:])
