"""Compiles every kernel that the tests use, in two processes: `python -m tests.support.kernels` before they start."""

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

CRINEX = b"CRINEX"


def warm_text() -> None:
    """Compile what reads RINEX as text, what lays it out, and what writes it."""
    from gnssice_batch.exports.warming import warm_export
    from gnssice_batch.ingest.warming import _read
    from gnssice_batch.rinex.small_files import small_files

    for content in small_files():
        if CRINEX not in content[:80]:
            _read(content)
    warm_export()


def warm_crinex() -> None:
    """Compile the simulation and what reads CRINEX; by then what lays it out has been compiled beside."""
    from gnssice_batch.ingest.warming import _read
    from gnssice_batch.rinex.small_files import small_files
    from gnssice_batch.simulate import SimulationPlan, network, simulate

    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder), SimulationPlan(network(2), days=1 / 24, interval_s=30))
    for content in small_files():
        if CRINEX in content[:80]:
            _read(content)


def main() -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        for half in [processes.submit(warm_text), processes.submit(warm_crinex)]:
            half.result()


if __name__ == "__main__":
    main()
