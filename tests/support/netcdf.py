"""NetCDF4 files of the kinds that users have, each written as the programs that make them do."""

from pathlib import Path

import numpy as np
import xarray as xr

START = np.datetime64("2025-01-01", "ns")
DAY_S = 86_400
SIDS = tuple(f"G{number:02}|L1|C" for number in range(1, 9))


def padded(day=0, *, interval_s=900, sids=SIDS, epochs=None, seed=0, start_s=0, chunk=None):
    """Make the dataset of a day with a fixed, padded axis of signals, as canvodpy without a store keeps them."""
    epochs = epochs or DAY_S // interval_s
    rng = np.random.default_rng([seed, day + 1000])
    begin = START + np.timedelta64(day * DAY_S + start_s, "s")
    times = begin + np.arange(epochs) * np.timedelta64(interval_s, "s")
    shape = (epochs, len(sids))
    snr = rng.normal(40, 5, shape).astype("f4")
    snr[rng.random(shape) < 0.2] = np.nan
    found = xr.Dataset(
        {
            "SNR": (("epoch", "sid"), snr, {"units": "dB-Hz"}),
            "Phase": (("epoch", "sid"), rng.normal(0, 1e6, shape)),
            "LLI": (("epoch", "sid"), rng.integers(-1, 4, shape).astype("i1")),
            "clock": ("epoch", rng.normal(0, 1e-7, epochs)),
        },
        {"epoch": times, "sid": np.array(sids, object), "freq_center": ("sid", np.linspace(1000, 1600, len(sids)))},
        {"Institution": "TU Wien", "day": day},
    )
    packed = {"zlib": True, "shuffle": True, "complevel": 5, "chunksizes": (chunk or epochs, len(sids))}
    found.encoding["wanted"] = dict.fromkeys(("SNR", "Phase", "LLI"), packed)
    return found


def gnssvod(day=0, *, svs=("C06", "G01", "R09"), epochs=96, interval_s=900, start_s=0):
    """Make the dataset of a day as gnssvod writes paired stations: scaled int16, one chunk a file."""
    rng = np.random.default_rng([7, day + 1000])
    begin = START + np.timedelta64(day * DAY_S + start_s, "s")
    times = begin + np.arange(epochs) * np.timedelta64(interval_s, "s")
    shape = (2, epochs, len(svs))
    values = {name: rng.integers(0, 500, shape) / 10 for name in ("S1C", "S2X", "Elevation")}
    for one in values.values():
        one[rng.random(shape) < 0.3] = np.nan
    found = xr.Dataset(
        {name: (("Station", "Epoch", "SV"), one) for name, one in values.items()},
        {"Station": ["grn", "ref"], "Epoch": times, "SV": list(svs)},
    )
    packed = {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -9999, "zlib": True, "chunksizes": shape}
    found.encoding["wanted"] = dict.fromkeys(values, packed)
    return found


def georinex(day=0, *, svs=("G01", "G07"), epochs=96, interval_s=900):
    """Make the dataset of a day as georinex writes it: contiguous, one variable an observable, uncompressed."""
    rng = np.random.default_rng([9, day + 1000])
    times = START + np.timedelta64(day * DAY_S, "s") + np.arange(epochs) * np.timedelta64(interval_s, "s")
    shape = (epochs, len(svs))
    values = {name: (("time", "sv"), rng.normal(2e7, 1e5, shape)) for name in ("C1C", "L1C")}
    attributes = {"version": 3.04, "interval": float(interval_s), "rinextype": "obs", "position": [1.0, 2.0, 3.0]}
    return xr.Dataset(values, {"time": times, "sv": list(svs)}, attributes)


def write(dataset, path, **more):
    """Write a dataset as a NetCDF4 file, in the encoding of its kind."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = {name: {**one, **more} for name, one in dataset.encoding.get("wanted", {}).items()}
    dataset.to_netcdf(path, engine="netcdf4", encoding=wanted)
    return path


def archive(root, days=range(3), receiver="canopy_01", **words):
    """Write days of a receiver below an archive."""
    return [write(padded(day, **words), root / receiver / f"day{day:+04}.nc") for day in days]


def together(paths, time="epoch"):
    """Open files one after the other, loaded, as xarray puts them together."""
    found = xr.open_mfdataset(
        sorted(paths), combine="nested", concat_dim=time, data_vars="minimal", coords="minimal", compat="override",
        join="override", combine_attrs="drop_conflicts",
    )  # fmt: skip
    with found:
        return found.load().sortby(time)
