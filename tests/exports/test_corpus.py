"""Every real file exported: the export says what the file says, and ingested again it is the same store."""

from collections import Counter

import pytest

from gnssice_batch.config import Settings
from gnssice_batch.errors import ReadError
from gnssice_batch.exports.values import Why, choice_of
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.export import export_receiver
from gnssice_batch.operate.status import existing_repository
from gnssice_batch.rinex import read
from gnssice_batch.store.reading.cells import cells_of_snapshot
from gnssice_batch.store.reading.contents import stored_receivers
from tests.support.exported import Compared, compare_cells, compare_stores, compare_values
from tests.support.runs import head, repository

pytestmark = [pytest.mark.corpus, pytest.mark.long]

FOLDERS = ("rinex", "rosalia", "faults")
PASSED_OVER = {".txt", ".csv", ".md", ".json", ".nc"}
LOOSE = {"max_refused_fraction": 1, "max_lost_fraction": 1, "max_partial_fraction": 1}
NO_INTERVAL_S = 1
"""Of the grid where a file does not tell its own: it has one epoch, or too few."""
WITHHELD = {Why.TIME_BELOW_100NS: 2}
"""Samples of RINEX 4.02, whose epochs have picoseconds."""


def archive_of(shared_data, folder):
    """An archive in which every readable file is a receiver of its own; the number of others by reason."""
    refused, names = Counter(), []
    for path in sorted(path for part in FOLDERS for path in (shared_data / part).rglob("*")):
        if not path.is_file() or path.suffix in PASSED_OVER:
            continue
        try:
            read(path.read_bytes())
        except ReadError as error:
            refused[str(error.reason)] += 1
            continue
        names.append(f"f{len(names):04d}")
        (folder / names[-1]).mkdir(parents=True)
        (folder / names[-1] / path.name).symlink_to(path)
    return names, refused


def ingested(folder, archive, grids):
    """A store of an archive, its receivers on given grids."""
    receivers = {name: {"grid": grid, "include": [f"{name}/**"]} for name, grid in grids.items()}
    where = {"url": str(archive), "layout": "{receiver}/**", "receivers": receivers}
    sections = {"archive": where, "store": {"url": str(folder / "stores")}, "run": LOOSE}
    chosen = Settings.model_validate({"site": "site", **sections})
    return chosen, run(chosen)


def grid_of(stored):
    grid = stored.template.grid
    return {"interval_s": grid.interval_ns / 1e9, "phase_s": grid.phase_ns / 1e9}


def stores_of(shared_data, tmp_path):
    names, refused = archive_of(shared_data, tmp_path / "archive")
    chosen, _ = ingested(tmp_path / "first", tmp_path / "archive", {})
    there = stored_receivers(existing_repository(target_of(chosen)))
    without = {name: {"interval_s": NO_INTERVAL_S, "phase_s": 0} for name in names if name not in there}
    if without:
        chosen, _ = ingested(tmp_path / "first", tmp_path / "archive", without)
    return names, refused, without, chosen


def test_round_trip_of_every_file(shared_data, tmp_path, capsys):
    names, refused, without, chosen = stores_of(shared_data, tmp_path)
    found, withheld, notes, exported = Compared(), Counter(), Counter(), {}
    choice = choice_of("rinex3", "crx.gz", "all", None, None, overwrite=False)
    for name in stored_receivers(existing_repository(target_of(chosen))):
        report = export_receiver(target_of(chosen), name, tmp_path / "second" / name, choice)
        withheld.update(one.why for one in report.withheld)
        for file in report.files:
            exported[name] = file
            notes.update(file.notes)
            (original,) = (tmp_path / "archive" / name).iterdir()
            parts = read(original.read_bytes()).parts, read(file.path.read_bytes()).parts
            compare_cells(*parts, found)
            compare_values(*parts, found)
    of_files = f"{found.epochs:,} epochs, {found.values:,} values, {found.cells:,} cells"
    stored = {name: cells_of_snapshot(str(repository(chosen)), head(chosen), name) for name in exported}
    other, _ = ingested(tmp_path / "third", tmp_path / "second", {name: grid_of(one) for name, one in stored.items()})
    again = Compared()
    for name, one in stored.items():
        compare_stores(one, cells_of_snapshot(str(repository(other)), head(other), name), again)
    with capsys.disabled():
        print(f"\n{len(names)} readable files, others {dict(refused)}; without an interval {len(without)}")
        print(f"{len(exported)} exported as CRINEX, withheld {dict(withheld)}, notes {dict(notes)}")
        print(f"against the files: {of_files}; explained {dict(found.explained)}")
        print(f"against the second store: {again.epochs:,} epochs, {again.cells:,} cells")
    assert found.unexplained == []
    assert again.unexplained == []
    assert withheld == WITHHELD
