"""Draw one satellite's pass as seen by two receivers: python examples/plot_pass.py REPOSITORY PICTURE [SID].

Opens both receivers of a repository, takes the GPS signal whose pass was seen best from rising to setting, and draws
its strength under the trees and beside them. What lies between the two curves is what the trees took.
"""

import sys

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib import dates
from matplotlib import pyplot as plt

from gnssice_batch import open_dataset

CANOPY, REFERENCE = "canopy_01", "reference_01"
GREEN, BLUE, GREY = "#2e7d32", "#1f5fa8", "#5f6368"
STILL = np.timedelta64(15, "m")
"""A signal that was away for longer has begun another pass."""
SMOOTH = 25
"""Epochs of the running mean."""


def longest_pass(snr: xr.DataArray) -> xr.DataArray:
    """Return the longest stretch of a signal, SNR over (epoch,), that no long gap breaks."""
    seen = snr.dropna("epoch")
    breaks = np.flatnonzero(np.diff(seen.epoch.values) > STILL) + 1
    passes = np.split(np.arange(seen.size), breaks)
    longest = seen.isel(epoch=max(passes, key=len))
    return snr.sel(epoch=slice(longest.epoch[0], longest.epoch[-1]))


def rise_and_fall(snr: xr.DataArray) -> float:
    """Return by how much a pass, SNR over (epoch,), rises above the stronger of its two ends."""
    seen = snr.dropna("epoch").values
    return float(np.median(np.sort(seen)[-SMOOTH:]) - max(seen[:SMOOTH].mean(), seen[-SMOOTH:].mean()))


def best_signal(snr: xr.DataArray) -> str:
    """Return the GPS L1 C/A signal with the pass that is most whole, from rising to setting."""
    gps = snr.sel(sid=[sid for sid in snr.sid.values if sid.startswith("G") and sid.endswith("|L1|C")]).load()
    passes = {str(sid): longest_pass(gps.sel(sid=sid)) for sid in gps.sid.values if gps.sel(sid=sid).notnull().any()}
    return max(passes, key=lambda sid: rise_and_fall(passes[sid]))


def draw(canopy: xr.DataArray, reference: xr.DataArray, picture: str) -> None:
    """Draw both receivers' SNR over (epoch,) of one signal, and their difference."""
    mpl.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9, 5.6), dpi=150, sharex=True, height_ratios=(2.4, 1), layout="constrained"
    )
    for series, colour, name in ((reference, BLUE, "beside the trees"), (canopy, GREEN, "under the trees")):
        above.plot(series.epoch, series, color=colour, linewidth=0.5, alpha=0.45)
        smooth = series.rolling(epoch=SMOOTH, center=True, min_periods=5).mean()
        above.plot(series.epoch, smooth, color=colour, linewidth=1.8, label=f"{name} ({series.attrs['receiver']})")
    above.set_ylabel("SNR (dB-Hz)")
    above.legend(frameon=False, loc="lower center", ncols=2)
    sv, band, code = str(canopy.sid.values).split("|")
    day = np.datetime_as_string(reference.epoch.values[0], "D")
    above.set_title(f"One pass of {sv}, {band} {code}, {day} (simulated)", loc="left", fontweight="bold")
    lost = (reference - canopy).rolling(epoch=SMOOTH, center=True, min_periods=5).mean()
    below.fill_between(lost.epoch, lost, 0, color=GREEN, alpha=0.25, linewidth=0)
    below.plot(lost.epoch, lost, color=GREEN, linewidth=1.2)
    below.axhline(0, color=GREY, linewidth=0.6)
    below.set_ylabel("lost in the\ncanopy (dB)")
    below.set_xlabel("GPS time")
    below.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    for axes in (above, below):
        axes.grid(color="#e3e5e8", linewidth=0.6)
        axes.set_axisbelow(True)
    figure.savefig(picture)


def main(repository: str, picture: str, sid: str | None = None) -> None:
    """Open, choose, draw."""
    receivers = {name: open_dataset(repository, name) for name in (CANOPY, REFERENCE)}
    chosen = sid or best_signal(receivers[REFERENCE].SNR)
    reference = longest_pass(receivers[REFERENCE].SNR.sel(sid=chosen).load())
    canopy = receivers[CANOPY].SNR.sel(sid=chosen).load().reindex(epoch=reference.epoch)
    draw(canopy.assign_attrs(receiver=CANOPY), reference.assign_attrs(receiver=REFERENCE), picture)
    print(f"{chosen}: {int(reference.count())} epochs of {REFERENCE}, {int(canopy.count())} of {CANOPY} -> {picture}")


if __name__ == "__main__":
    mpl.use("Agg")
    main(*sys.argv[1:])
