"""Virtual datasets: referencing files of 5 MB, and opening what 1,000 files became in a fresh process."""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from benchmarks.figures import Figure, at_most
from benchmarks.timing import in_child
from gnssice_batch.config import Settings

TITLE = "Virtual datasets: `virtualize`, and `open_virtual` in a fresh process"

_REPEATS = 5
_LARGE_FILES, _SMALL_FILES = 24, 1_000
_LARGE, _SMALL = (2_880, 295), (96, 8)
_START = np.datetime64("2025-01-01", "ns")
_DAY_S = 86_400


def figures() -> Iterator[Figure]:
    """Every figure of virtual datasets."""
    with TemporaryDirectory() as folder:
        large = Path(folder, "large")
        write_archive(large / "nc", _LARGE_FILES, _LARGE)
        size = statistics.mean(path.stat().st_size for path in large.rglob("*.nc"))
        yield Figure("a file: 30 s, 295 signals, four variables", f"{size / 1e6:.1f} MB")
        found = in_child("virtualize", "virtualize", str(large))
        yield at_most("processor time of the whole job per file", found["cpu_s"] / _LARGE_FILES, 0.15, "s")
        yield Figure("repository", f"{found['size'] / 1e3:.0f} kB for {size * _LARGE_FILES / 1e6:.0f} MB")
        small = Path(folder, "small")
        write_archive(small / "nc", _SMALL_FILES, _SMALL)
        found = in_child("virtualize", "virtualize", str(small))
        yield Figure(f"processor time of the whole job, {_SMALL_FILES:,} small files", f"{found['cpu_s']:.1f} s")
        again = in_child("virtualize", "virtualize", str(small))
        yield Figure("the same again, nothing new", f"{again['cpu_s']:.2f} s")
        opened = [in_child("virtualize", "open", str(small)) for _ in range(_REPEATS)]
        seconds = statistics.median(each["seconds"] for each in opened)
        yield at_most(f"opening an array over time of {_SMALL_FILES:,} files", seconds, 1, "s")
        seconds = statistics.median(each["signal"] for each in opened)
        yield Figure("and one signal of it, read", f"{seconds:.2f} s")


def write_archive(folder: Path, files: int, shape: tuple[int, int]) -> None:
    """Write daily files with a fixed axis of signals; beside the first one all are copies at other days."""
    epochs, signals = shape
    target = folder / "canopy_01"
    target.mkdir(parents=True)
    rng = np.random.default_rng(1)
    quarters = np.round(rng.normal(40, 5, (3, *shape)) * 4).astype("f4") / 4
    arrays = {
        **dict(zip(("SNR", "Doppler", "Azimuth"), quarters, strict=True)),
        "Phase": rng.normal(0, 1e6, shape).round(2),
    }
    values = {name: (("epoch", "sid"), array) for name, array in arrays.items()}
    packed = {name: {"zlib": True, "shuffle": True, "complevel": 5, "chunksizes": shape} for name in values}
    sids = [f"G{number:03}|L1|C" for number in range(signals)]
    for day in range(files):
        times = _START + np.timedelta64(day, "D") + np.arange(epochs) * np.timedelta64(_DAY_S // epochs, "s")
        xr.Dataset(values, {"epoch": times, "sid": sids}).to_netcdf(target / f"{day:04}.nc", encoding=packed)


def _settings(folder: Path) -> Settings:
    words = {"site": "demo", "archive": {"url": str(folder / "rinex")}, "store": {"url": str(folder / "stores")}}
    return Settings.model_validate({**words, "virtual": {"url": str(folder / "nc")}, "log": {"progress": False}})


def _virtualize(folder: Path) -> dict[str, float]:
    import virtualizarr.parsers  # noqa: F401

    from gnssice_batch.job.virtualize import virtualize
    from gnssice_batch.virtual.parsing import parse_files  # noqa: F401

    before = time.process_time()
    virtualize(_settings(folder))
    seconds = time.process_time() - before
    size = sum(path.stat().st_size for path in (folder / "stores").rglob("*") if path.is_file())
    return {"cpu_s": seconds, "size": size}


def _open(folder: Path) -> dict[str, float]:
    from gnssice_batch.store.reading.virtual_opening import open_virtual

    before = time.monotonic()
    found = open_virtual(f"{folder}/stores/demo/virtual", "canopy_01")
    opened = time.monotonic()
    found.SNR.isel(sid=3).load()
    return {"seconds": opened - before, "signal": time.monotonic() - opened, "epochs": found.sizes["epoch"]}


def main(arguments: Sequence[str]) -> None:
    """Do one of both, for the process that asks for it."""
    what, folder = arguments
    print(json.dumps((_virtualize if what == "virtualize" else _open)(Path(folder))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
