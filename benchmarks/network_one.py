"""One new file of 15 minutes into a write unit of 12 days that is full: what its partition costs."""

import json
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from benchmarks.files import simulated
from benchmarks.timing import forget_peak, in_child, peak_bytes, resident_bytes
from gnssice_batch.config import Settings
from gnssice_batch.ingest import partition
from gnssice_batch.job import rounds
from gnssice_batch.job.run import run
from gnssice_batch.simulate import SimulationPlan, network

_DAYS = 12
_MOST = 0.9
"""Of the files are there before: all signals have been seen."""


def main() -> dict[str, float]:
    """Fill a unit but for its last files, and add one of these in a process that has done nothing else."""
    with TemporaryDirectory() as folder:
        in_child("network_one", folder, "fill")
        return in_child("network_one", folder, "add")


def fill(folder: Path) -> dict[str, float]:
    """Take all files of the unit but the last."""
    files = _files()
    _add(folder, files[: _there(files)])
    return {"files": run(_settings(folder)).partitions}


def add(folder: Path) -> dict[str, float]:
    """Take one file, so that all code is loaded, then another one that is measured."""
    files, libraries = _files(), resident_bytes()
    next_files = files[_there(files) :]
    _add(folder, next_files[:1])
    run(_settings(folder))
    forget_peak()
    _add(folder, next_files[1:2])
    return {**_measured(_settings(folder)), "peak": peak_bytes() - libraries}


def _files() -> list[Path]:
    plan = SimulationPlan(network(2)[1:], days=_DAYS, outage_fraction=0.0)
    return sorted(simulated(plan).rglob("*.crx.gz"))


def _there(files: list[Path]) -> int:
    return round(len(files) * _MOST)


def _measured(settings: Settings) -> dict[str, float]:
    """Processor time of the partition, and of reading in it."""
    found = {"ingest_partition": 0.0, "read_file": 0.0}

    def timed(name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            started = time.process_time()
            result = function(*arguments)
            found[name] += time.process_time() - started
            return result

        return call

    with (
        patch.object(rounds, "ingest_partition", timed("ingest_partition", rounds.ingest_partition)),
        patch.object(partition, "read_file", timed("read_file", partition.read_file)),
    ):
        report = run(settings)
    return {"beyond": found["ingest_partition"] - found["read_file"], "run": report.seconds}


def _add(folder: Path, files: list[Path]) -> None:
    archive = folder / "archive" / "rec"
    archive.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copy2(path, archive / path.name)


def _settings(folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "site": "one",
            "archive": {"url": str(folder / "archive"), "layout": "{receiver}/**"},
            "store": {"url": str(folder / "stores")},
            "log": {"level": "error", "progress": False},
        }
    )


if __name__ == "__main__":
    print(json.dumps({"fill": fill, "add": add}[sys.argv[2]](Path(sys.argv[1])) if sys.argv[1:] else main()))
