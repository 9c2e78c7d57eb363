"""Vegetation optical depth of a receiver pair and day at 5 s: what it takes, what it weighs."""

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import gnssice_batch
from benchmarks.figures import Figure, at_most
from benchmarks.files import REAL
from gnssice_batch.config import Settings
from gnssice_batch.job.vod import vod
from gnssice_batch.simulate import SimulationPlan, network, simulate, write_navigation

TITLE = "Vegetation optical depth"

_PLACES: Final = {
    "canopy_01": "rinex/nfb2021__canvodpy-demo/ract_15min_5s",
    "reference_01": "rosalia/rref_15min_5s",
}
_SHARED: Final = REAL.parent
_BAR_S: Final = 2.5
"""Of processor time, per receiver pair and day at 5 s."""


def figures() -> Iterator[Figure]:
    """Of a simulated pair, and of the real one where its files are."""
    with TemporaryDirectory() as folder:
        yield from _measured("simulated, 5 s, GREC", _simulated(Path(folder)))
    if (_SHARED / _PLACES["reference_01"]).is_dir():
        with TemporaryDirectory() as folder:
            yield from _measured("Rosalia, 5 s, 192 navigation files", _real(Path(folder)))


def _measured(what: str, settings: Settings) -> Iterator[Figure]:
    gnssice_batch.run(settings)
    vod(settings)
    started, busy = time.monotonic(), time.process_time()
    report = vod(settings, everything=True)
    busy, wall = time.process_time() - busy, time.monotonic() - started
    (analysis,) = report.analyses.values()
    told = f", {wall:.1f} s by the clock, {analysis.values:,} values of {analysis.pairs:,} pairs"
    yield at_most(f"{what}: a pair and day, whole run", busy, _BAR_S, "s busy", told)
    chunks = Path(f"{settings.store.url}/{settings.site}/vod/chunks")
    size = sum(path.stat().st_size for path in chunks.iterdir()) / 2
    yield Figure(f"{what}: chunks", f"{size / 1e6:.1f} MB")
    yield Figure(f"{what}: peak memory", f"{report.peak_memory_bytes / 1e6:.0f} MB")
    busy = time.process_time()
    vod(settings)
    yield Figure(f"{what}: a run without news", f"{time.process_time() - busy:.2f} s busy")


def _simulated(folder: Path) -> Settings:
    plan = SimulationPlan(network(2, 0.8), date(2025, 1, 1), 1, 5, 3600, "GREC", "rnx", outage_fraction=0)
    simulate(folder / "archive", plan)
    write_navigation(folder / "orbits", plan)
    return _settings(folder, {"url": str(folder / "orbits")})


def _real(folder: Path) -> Settings:
    for receiver, place in _PLACES.items():
        (folder / "archive" / receiver).mkdir(parents=True)
        for path in (_SHARED / place).glob("*001*.gz"):
            (folder / "archive" / receiver / path.name).symlink_to(path)
    return _settings(folder, {"url": str(_SHARED / "rosalia"), "layout": "*_nav/*"})


def _settings(folder: Path, orbits: dict[str, str]) -> Settings:
    return Settings.model_validate(
        {
            "site": "site",
            "archive": {"url": str(folder / "archive"), "layout": "{receiver}/**"},
            "store": {"url": str(folder / "stores")},
            "vod": {"orbits": orbits},
        }
    )
