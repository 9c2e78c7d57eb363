"""Publishes many finished partitions whose forks are simulated; says how long each step of it took.

A fork carries one chunk of each of the six data variables and, along the epochs, those that a day at 30 s has where its
file gives no clock offsets and its epochs lie on the grid: `source_file`, with the ledger row that the plan would have
foreseen, and `epoch_flag`. The chunks of the data variables are stand-ins; those of the coordinates are real.

`main` publishes on the head that the work was planned on. `moved` publishes on one whose ledgers another run has made
longer, so that `source_file` of every partition is written again.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numcodecs
import numpy as np
import zarr
from zarr.core.buffer import cpu

from benchmarks.timing import forget_peak, peak_bytes
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.template import (
    NON_INDEX_COORDINATES,
    VARIABLES,
    GroupTemplate,
    shard_width,
    signal_axis,
    unit_chunks,
)
from gnssice_batch.model.values import EpochRows, FileFacts, FileOutcome, SourceFile, Span, Status, Tally, rank
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.repository import Repository, open_repository
from gnssice_batch.store.writing import commit
from gnssice_batch.store.writing import publish as publishing
from gnssice_batch.store.writing.changes import union
from gnssice_batch.store.writing.commit import publish
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files
from gnssice_batch.store.writing.publish import GroupChange, Publication, SourcedRows
from gnssice_batch.store.writing.structure import Structure, StructureChange, make_structure

_PARTITIONS = 100_000
_RECEIVERS = 20
_EPOCHS = 2880
_INTERVAL_NS = 30 * SECOND_NS
_START_NS = 8_036 * DAY_NS
_SIDS = tuple(f"G{sv:02d}|{signal}" for sv in range(1, 33) for signal in ("L1|C", "L2|W"))
_CHUNK = b"a chunk in stead"
_ZSTD = numcodecs.Zstd(level=5)


def main(partitions: int = _PARTITIONS) -> dict[str, float]:
    """Make structure, forks and outcomes of new groups, then publish; only that is timed."""
    templates = _templates(partitions)
    with TemporaryDirectory() as folder:
        repository = open_repository(folder)
        change = StructureChange(templates, "rinex3")
        structure = make_structure(repository, repository.head(), "staging", change)
        return _timed(repository, _publication(structure, templates, _forks(structure, templates)))


def moved(partitions: int) -> dict[str, float]:
    """The same into groups that are there, each with a ledger row more than when the work was planned."""
    templates = _templates(partitions)
    with TemporaryDirectory() as folder:
        repository = open_repository(folder)
        groups = make_structure(repository, repository.head(), "groups", StructureChange(templates, "rinex3"))
        publish(repository, "main", replace(_publication(groups, templates, []), groups={}, planned={}))
        structure = make_structure(repository, repository.head(), "staging", StructureChange([], "rinex3"))
        publication = _publication(structure, templates, _forks(structure, templates), there=True)
        _another_run(repository, publication)
        return _timed(repository, publication)


def _timed(repository: Repository, publication: Publication) -> dict[str, float]:
    forget_peak()
    steps = {"merge": 0.0, "_renumber": 0.0, "_complete": 0.0}
    with _watched(steps):
        started = time.perf_counter()
        publish(repository, "main", publication)
        seconds = time.perf_counter() - started
    return {
        "partitions": len(publication.forks),
        "seconds": seconds,
        "merge": steps["merge"],
        "sources": steps["_renumber"],
        "ledger": steps["_complete"] - steps["_renumber"],
        "commit": seconds - steps["merge"] - steps["_complete"],
        "peak": peak_bytes(),
    }


def _another_run(repository: Repository, publication: Publication) -> None:
    """Commit a ledger row to every group."""
    session = repository.handle.writable_session("main")
    for receiver in publication.groups:
        group = zarr.open_group(session.store, path=receiver, mode="r+")
        append_files(group, [_outcome(receiver, -1)], publication.provenance, {})
    session.commit("another run")


@contextmanager
def _watched(steps: dict[str, float]) -> Iterator[None]:
    """Add up the seconds that the named functions of the publication take."""

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object, **options: object) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                steps[name] += time.perf_counter() - started

        return call

    merge, *completing = steps
    replaced = {name: timed(name, getattr(publishing, name)) for name in completing}
    with (
        patch.object(commit, merge, timed(merge, commit.merge)),
        patch.multiple(publishing, **replaced),
    ):
        yield


def _templates(partitions: int) -> list[GroupTemplate]:
    return [_template(f"receiver_{number:02d}", partitions // _RECEIVERS) for number in range(_RECEIVERS)]


def _template(receiver: str, days: int) -> GroupTemplate:
    grid = empty_grid(_INTERVAL_NS, 0, _EPOCHS, _START_NS)
    return GroupTemplate(
        receiver=receiver,
        grid=replace(grid, size=days * _EPOCHS),
        axis=signal_axis(_SIDS),
        shard_sids=shard_width(len(_SIDS)),
        profile="default",
        algorithm="zstd",
        level=5,
        channels={},
        attributes={"coordinates": " ".join(NON_INDEX_COORDINATES)},
    )


def _forks(structure: Structure, templates: list[GroupTemplate]) -> list[bytes]:
    """A fork per partition, as a worker would have sent it back."""
    loop = asyncio.new_event_loop()
    try:
        return [
            loop.run_until_complete(_fork(structure, template.receiver, day))
            for template in templates
            for day in range(template.grid.units)
        ]
    finally:
        loop.close()


async def _fork(structure: Structure, receiver: str, unit: int) -> bytes:
    """A fork with the chunks of a day, whose file has the ledger row of the day's number."""
    fork = fork_of(structure.work_fork)
    chunks = {f"{receiver}/{spec.name}/c/{unit}/0": _CHUNK for spec in VARIABLES}
    chunks[f"{receiver}/epoch_flag/c/{unit}"] = _ZSTD.encode(np.zeros(_EPOCHS, np.int8))
    chunks[f"{receiver}/source_file/c/{unit}"] = _ZSTD.encode(np.full(_EPOCHS, unit, "<i4"))
    await asyncio.gather(*(fork.store.set(key, cpu.Buffer.from_bytes(chunk)) for key, chunk in chunks.items()))
    return fork_bytes(fork)


def _publication(
    structure: Structure, templates: list[GroupTemplate], forks: list[bytes], *, there: bool = False
) -> Publication:
    days = templates[0].grid.units
    return Publication(
        run="20250101T000000-abcdef",
        structure=structure,
        source_format="rinex3",
        forks=forks,
        groups={template.receiver: _change(template, template if there else None) for template in templates},
        planned=union(unit_chunks(template, range(days)) for template in templates),
        provenance=Provenance("20250101T000000-abcdef", "benchmark", "2025-01-01T00:00:00", "benchmark"),
        metadata={"partitions": len(forks)},
    )


def _change(template: GroupTemplate, current: GroupTemplate | None) -> GroupChange:
    outcomes = [_outcome(template.receiver, day) for day in range(template.grid.units)]
    source = np.full(_EPOCHS, -2, np.int32)
    rows = [
        SourcedRows(EpochRows.of(day * _EPOCHS, source), (outcome.file.uri,), (day,))
        for day, outcome in enumerate(outcomes)
    ]
    return GroupChange(template, current, rows, outcomes, {})


def _outcome(receiver: str, day: int) -> FileOutcome:
    first = _START_NS + day * DAY_NS
    uri = f"{receiver}/{day:05d}/SCAL00XXX_R_{day:011d}_01D_30S_MO.crx.gz"
    sha256 = f"{day:064x}"
    facts = FileFacts(
        sha256, "3.04", "SCAL", "SEPT POLARX5", "SEPCHOKE_B3E6   SPKE", "GPS", 30.0,
        Span(first, first + DAY_NS - _INTERVAL_NS), rank(60, "3.04", _EPOCHS, sha256), _EPOCHS, 400_000, 60_000,
    )  # fmt: skip
    file = SourceFile(uri, receiver, 3_000_000, f"{day}.0", first, first + DAY_NS)
    return FileOutcome(file, Status.OK, facts, None, Tally(_EPOCHS, 400_000), {}, (f"{receiver}.{day:05d}",))


if __name__ == "__main__":
    print(json.dumps(moved(int(sys.argv[2])) if sys.argv[1:2] == ["moved"] else main(*map(int, sys.argv[1:]))))
