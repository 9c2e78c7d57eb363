"""From two receivers to a seasonal curve of vegetation optical depth, on a simulated canopy whose depth is known.

``python examples/season_of_a_canopy.py FOLDER [--days N]`` simulates one day of every month, or N days of the year,
ingests them, makes their vod, and draws what comes of it beside what was simulated.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import xarray as xr

import gnssice_batch
from gnssice_batch.simulate import SimulationPlan, network, simulate, write_navigation

mpl.use("agg")
import matplotlib.pyplot as plt

GROUP = "tau_omega/canopy_01_vs_reference_01"
RING_DEG = 5
"""Height of the rings that the sky is cut into; cells of all of them have about the same area."""
FEWEST = 20
"""Values that a cell must have to count."""


def known(day: date) -> float:
    """Return the optical depth of the simulated canopy: bare in winter, in leaf from May on."""
    season = np.cos(2 * np.pi * (day.timetuple().tm_yday - 200) / 365)
    return round(float(0.6 + 0.35 * season), 3)


def simulated(folder: Path, days: int) -> Iterator[date]:
    """Write observations and orbits of some days of the year 2025."""
    for number in range(days):
        day = date(2025, 1, 15) + timedelta(days=number * 365 // days)
        receivers = tuple(
            replace(one, optical_depth=known(day) if one.canopy else None) for one in network(2, known(day))
        )
        plan = SimulationPlan(receivers, day, 1, 60, 86_400, "GE", outage_fraction=0)
        simulate(folder / "archive", plan)
        write_navigation(folder / "archive", plan)
        yield day


def settings(folder: Path) -> gnssice_batch.Settings:
    """Return the settings of both runs: a write unit is a day."""
    (folder / "settings.yaml").write_text(
        f"site: demo\n"
        f"archive: {{url: {folder}/archive, layout: '{{receiver}}/**'}}\n"
        f"store: {{url: {folder}/stores}}\n"
        f"chunks: {{epoch: 1440}}\n",
        encoding="utf-8",
    )
    return gnssice_batch.load_settings(folder / "settings.yaml", environment={})


def cells(theta: npt.NDArray[np.float32], phi: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the number of the cell of the sky that each direction lies in, -1 where there is none.

    Rings of equal height, each cut into as many cells as keep their areas alike.
    """
    rings = 90 // RING_DEG
    ring = np.minimum(np.degrees(theta) // RING_DEG, rings - 1)
    edges = np.cos(np.radians(np.arange(rings + 1) * RING_DEG))
    areas = 2 * np.pi * (edges[:-1] - edges[1:])
    across = np.maximum(np.round(areas / areas[0]), 1)
    first = np.concatenate([[0], np.cumsum(across)])[:-1]
    place = np.where(np.isnan(ring), 0, ring).astype(int)
    within = np.minimum(phi / (2 * np.pi) * across[place], across[place] - 1)
    return np.where(np.isnan(ring), -1, first[place] + np.floor(np.nan_to_num(within))).astype(int)


def seasonal(dataset: xr.Dataset) -> xr.DataArray:
    """Return the mean VOD of each day, freed from where its rays went: anomalies of cell means, the mean put back."""
    seen = dataset.VOD.where(dataset.theta < np.radians(80)).dropna("epoch", how="all").load()
    theta, phi = (dataset[name].sel(epoch=seen.epoch).values for name in ("theta", "phi"))
    cell = np.where(np.isnan(seen.values), -1, cells(theta, phi))
    used = cell >= 0
    sums = np.bincount(cell[used], weights=seen.values[used])
    counts = np.bincount(cell[used])
    means = np.where(counts >= FEWEST, sums / np.maximum(counts, 1), np.nan)
    anomaly = seen.copy(data=np.where(used, seen.values - means[cell], np.nan))
    daily = anomaly.mean("sid")
    return daily.resample(epoch="1D").mean().dropna("epoch") + float(np.nanmean(means[cell[used]]))


def drawn(curve: xr.DataArray, days: list[date], path: Path) -> None:
    """Draw the curve beside what is known."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    axes.plot(days, [known(day) for day in days], color="0.6", label="simulated canopy")
    axes.plot(curve.epoch, curve, "o", color="tab:green", label="VOD from the store")
    axes.set(ylabel="vegetation optical depth", ylim=(0, 1.1))
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Do all of it; print the largest difference between the curve and what is known."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=24)
    chosen = parser.parse_args()
    days = list(simulated(chosen.folder, chosen.days))
    wanted = settings(chosen.folder)
    gnssice_batch.run(wanted)
    gnssice_batch.run_vod(wanted)
    with xr.set_options(keep_attrs=True):
        curve = seasonal(gnssice_batch.open_dataset(f"{chosen.folder}/stores/demo/vod", GROUP))
    drawn(curve, days, chosen.folder / "season.png")
    difference = np.abs(curve.values - [known(day) for day in days])
    print(f"{len(days)} days, largest difference {difference.max():.3f}")


if __name__ == "__main__":
    main()
