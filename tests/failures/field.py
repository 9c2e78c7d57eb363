"""What the failure tests are run on: a small simulated archive of two receivers, and what its store has to hold."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnssice_batch.config import Settings
from gnssice_batch.simulate import SimulationPlan, network, simulate
from gnssice_batch.simulate.damage import damage
from tests.support.runs import Stored, assert_same, check_ledger, ledger, stored

RECEIVERS = ("canopy_01", "reference_01")
VARYING = {"run", "read_at"}
"""Columns of the ledger that differ from run to run."""


def make_archive(target, days=0.5):
    """Half a day of hourly files, two of them damaged, one twice, one overlapped by a longer file with more signals."""
    plan = {"receivers": network(2), "interval_s": 30, "packing": "rnx.gz", "outage_fraction": 0, "days": days}
    files = simulate(target, SimulationPlan(period_s=3600, systems="GR", **plan))
    damage(files, 2)
    files[4].with_name("again.rnx.gz").write_bytes(files[4].read_bytes())
    longer = simulate(target.parent / "longer", SimulationPlan(period_s=10800, systems="GRE", **plan))
    for path in longer[1 :: len(longer) // 2]:
        (target / path.parent.relative_to(target.parent / "longer") / path.name).write_bytes(path.read_bytes())
    return target


def write_settings(folder, archive, /, **sections):
    """Write the settings of a run with a folder of its own (archive linked into it), and return their file."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "archive"
    if not link.exists():
        link.symlink_to(archive.resolve(), target_is_directory=True)
    chosen = {
        "site": "site",
        "archive": {"url": str(link), "layout": "{receiver}/**"},
        "store": {"url": str(folder / "stores")},
        "chunks": {"epoch": 240},
        "grid": {"interval_s": 30, "phase_s": 0},
        "run": {"sample_files": 3, "partition_units": 1, "max_refused_fraction": 1, **sections.pop("run", {})},
        "log": {"progress": False},
    }
    chosen["archive"] |= sections.pop("archive", {})
    path = folder / f"{sections.pop('name', 'config')}.yaml"
    path.write_text(json.dumps(chosen | sections))
    return path


def settings_of(path):
    """Return what a file of settings says."""
    return Settings.model_validate(json.loads(path.read_text()))


def journals(settings):
    """Files below the journals of a store, relative to them."""
    folder = Path(f"{settings.store.url}/{settings.site}/rinex.runs")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def journaled(settings):
    """Keys of the finished partitions that some journal holds."""
    folder, stands = Path(f"{settings.store.url}/{settings.site}/rinex.runs"), {}
    for path in sorted(folder.glob("*/partitions/*")):
        lines = path.read_bytes().split(b"\n") if path.suffix != ".unfinished" else ()
        found = [json.loads(line) for line in lines if line.startswith(b'{"key"')]
        stands |= {each["key"]: each["done"] is not None for each in found}
    return {key for key, finished in stands.items() if finished}


@dataclass
class ReceiverStatus:
    """What two stores are compared by: the data by label, the ledger by file."""

    data: Stored
    ledger: dict[str, dict[str, object]]
    """File to its last row."""
    rows: int

    @staticmethod
    def of(settings, group):
        """Read it, and hold that it accounts for every observation."""
        check_ledger(settings, group)
        columns = {name: cells.tolist() for name, cells in ledger(settings, group).items() if name not in VARYING}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return ReceiverStatus(stored(settings, group), {row["uri"]: row for row in rows}, len(rows))


def assert_equal(one, other, *, ledger_too=True):
    """Hold that two stores say the same; where a refused file was met, in the survey or later, may differ."""
    assert_same(one.data, other.data)
    assert one.ledger.keys() == other.ledger.keys()
    if not ledger_too:
        return
    assert one.rows == other.rows
    for uri, row in one.ledger.items():
        surveyed = {"partitions"} if row["status"] == "rejected" else set()
        for name, cell in row.items():
            if name in surveyed:
                continue
            np.testing.assert_equal(cell, other.ledger[uri][name], f"{uri} {name}")
