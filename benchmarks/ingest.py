"""A whole run, and the size of what it leaves.

The floor of a run is isal's gunzip of the same bytes and the encoding, by numcodecs alone and without Zarr around it,
of the inner chunks that the run has stored, read back from it beforehand: sid-major copies, the codecs of
`gnssice_batch.store.layout.codecs` in their order. Chunks in which everything is missing are not stored, the floor
leaves them out.
"""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import zarr
from isal import igzip
from numcodecs import BZ2, FixedScaleOffset, Zstd
from numcodecs.pcodec import PCodec

from benchmarks.figures import Figure, at_most
from benchmarks.files import AJAC, RACT, observation_files, simulated
from benchmarks.timing import measure, ratio, total_bytes
from gnssice_batch.config import Settings
from gnssice_batch.job.run import run
from gnssice_batch.model.template import SID_READ_UNIT, VARIABLES
from gnssice_batch.simulate import SimulationPlan, network
from gnssice_batch.store.reading.opening import open_dataset
from gnssice_batch.store.repository import open_repository

TITLE = "Ingest: whole runs in one process on one core, and what they leave on disk"

_REPEATS = 5
_UNIT = 2880
_SCALED = frozenset({"Pseudorange", "Phase"})
_LARGEST = {("AJAC", _UNIT): 0.95, ("ract", _UNIT): 1.05}
"""Issue 2: the compact repository against the .crx.gz files, with write units of 2,880 epochs."""


def figures() -> Iterator[Figure]:
    """Every figure of ingesting."""
    with TemporaryDirectory() as folder:
        for profile in ("default", "compact"):
            for what, archive in (("AJAC", AJAC), ("ract", RACT)):
                if archive.is_dir():
                    yield from _against_floor(Path(folder), profile, f"{what}, {profile}, two days", archive, 2.5)
        yield from _against_floor(Path(folder), "default", "simulated, default, 60 days", _sixty_days(), 1.6)
        for name, archive in (("AJAC", AJAC), ("ract", RACT)):
            for profile in ("compact", "default"):
                for unit in (_UNIT, 34_560):
                    yield from _size(Path(folder), name, archive, profile, unit) if archive.is_dir() else ()


def settings(folder: Path, archive: Path, profile: str, unit: int) -> Settings:
    """Settings of a run of one of the real archives; one receiver, interval and phase found as usual."""
    return Settings.model_validate(
        {
            "site": "benchmark",
            "archive": {"url": str(archive), "receivers": {"receiver_01": {"include": ["**"]}}, "include": ["*.gz"]},
            "store": {"url": str(folder)},
            "chunks": {"epoch": unit},
            "encoding": {"profile": profile},
            "log": {"level": "error", "progress": False},
        }
    )


def repository_folder(folder: Path) -> Path:
    """Where such a run puts its repository."""
    return folder / "benchmark" / "rinex"


def _sixty_days() -> Path:
    """Daily files of one receiver at 30 s."""
    plan = SimulationPlan(network(2)[1:], days=60, interval_s=30.0, period_s=86_400.0, outage_fraction=0.0)
    return simulated(plan)


def _against_floor(folder: Path, profile: str, what: str, archive: Path, bar: float) -> Iterator[Figure]:
    numbers = count()
    kept = folder / "kept"
    run(settings(kept, archive, profile, _UNIT))
    contents = [path.read_bytes() for path in sorted(archive.rglob("*.gz"))]
    chunks = list(_chunks(kept))
    shutil.rmtree(kept)
    seconds = measure(
        {
            "run": lambda: run(settings(folder / str(next(numbers)), archive, profile, _UNIT)),
            "floor": partial(_floor, contents, chunks, profile),
        },
        _REPEATS,
    )
    for number in range(next(numbers)):
        shutil.rmtree(folder / str(number))
    yield Figure(f"{what}: run", str(seconds["run"]))
    yield Figure(f"{what}: floor, gunzip and encoding of the same arrays", str(seconds["floor"]))
    yield at_most(f"{what}: run against the floor", ratio(seconds["run"], seconds["floor"]), bar, "x")


def _chunks(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Every inner chunk that a run has stored, epoch-major as the dense block holds it."""
    place = str(repository_folder(folder))
    dataset = open_dataset(place, "receiver_01", chunks=None)
    stored = open_repository(place).handle.readonly_session("main").store
    read_unit = zarr.open_array(stored, path="receiver_01/SNR", mode="r").chunks[0]
    for spec in VARIABLES:
        values = dataset[spec.name].values
        for start in range(0, values.shape[0], read_unit):
            for first in range(0, values.shape[1], SID_READ_UNIT):
                chunk = _padded(values[start : start + read_unit, first : first + SID_READ_UNIT], spec.fill)
                if not _empty(chunk, spec.fill):
                    yield spec.name, chunk


def _padded(values: np.ndarray, missing: Any) -> np.ndarray:
    chunk = np.full((len(values), SID_READ_UNIT), missing, values.dtype)
    chunk[:, : values.shape[1]] = values
    return chunk


def _empty(chunk: np.ndarray, missing: Any) -> bool:
    return bool(np.isnan(chunk).all() if chunk.dtype.kind == "f" else (chunk == missing).all())


def _floor(contents: list[bytes], chunks: list[tuple[str, np.ndarray]], profile: str) -> None:
    encode = _default if profile == "default" else _compact
    for content in contents:
        igzip.decompress(content)
    for name, chunk in chunks:
        encode(name)(np.ascontiguousarray(chunk.T))


def _default(_: str) -> Callable[[np.ndarray], Any]:
    return Zstd(level=5).encode


def _compact(name: str) -> Callable[[np.ndarray], Any]:
    if name in {"LLI", "SSI"}:
        return BZ2(level=9).encode
    pcodec = PCodec(level=11)
    if name not in _SCALED:
        encode: Callable[[np.ndarray], Any] = pcodec.encode
        return encode
    steps = FixedScaleOffset(offset=0, scale=1_000_000, dtype="<f8", astype="<f8")
    return lambda chunk: pcodec.encode(steps.encode(chunk))


def _size(folder: Path, name: str, archive: Path, profile: str, unit: int) -> Iterator[Figure]:
    """The whole repository directory: variables, coordinates, ledger, history."""
    run(settings(folder / "sized", archive, profile, unit))
    stored = total_bytes([path for path in repository_folder(folder / "sized").rglob("*") if path.is_file()])
    shutil.rmtree(folder / "sized")
    packed = total_bytes(observation_files(archive))
    what, more = f"{name}, {profile}, units of {unit}: repository against .crx.gz", f" ({stored / 1e6:.2f} MB)"
    if profile == "compact" and (name, unit) in _LARGEST:
        yield at_most(what, stored / packed, _LARGEST[name, unit], "x", more)
    else:
        yield Figure(what, f"{stored / packed:.3g} x{more}")
