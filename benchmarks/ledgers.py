"""A repository of many receivers with long ledgers and no observations: what a plan is compared with."""

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import zarr

from benchmarks.files import SIMULATED
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.template import LAYOUT_VERSION, NON_INDEX_COORDINATES, GroupTemplate, shard_width, signal_axis
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Span, Status, Tally, rank
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.layout.file_rows import FILE_COLUMNS
from gnssice_batch.store.layout.ledger import TABLE_COLUMNS
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files
from gnssice_batch.store.writing.structure import StructureChange, make_structure
from tests.support.object_stores.listing_stub import receiver

SITE = "network"
RECEIVERS = 500
FILES = 1_000_000
"""Rows of the ledgers, and files of the archive that is planned."""

_UNIT = 34_560
_UNITS = 24
"""Enough for the files of the ledger and those of the archive: no axis has to grow, which is measured elsewhere."""
_INTERVAL_S = 5
_PERIOD_NS = 900 * SECOND_NS
_START_NS = 7_644 * DAY_NS
"""Just before the first file of the archive that is planned."""
_SIGNALS = {"G": ("L1|C", "L5|Q"), "E": ("E1|C", "E5a|Q")}
SIDS = tuple(f"{each}{sv:02d}|{signal}" for each in _SIGNALS for sv in range(1, 31) for signal in _SIGNALS[each])


def ledgers() -> Path:
    """The repository on the local disk; made once, which takes minutes."""
    made_of = (RECEIVERS, FILES, _START_NS, _UNITS, LAYOUT_VERSION, FILE_COLUMNS, TABLE_COLUMNS)
    folder = SIMULATED / f"ledgers-{sha256(repr(made_of).encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _build(unfinished)
        unfinished.rename(folder)
    return folder


def _build(folder: Path) -> None:
    repository = open_repository(str(folder))
    templates = [template_of(receiver(number)) for number in range(RECEIVERS)]
    structure = make_structure(repository, repository.head(), "staging", StructureChange(templates, "rinex3"))
    handle = repository.handle
    handle.reset_branch("main", handle.lookup_branch(structure.branch))
    handle.delete_branch(structure.branch)
    session = handle.writable_session("main")
    provenance = Provenance("20250101T000000-abcdef", "benchmark", "2025-01-01T00:00:00", "benchmark")
    for template in templates:
        group = zarr.open_group(session.store, path=template.receiver, mode="r+")
        grid = template.grid
        group.update_attributes(coverage_attributes(Span(grid.time_ns(0), grid.time_ns(grid.size - 1))))
        append_files(group, [outcome(template.receiver, row) for row in range(FILES // RECEIVERS)], provenance, {})
    session.commit("ledgers")


def template_of(name: str, units: int = _UNITS) -> GroupTemplate:
    """A receiver's, with an axis of so many write units of two days."""
    grid = empty_grid(_INTERVAL_S * SECOND_NS, 0, _UNIT, _START_NS)
    return GroupTemplate(
        receiver=name,
        grid=replace(grid, size=units * grid.unit),
        axis=signal_axis(SIDS),
        shard_sids=shard_width(len(SIDS)),
        profile="default",
        algorithm="zstd",
        level=5,
        channels={},
        attributes={"coordinates": " ".join(NON_INDEX_COORDINATES)},
    )


def outcome(name: str, row: int) -> FileOutcome:
    """A file of a quarter of an hour that was taken before, under a name that the archive does not have any more."""
    first = _START_NS + row * _PERIOD_NS
    uri = f"{name}/old/scal{row:06d}.crx.gz"
    sha256 = f"{row:064x}"
    facts = FileFacts(
        sha256, "3.04", "SCAL", "SEPT POLARX5", "SEPCHOKE_B3E6   SPKE", "GPS", float(_INTERVAL_S),
        Span(first, first + _PERIOD_NS - _INTERVAL_S * SECOND_NS), rank(120, "3.04", 180, sha256), 180, 20_000, 6_000,
    )  # fmt: skip
    file = SourceFile(uri, name, 140_000, f"{row}.0", first, first + _PERIOD_NS)
    return FileOutcome(file, Status.OK, facts, None, Tally(180, 20_000), {}, (f"{name}.{row:05d}",))
