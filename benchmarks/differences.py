"""Comparing two versions of ten years: each in a fresh process, nothing is kept from before."""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import icechunk
import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from benchmarks.figures import Figure, at_most
from benchmarks.ledgers import SIDS, outcome, template_of
from benchmarks.timing import in_child
from gnssice_batch.model.grid import DAY_NS
from gnssice_batch.model.template import OBSERVED_COORDINATES, VARIABLES, GroupTemplate
from gnssice_batch.model.values import Span
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.repository import Repository, open_repository
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files
from gnssice_batch.store.writing.structure import StructureChange, make_structure

TITLE = "Differences: `diff` of a repository of 10 years, in a fresh process"

_DAYS = 3_653
_FILES_OF_A_DAY = 24
_RECEIVERS = ("canopy_01", "reference_01")
_REPEATS = 3
_VALUE = 2
"""The fill value of no array: of that no chunk would be stored."""
_BAR_S = 2


def figures() -> Iterator[Figure]:
    """Every figure of comparing versions."""
    with TemporaryDirectory() as folder:
        empty, before, after = ten_years(Path(folder))
        for name, pair in {"the last day": (before, after), "nothing and all": (empty, after)}.items():
            found = [in_child("differences", folder, *pair) for _ in range(_REPEATS)]
            seconds = statistics.median(each["seconds"] for each in found)
            told = f", {found[0]['chunks']:,.0f} chunks and {found[0]['files']:,.0f} files"
            busy = f", {statistics.median(each['busy'] for each in found):.2g} s busy"
            yield at_most(f"10 years at 5 s, 2 receivers, hourly files: {name}{told}", seconds, _BAR_S, "s", busy)


def ten_years(folder: Path) -> tuple[str, str, str]:
    """A repository with chunks everywhere; its empty version, the last but one, the last."""
    repository = open_repository(str(folder))
    empty = repository.head()
    templates = [template_of(name, units=-(-_DAYS // 2)) for name in _RECEIVERS]
    structure = make_structure(repository, empty, "staging", StructureChange(templates, "rinex3"))
    repository.handle.reset_branch("main", repository.handle.lookup_branch(structure.branch))
    units = templates[0].grid.units
    days = range(_DAYS - 1)
    before = _filled(repository, templates, range(units), days)
    return empty, before, _filled(repository, templates, range(units - 1, units), range(_DAYS - 1, _DAYS))


def _filled(repository: Repository, templates: Sequence[GroupTemplate], units: range, days: range) -> str:
    session = repository.handle.writable_session("main")
    provenance = Provenance("20250101T000000-abcdef", "benchmark", "2025-01-01T00:00:00", "benchmark")
    for template in templates:
        group = zarr.open_group(session.store, path=template.receiver, mode="r+")
        _write(session, group, template, units)
        grid = template.grid
        group.update_attributes(coverage_attributes(Span(grid.time_ns(0), grid.origin_ns + (days[-1] + 1) * DAY_NS)))
        rows = range(days[0] * _FILES_OF_A_DAY, (days[-1] + 1) * _FILES_OF_A_DAY)
        append_files(group, [outcome(template.receiver, row) for row in rows], provenance, {})
    return str(session.commit("filled"))


def _write(session: icechunk.Session, group: zarr.Group, template: GroupTemplate, units: range) -> None:
    """Write one chunk of each array, and its bytes again in all these units."""
    grid, first = template.grid, units[0]
    chunks_of_a_unit = grid.unit // grid.read_unit
    for name in (*(spec.name for spec in VARIABLES), *OBSERVED_COORDINATES):
        array = group[name]
        assert isinstance(array, zarr.Array)
        cube = array.ndim > 1
        array[first * grid.unit : first * grid.unit + grid.read_unit] = np.asarray(_VALUE, array.dtype)
        times, below = (1, "/0") if cube else (chunks_of_a_unit, "")
        places = [
            f"{template.receiver}/{name}/c/{number}{below}" for number in range(first * times, (units[-1] + 1) * times)
        ]
        sync(_repeated(session, places))


async def _repeated(session: icechunk.Session, places: Sequence[str]) -> None:
    chunk = await session.store.get(places[0], default_buffer_prototype())
    assert chunk is not None
    await asyncio.gather(*(session.store.set(place, chunk) for place in places[1:]))


def compared(folder: str, before: str, after: str) -> dict[str, float]:
    """Compare two versions: seconds, and what was found."""
    from gnssice_batch.store.reading.differences import difference
    from gnssice_batch.store.repository import open_existing

    started, busy = time.perf_counter(), time.process_time()
    repository = open_existing(folder)
    assert repository is not None
    found = difference(repository, before, after)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    counts = [(one.chunks.chunks, one.files) for one in found.groups]
    chunks, files = (sum(each.added + each.changed for each in column) for column in zip(*counts, strict=True))
    return {"seconds": seconds, "busy": busy, "chunks": chunks, "files": files, "signals": len(SIDS)}


if __name__ == "__main__":
    print(json.dumps(compared(*sys.argv[1:])))
