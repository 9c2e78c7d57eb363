"""A network of stations, a file each every quarter of an hour: what a run costs follows its news.

Every run is a process of its own with two workers beside it (``cluster.kind: local``). Objects and bytes of a commit
are those that it adds to the repository's folder; "beside data" is all of them but the chunks. At the end the same from
S3 to S3 at a distance, where ``TEST_S3_SERVER`` (``key:secret@host:port``) names a server that is faster than moto.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import zarr

from benchmarks import network_distance
from benchmarks.figures import Figure, at_most
from benchmarks.files import simulated
from benchmarks.timing import in_child, total_bytes
from gnssice_batch.config import Settings
from gnssice_batch.job.target import target_of
from gnssice_batch.simulate import SimulationPlan, network
from gnssice_batch.store.repository import MAIN, open_repository

TITLE = "A network, a file of 15 minutes each"

_RECEIVERS: Final = 250
_FILES: Final = 4
_PERIOD_S: Final = 900
_COMMITS: Final = 100
_CHUNKS: Final = "chunks"


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a repository's folder holds."""

    objects: int
    bytes: int
    beside: int
    """Bytes that are no chunks."""

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Count it."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        chunks = [path for path in files if path.parent.name == _CHUNKS]
        return cls(len(files), total_bytes(files), total_bytes(files) - total_bytes(chunks))

    def beyond(self, other: Self) -> tuple[int, int, int]:
        """Objects, bytes and bytes beside data that are here and not there."""
        return self.objects - other.objects, self.bytes - other.bytes, self.beside - other.beside


def figures() -> Iterator[Figure]:
    """Every figure of a network."""
    plan = SimulationPlan(network(_RECEIVERS), days=_FILES * _PERIOD_S / 86_400, outage_fraction=0.0)
    with TemporaryDirectory() as folder:
        files = _by_time(simulated(plan))
        archive, words = Path(folder, "archive"), _settings(Path(folder))
        yield Figure("receivers", f"{_RECEIVERS}")
        stored = _Stored(0, 0, 0)
        for number, (what, bar_s) in enumerate((("first run", 45), ("second run", 30), ("third run", 30))):
            size = _add(archive, files[number])
            before, found = stored, in_child("network_run", json.dumps(words))
            stored = _Stored.of(Path(folder, "stores"))
            yield from _of_run(f"{what}, {size / 1e6:.0f} MB", bar_s, found, stored.beyond(before))
        yield from _questions(Path(folder), words)
    yield from _one_file()
    yield from network_distance.figures(files)


def _of_run(what: str, bar_s: float, found: Mapping[str, float], more: tuple[int, int, int]) -> Iterator[Figure]:
    yield at_most(what, found["seconds"], bar_s, "s")
    yield at_most(f"{what}: coordinator", found["peak"] / 1e6, 500, "MB")
    yield Figure(f"{what}: largest worker, its libraries included", f"{found['worker_peak'] / 1e6:.0f} MB")
    objects, size, beside = (count / _RECEIVERS for count in more)
    yield at_most(f"{what}: objects a receiver", objects, 20, "objects", f" ({size / 1e3:.0f} kB)")
    yield at_most(f"{what}: bytes beside data a receiver", beside / 1e3, 15, "kB")


def _questions(folder: Path, words: Mapping[str, Any]) -> Iterator[Figure]:
    path = folder / "settings.yaml"
    path.write_text(json.dumps(words), encoding="utf-8")
    _commit(Settings.model_validate(words))
    for command, bar_s in (("status", 4), ("plan", 4), ("log", 2)):
        started, before = time.perf_counter(), os.times()
        subprocess.run(
            [sys.executable, "-m", "gnssice_batch", command, "-c", str(path)], check=True, stdout=subprocess.DEVNULL
        )
        seconds, after = time.perf_counter() - started, os.times()
        busy = after.children_user + after.children_system - before.children_user - before.children_system
        what = f"`{command}` without news, after three runs and {_COMMITS} commits more"
        yield at_most(what, seconds, bar_s, "s", f", {busy:.1f} s busy")


def _commit(settings: Settings) -> None:
    """Make the history as long as that of a day with a run each quarter of an hour."""
    repository = open_repository(target_of(settings).location)
    for number in range(_COMMITS):
        session = repository.handle.writable_session(MAIN)
        zarr.open_group(session.store, mode="r+").attrs["number"] = number
        session.commit(f"version {number}")


def _one_file() -> Iterator[Figure]:
    found, what = in_child("network_one"), "one file into a unit of 12 days"
    yield at_most(f"{what}: processor time beyond reading it", found["beyond"], 0.15, "s")
    yield at_most(f"{what}: memory beyond the libraries", found["peak"] / 1e6, 300, "MB")
    yield Figure(f"{what}: the whole run", f"{found['run']:.2f} s")


def _by_time(archive: Path) -> list[list[Path]]:
    """The files of every quarter of an hour."""
    by_receiver: dict[Path, list[Path]] = {}
    for path in sorted(archive.rglob("*.crx.gz")):
        by_receiver.setdefault(path.relative_to(archive).parents[-2], []).append(path)
    return [[files[number] for files in by_receiver.values()] for number in range(_FILES)]


def _add(archive: Path, files: list[Path]) -> int:
    """Put files into the archive; their size."""
    for path in files:
        receiver = next(part for part in path.parts if part.startswith(("canopy", "reference")))
        (archive / receiver).mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, archive / receiver / path.name)
    return total_bytes(files)


def _settings(folder: Path) -> dict[str, Any]:
    return {
        "site": "network",
        "archive": {"url": str(folder / "archive"), "layout": "{receiver}/**"},
        "store": {"url": str(folder / "stores")},
        "cluster": {"kind": "local", "workers": 2},
        "log": {"level": "error", "progress": False},
    }
