"""A repository of many receivers with long ledgers and no observations: what a plan is compared with."""

from dataclasses import replace

import zarr

from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.template import NON_INDEX_COORDINATES, GroupTemplate, shard_width, signal_axis
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Span, Status, Tally, rank
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files
from gnssice_batch.store.writing.structure import StructureChange, make_structure
from tests.support.object_stores.listing_stub import receiver

SITE = "network"
RECEIVERS = 500
FILES = 1_000_000
"""Rows of the ledgers, and files of the archive that is planned."""

_UNIT = 34_560
_INTERVAL_S = 5
_PERIOD_NS = 900 * SECOND_NS
_START_NS = 7_000 * DAY_NS
_SIDS = tuple(f"{system}{sv:02d}|{signal}" for system in "GE" for sv in range(1, 31) for signal in ("L1|C", "L5|Q"))


def build(folder: str) -> None:
    """Make the repository at a local path."""
    repository = open_repository(folder)
    templates = [_template(receiver(number)) for number in range(RECEIVERS)]
    structure = make_structure(repository, repository.head(), "staging", StructureChange(templates, "rinex3"))
    handle = repository.handle
    handle.reset_branch("main", handle.lookup_branch(structure.branch))
    handle.delete_branch(structure.branch)
    session = handle.writable_session("main")
    provenance = Provenance("20250101T000000-abcdef", "benchmark", "2025-01-01T00:00:00", structure.base, "benchmark")
    for template in templates:
        group = zarr.open_group(session.store, path=template.receiver, mode="r+")
        append_files(group, [_outcome(template.receiver, row) for row in range(FILES // RECEIVERS)], provenance, {})
    session.commit("ledgers")


def _template(name: str) -> GroupTemplate:
    grid = empty_grid(_INTERVAL_S * SECOND_NS, 0, _UNIT, _START_NS)
    return GroupTemplate(
        receiver=name,
        grid=replace(grid, size=grid.unit),
        axis=signal_axis(_SIDS),
        shard_sids=shard_width(len(_SIDS)),
        profile="default",
        algorithm="zstd",
        level=5,
        channels={},
        attributes={"coordinates": " ".join(NON_INDEX_COORDINATES)},
    )


def _outcome(name: str, row: int) -> FileOutcome:
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
