"""Publishes many finished partitions whose forks are simulated; says how long each step of it took."""

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

import numpy as np
from zarr.core.buffer import cpu

from benchmarks.timing import forget_peak, peak_bytes
from gnssice_batch.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model import EpochRows, FileFacts, FileOutcome, SourceFile, Span, Status, Tally, rank
from gnssice_batch.store import publish as publishing
from gnssice_batch.store.changes import union
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.ledger import Provenance
from gnssice_batch.store.publish import GroupChange, Publication, SourcedRows, publish
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.structure import Structure, StructureChange, make_structure
from gnssice_batch.template import (
    NON_INDEX_COORDINATES,
    VARIABLES,
    GroupTemplate,
    shard_width,
    signal_axis,
    unit_chunks,
)

_PARTITIONS = 100_000
_RECEIVERS = 20
_EPOCHS = 2880
_INTERVAL_NS = 30 * SECOND_NS
_START_NS = 8_036 * DAY_NS
_SIDS = tuple(f"G{sv:02d}|{signal}" for sv in range(1, 33) for signal in ("L1|C", "L2|W"))
_CHUNK = b"a chunk in stead"


def main(partitions: int) -> dict[str, float]:
    """Make structure, forks and outcomes, then publish; only that is timed."""
    receivers = [f"receiver_{number:02d}" for number in range(_RECEIVERS)]
    days = partitions // _RECEIVERS
    with TemporaryDirectory() as folder:
        repository = open_repository(folder)
        templates = [_template(receiver, days) for receiver in receivers]
        change = StructureChange(templates, "rinex3")
        structure = make_structure(repository, repository.head(), "staging", change)
        publication = _publication(structure, templates, _forks(structure, receivers, days))
        forget_peak()
        steps = {"merge": 0.0, "_write_epochs": 0.0, "append_files": 0.0}
        with _watched(steps):
            started = time.perf_counter()
            publish(repository, "main", publication)
            seconds = time.perf_counter() - started
    return {
        "partitions": len(publication.forks),
        "seconds": seconds,
        "merge": steps["merge"],
        "epochs": steps["_write_epochs"],
        "ledger": steps["append_files"],
        "commit": seconds - sum(steps.values()),
        "peak": peak_bytes(),
    }


@contextmanager
def _watched(steps: dict[str, float]) -> Iterator[None]:
    """Add up the seconds that the named functions of `store.publish` take."""

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object, **options: object) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                steps[name] += time.perf_counter() - started

        return call

    replaced = {name: timed(name, getattr(publishing, name)) for name in steps}
    with patch.multiple(publishing, **replaced):
        yield


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


def _forks(structure: Structure, receivers: list[str], days: int) -> list[bytes]:
    """A fork per partition, as a worker would have sent it back."""
    loop = asyncio.new_event_loop()
    try:
        return [
            loop.run_until_complete(_fork(structure, receiver, day)) for receiver in receivers for day in range(days)
        ]
    finally:
        loop.close()


async def _fork(structure: Structure, receiver: str, unit: int) -> bytes:
    fork = fork_of(structure.work_fork)
    store, chunk = fork.store, cpu.Buffer.from_bytes(_CHUNK)
    await asyncio.gather(*(store.set(f"{receiver}/{spec.name}/c/{unit}/0", chunk) for spec in VARIABLES))
    return fork_bytes(fork)


def _publication(structure: Structure, templates: list[GroupTemplate], forks: list[bytes]) -> Publication:
    days = templates[0].grid.units
    return Publication(
        run="20250101T000000-abcdef",
        structure=structure,
        source_format="rinex3",
        forks=forks,
        groups={template.receiver: _change(template, days) for template in templates},
        planned=union(unit_chunks(template, range(days)) for template in templates),
        provenance=Provenance(
            "20250101T000000-abcdef", "benchmark", "2025-01-01T00:00:00", structure.base, "benchmark"
        ),
        metadata={"partitions": len(forks)},
    )


def _change(template: GroupTemplate, days: int) -> GroupChange:
    outcomes = [_outcome(template.receiver, day) for day in range(days)]
    source = np.full(_EPOCHS, -2, np.int32)
    flag, clock, offset = np.zeros(_EPOCHS, np.int8), np.full(_EPOCHS, np.nan), np.zeros(_EPOCHS)
    rows = [
        SourcedRows(EpochRows(day * _EPOCHS, source, flag, clock, offset), (outcome.file.uri,))
        for day, outcome in enumerate(outcomes)
    ]
    return GroupChange(template, None, rows, outcomes, {})


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
    print(json.dumps(main(int(sys.argv[1]) if sys.argv[1:] else _PARTITIONS)))
