"""What Dask is told wherever the scheduler or a worker is ours."""

from typing import Any, Final

SETTINGS: Final[dict[str, Any]] = {
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.allowed-failures": 1,
}
"""Tasks wait with the scheduler, so that none is stolen from the worker that has kept what it reads. One whose workers
died twice is tried alone."""


def as_environment() -> dict[str, str]:
    """The settings as variables, for a scheduler in a pod of its own."""
    return {f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": str(value) for name, value in SETTINGS.items()}
