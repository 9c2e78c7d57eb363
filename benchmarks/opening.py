"""Opening a long receiver, and reading one signal of a year: each in a fresh process, nothing is kept from before."""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import zarr

from benchmarks.figures import Figure, at_most
from benchmarks.files import AJAC, observation_files
from benchmarks.timing import forget_peak, in_child, peak_bytes, resident_bytes, total_bytes
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.template import NON_INDEX_COORDINATES, VARIABLES, GroupTemplate, shard_width, signal_axis
from gnssice_batch.model.values import Span
from gnssice_batch.rinex import Dense, dense, read
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.structure import StructureChange, make_structure

TITLE = "Opening: `open_dataset` in a fresh process"

_REPEATS = 5
_UNIT = 34_560
_START_NS = 12_784 * DAY_NS
_TEN_YEARS = 3_653
_YEAR = 365
_FILLED_UNITS = 4
_READ = ("SNR", "Phase")
SIGNAL = "G10|L1|C"


def figures() -> Iterator[Figure]:
    """Every figure of opening."""
    if not AJAC.is_dir():
        return
    day = dense(read(observation_files(AJAC)[0].read_bytes()).parts[0])
    with TemporaryDirectory() as folder:
        for interval_s, bars in ((5, True), (1, False)):
            path = Path(folder, f"decade_{interval_s}")
            mostly_holes(path, day, interval_s)
            yield from _opened(path, interval_s, bars=bars)
        whole_year(Path(folder, "year"), day)
        yield from _one_signal(Path(folder, "year"))


def _opened(path: Path, interval_s: int, *, bars: bool) -> Iterator[Figure]:
    found = [in_child("opening", "open", str(path)) for _ in range(_REPEATS)]
    name = f"10 years at {interval_s} s, mostly holes"
    seconds, grown = (statistics.median(each[key] for each in found) for key in ("seconds", "grown"))
    size = total_bytes([file for file in path.rglob("*") if file.is_file()])
    yield Figure(f"{name}: the repository", f"{found[0]['epochs'] / 1e6:.1f} M epochs, {size / 1e6:.1f} MB")
    seconds_bar, memory_bar = at_most(name, seconds, 1, "s"), at_most(f"{name}: memory", grown / 1e6, 300, "MB")
    yield seconds_bar if bars else Figure(seconds_bar.what, seconds_bar.measured)
    yield memory_bar if bars else Figure(memory_bar.what, memory_bar.measured)
    whole = statistics.median(each["peak"] for each in found)
    yield Figure(f"{name}: memory of the whole process, libraries included", f"{whole / 1e6:.0f} MB")


def _one_signal(path: Path) -> Iterator[Figure]:
    found = [in_child("opening", "signal", str(path)) for _ in range(_REPEATS)]
    for name in _READ:
        seconds = statistics.median(each[name] for each in found)
        what = f"{name} of {SIGNAL} over a year at 30 s, {found[0]['values']:.0f} values, opened before"
        yield at_most(what, seconds, 0.5, "s") if name == "SNR" else Figure(what, f"{seconds:.3g} s")
    grown = statistics.median(each["grown"] for each in found)
    yield Figure("memory of opening and reading these", f"{grown / 1e6:.0f} MB")


def mostly_holes(path: Path, day: Dense, interval_s: int) -> None:
    """Ten years in which a few write units hold something."""
    template = _template(day, interval_s, _TEN_YEARS)
    units = np.linspace(0, template.grid.units - 1, _FILLED_UNITS).astype(int)
    _store(path, template, day, [int(unit) * template.grid.unit for unit in units], [spec.name for spec in VARIABLES])


def whole_year(path: Path, day: Dense) -> None:
    """A year of the same real day again and again."""
    template = _template(day, 30, _YEAR)
    _store(path, template, day, list(range(0, template.grid.size, template.grid.unit)), _READ)


def _template(day: Dense, interval_s: int, days: int) -> GroupTemplate:
    grid = empty_grid(interval_s * SECOND_NS, 0, _UNIT, _START_NS)
    return GroupTemplate(
        receiver="receiver_01",
        grid=replace(grid, size=-(-days * DAY_NS // grid.unit_ns) * grid.unit),
        axis=signal_axis(day.sids),
        shard_sids=shard_width(len(day.sids)),
        profile="default",
        algorithm="zstd",
        level=5,
        channels={},
        attributes={"coordinates": " ".join(NON_INDEX_COORDINATES), "Software": "benchmark"},
    )


def _store(path: Path, template: GroupTemplate, day: Dense, starts: Sequence[int], names: Sequence[str]) -> None:
    repository = open_repository(str(path))
    wanted = StructureChange([template], "rinex3")
    structure = make_structure(repository, repository.head(), "staging", wanted)
    handle = repository.handle
    handle.reset_branch("main", handle.lookup_branch(structure.branch))
    session = handle.writable_session("main")
    group = zarr.open_group(session.store, path=template.receiver, mode="r+")
    unit = template.grid.unit
    for name in names:
        values = np.resize(getattr(day, name.lower()), (unit, len(day.sids)))
        for start in starts:
            group[name][start : start + unit] = values
    held = Span(template.grid.time_ns(starts[0]), template.grid.time_ns(starts[-1] + unit - 1))
    group.update_attributes(coverage_attributes(held))
    session.commit("filled")


def open_only(path: str, **options: Any) -> dict[str, float]:
    """Open the dataset: seconds, and how the process grew beyond what importing the libraries took."""
    import gnssice_batch

    gnssice_batch.open_dataset  # noqa: B018 - imports what it needs
    before = resident_bytes()
    forget_peak()
    started = time.perf_counter()
    dataset = gnssice_batch.open_dataset(path, "receiver_01", **options)
    seconds = time.perf_counter() - started
    peak = peak_bytes()
    return {"seconds": seconds, "grown": peak - before, "peak": peak, "epochs": dataset.sizes["epoch"]}


def one_signal(path: str, **options: Any) -> dict[str, float]:
    """Read one signal of each of some variables, over the whole axis."""
    import gnssice_batch

    gnssice_batch.open_dataset  # noqa: B018 - imports what it needs
    before = resident_bytes()
    forget_peak()
    dataset = gnssice_batch.open_dataset(path, "receiver_01", **options)
    found: dict[str, float] = {}
    for name in _READ:
        started = time.perf_counter()
        values = dataset[name].sel(sid=SIGNAL).values
        found[name] = time.perf_counter() - started
        found["values"] = int(np.isfinite(values).sum())
    return {**found, "grown": peak_bytes() - before}


if __name__ == "__main__":
    print(
        json.dumps(
            {"open": open_only, "signal": one_signal}[sys.argv[1]](
                sys.argv[2], **json.loads("".join(sys.argv[3:]) or "{}")
            )
        )
    )
