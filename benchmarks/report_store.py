"""A repository of ten years of many receivers: ledgers, coordinates, observations where they are read.

Of the observations only those read units are stored that a report looks at, with the values of a real day; the rest of
them would be terabytes. One day in ten is ragged, so that the ledger does not say which epochs it holds, one in thirty
is missing, some files are rejected or partial, and equipment changes every third year.
"""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import zarr
from zarr.core.buffer import cpu

from benchmarks.files import AJAC, SIMULATED, observation_files
from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, Grid, empty_grid
from gnssice_batch.model.template import (
    LAYOUT_VERSION,
    NON_INDEX_COORDINATES,
    GroupTemplate,
    shard_width,
    signal_axis,
)
from gnssice_batch.model.values import (
    FileFacts,
    FileOutcome,
    HeaderFacts,
    Refusal,
    SourceFile,
    Span,
    Status,
    Tally,
    rank,
)
from gnssice_batch.reporting.samples import BUDGET_BYTES, reads
from gnssice_batch.rinex import Dense, dense, read
from gnssice_batch.store.layout.chunk_codecs import ChunkCodec, codec_of
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.layout.documents import documents
from gnssice_batch.store.layout.file_rows import FILE_COLUMNS
from gnssice_batch.store.layout.shards import shard_of
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files
from gnssice_batch.store.writing.structure import StructureChange, make_structure

RECEIVERS = 20
DAYS = 3_652
INTERVAL_S = 5

_UNIT = 17_280
"""Epochs of a day, which is a write unit and a read unit."""
_START_NS = 12_784 * DAY_NS
_VALUES = ("SNR", "Pseudorange", "Phase")
_RAGGED, _MISSING, _REJECTED = 10, 30, 97
"""One day in so many."""
_DATED = (
    HeaderFacts("SCAL", receiver_type="SEPT POLARX4", receiver_number="3001", antenna_type="SEPCHOKE_MC     NONE"),
    HeaderFacts("SCAL", receiver_type="SEPT POLARX5", receiver_number="4711", antenna_type="SEPCHOKE_MC     NONE"),
    HeaderFacts("SCAL", receiver_type="SEPT POLARX5", receiver_number="4711", antenna_type="SEPCHOKE_B3E6   SPKE"),
    HeaderFacts("SCAL", receiver_type="SEPT POLARX5TR", receiver_number="99", antenna_type="SEPCHOKE_B3E6   SPKE"),
)


def repository() -> Path:
    """The repository on the local disk; made once, which takes minutes and 2 GB."""
    made_of = (RECEIVERS, DAYS, INTERVAL_S, BUDGET_BYTES, LAYOUT_VERSION, FILE_COLUMNS, _RAGGED, _MISSING, _REJECTED)
    folder = SIMULATED / f"report-{sha256(repr(made_of).encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _build(unfinished)
        unfinished.rename(folder)
    return folder


def _build(folder: Path) -> None:
    day = dense(read(observation_files(AJAC)[0].read_bytes()).parts[0])
    templates = [_template(f"receiver_{number:02d}", day) for number in range(1, RECEIVERS + 1)]
    made = open_repository(str(folder))
    structure = make_structure(made, made.head(), "staging", StructureChange(templates, "rinex3"))
    handle = made.handle
    handle.reset_branch("main", handle.lookup_branch(structure.branch))
    handle.delete_branch(structure.branch)
    provenance = Provenance("20250101T000000-abcdef", "benchmark", "2025-01-01T00:00:00", "benchmark")
    for number, template in enumerate(templates):
        session = handle.writable_session("main")
        group = zarr.open_group(session.store, path=template.receiver, mode="r+")
        grid = template.grid
        group.update_attributes(coverage_attributes(Span(grid.time_ns(0), grid.time_ns(grid.size - 1))))
        append_files(group, list(_outcomes(template, number)), provenance, {})
        asyncio.run(_put(group, dict(_chunks(group, template, day, number))))
        session.commit(f"{template.receiver}: ten years")


def _template(name: str, day: Dense) -> GroupTemplate:
    grid = empty_grid(INTERVAL_S * SECOND_NS, 0, _UNIT, _START_NS)
    return GroupTemplate(
        receiver=name,
        grid=replace(grid, size=DAYS * grid.unit),
        axis=signal_axis(day.sids),
        shard_sids=shard_width(len(day.sids)),
        profile="default",
        algorithm="zstd",
        level=5,
        channels={},
        attributes={"coordinates": " ".join(NON_INDEX_COORDINATES), "Marker Name": "SCAL"},
    )


def held(number: int, day: int) -> np.ndarray:
    """(E,) which epochs a receiver has of a day."""
    epochs = np.ones(_UNIT, bool)
    if 0 < day < DAYS - 1:
        if (day + number) % _MISSING == 0:
            epochs[:] = False
        elif (day + number) % _RAGGED == 0:
            epochs[720 * (day % 24) : 720 * (day % 24) + 37 * (1 + day % 40)] = False
    return epochs


def _outcomes(template: GroupTemplate, number: int) -> Iterator[FileOutcome]:
    for day in range(DAYS):
        epochs = int(held(number, day).sum())
        if epochs or (day + number) % _REJECTED == 0:
            yield _outcome(template.receiver, template.grid, day, epochs)


def _outcome(name: str, grid: Grid, day: int, epochs: int) -> FileOutcome:
    first, digest = grid.time_ns(day * _UNIT), f"{day:064x}"
    span = Span(first, first + DAY_NS - grid.interval_ns)
    file = SourceFile(f"{name}/SCAL00XXX_R_{day:011d}_01D_05S_MO.crx.gz", name, 9_000_000, f"{day}.0", first)
    if not epochs:
        return FileOutcome(file, Status.REJECTED, FileFacts(), Refusal(Reason.NOT_RINEX, "no RINEX VERSION / TYPE"))
    header = _DATED[day * len(_DATED) // DAYS]
    facts = FileFacts(
        digest, "3.04", "SCAL", header.receiver_type, header.antenna_type, "GPS", float(INTERVAL_S), span,
        rank(60, "3.04", epochs, digest), epochs, 100 * epochs, 60_000, header=header,
    )  # fmt: skip
    status = Status.OK if epochs == _UNIT else Status.PARTIAL
    refusal = None if epochs == _UNIT else Refusal(Reason.TRUNCATED, line=4_711)
    facts = facts if epochs == _UNIT else replace(facts, skipped={Reason.TRUNCATED: 1})
    return FileOutcome(file, status, facts, refusal, Tally(epochs, 100 * epochs), {}, (f"{name}.{day:05d}",))


def _chunks(group: zarr.Group, template: GroupTemplate, day: Dense, number: int) -> Iterator[tuple[str, bytes]]:
    """Chunks by their key: coordinates of every day, observations of those that are looked at."""
    codecs = {name: codec_of(document) for name, document in documents(group, [*_VALUES, *_ALONG]).items()}
    row = 0
    for unit in range(DAYS):
        epochs = held(number, unit)
        for name, cells in (("source_file", np.where(epochs, row, -1)), ("epoch_flag", np.where(epochs, 0, -1))):
            yield from _kept(f"{name}/c/{unit}", codecs[name].encode(cells.astype(codecs[name].dtype)))
        row += bool(epochs.any()) or (unit + number) % _REJECTED == 0
    there = np.array([unit for unit in range(DAYS) if held(number, unit).any()])
    wanted = there[np.linspace(0, there.size - 1, reads(template, BUDGET_BYTES // RECEIVERS)).round().astype(int)]
    for name in _VALUES:
        shard = _shard(codecs[name], np.resize(getattr(day, name.lower()), (_UNIT, len(day.sids))))
        for unit in wanted.tolist() if name == "SNR" else [int(wanted[wanted.size // 2])]:
            yield from _kept(f"{name}/c/{unit}/0", shard)


_ALONG = ("source_file", "epoch_flag")


def _kept(key: str, chunk: bytes | None) -> Iterator[tuple[str, bytes]]:
    if chunk is not None:
        yield key, chunk


def _shard(codec: ChunkCodec, cells: np.ndarray) -> bytes | None:
    width = codec.shape[1]
    padded = np.full((_UNIT, codec.shard[1]), codec.fill, codec.dtype)
    padded[:, : cells.shape[1]] = cells
    return shard_of([codec.encode(padded[:, at : at + width]) for at in range(0, codec.shard[1], width)])


async def _put(group: zarr.Group, chunks: dict[str, bytes]) -> None:
    put = (group.store.set(f"{group.path}/{key}", cpu.Buffer.from_bytes(chunk)) for key, chunk in chunks.items())
    await asyncio.gather(*put)
