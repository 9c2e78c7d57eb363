"""A day in 96 runs of one file each, as near real time has it, against the same day in one run.

What many small runs leave, and what of it is left after ``maintain`` with no version kept but the newest.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

import gnssice_batch
from benchmarks.figures import Figure, at_most
from benchmarks.files import simulated
from gnssice_batch.config import Settings
from gnssice_batch.model.template import VARIABLES
from gnssice_batch.operate.maintenance import maintain
from gnssice_batch.simulate import SimulationPlan, network

TITLE = "A day in 96 runs against one"

_RECEIVER: Final = "canopy_01"
_UNITS: Final = {"units of 12 days, the default": 34_560, "units of an hour": 120}


def figures() -> Iterator[Figure]:
    """Every figure of such a day."""
    files = sorted(simulated(SimulationPlan(network(1), outage_fraction=0.0)).rglob("*.crx.gz"))
    for what, epochs in _UNITS.items():
        with TemporaryDirectory() as folder:
            yield from _day(files, Path(folder), epochs, what)


def _day(files: list[Path], folder: Path, epochs: int, what: str) -> Iterator[Figure]:
    many, one = _settings(folder, "many", epochs), _settings(folder, "one", epochs)
    (folder / "archive" / _RECEIVER).mkdir(parents=True)
    started = time.process_time()
    for file in files:
        shutil.copy2(file, folder / "archive" / _RECEIVER)
        gnssice_batch.run(many)
    busy = (time.process_time() - started) / len(files)
    gnssice_batch.run(one)
    single = sum(_sizes(one).values())
    yield Figure(f"{what}: a run of one file, mean", f"{busy:.2f} s busy")
    yield at_most(f"{what}: {len(files)} runs against one", sum(_sizes(many).values()) / single, 3, "x", _told(many))
    started = time.process_time()
    maintain(many)
    yield Figure(f"{what}: `maintain`", f"{time.process_time() - started:.2f} s busy")
    yield at_most(f"{what}: after `maintain`", sum(_sizes(many).values()) / single, 1.1, "x", _told(many))
    yield Figure(f"{what}: one run", _told(one)[2:-1])
    equal = _equal(many, one)
    yield Figure(f"{what}: same data", "yes" if equal else "no", "yes", equal)


def _equal(many: Settings, one: Settings) -> bool:
    """Whether two stores hold the same cells, the signals in whatever order."""
    left, right = (gnssice_batch.open_dataset(_repository(each), _RECEIVER) for each in (many, one))
    if set(left.sid.values) != set(right.sid.values):
        return False
    left = left.sel(sid=right.sid)
    names = ["epoch", *(spec.name for spec in VARIABLES)]
    return all(
        np.array_equal(left[name].values, right[name].values, equal_nan=left[name].dtype.kind == "f") for name in names
    )


def _told(settings: Settings) -> str:
    sizes, objects = _sizes(settings), _files(settings)
    parts = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.most_common())
    return f" ({len(objects):,} objects; {parts})"


def _sizes(settings: Settings) -> Counter[str]:
    """Bytes by folder of a repository."""
    sizes: Counter[str] = Counter()
    for file in _files(settings):
        sizes[file.relative_to(_repository(settings)).parts[0]] += file.stat().st_size
    return sizes


def _files(settings: Settings) -> list[Path]:
    return [path for path in Path(_repository(settings)).rglob("*") if path.is_file()]


def _repository(settings: Settings) -> str:
    return f"{settings.store.url}/{settings.site}/rinex"


def _settings(folder: Path, name: str, epochs: int) -> Settings:
    words: dict[str, Any] = {
        "site": "day",
        "archive": {"url": str(folder / "archive"), "layout": "{receiver}/**"},
        "store": {"url": str(folder / name)},
        "chunks": {"epoch": epochs},
        "log": {"level": "error", "progress": False},
        "maintain": {"keep_days": 0, "garbage_days": 0},
    }
    return Settings.model_validate(words)
