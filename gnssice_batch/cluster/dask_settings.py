"""What Dask is told wherever the scheduler or a worker is ours."""

from typing import Any, Final

_SETTINGS: Final[dict[str, Any]] = {
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.allowed-failures": 1,
}
"""Tasks wait with the scheduler, so that none is stolen from the worker that has kept what it reads. One whose workers
died twice is tried alone."""

_ALLOCATION: Final = {
    "MALLOC_TRIM_THRESHOLD_": 64 << 20,
    "MALLOC_MMAP_THRESHOLD_": 8 << 20,
    "MALLOC_ARENA_MAX": 2,
}
"""Memory in which a partition's blocks were is kept for the next one's: glibc, as Dask sets it, gives every array back
that is freed, and a worker spends a third of its time on having its pages made anew."""

SETTINGS: Final[dict[str, Any]] = _SETTINGS | {
    f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in _ALLOCATION.items()
}
"""For processes that start workers, or are their scheduler."""


def as_environment() -> dict[str, str]:
    """The settings as variables, for a scheduler or a worker in a pod of its own."""
    dask = {f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": value for name, value in _SETTINGS.items()}
    return {name: str(value) for name, value in (dask | _ALLOCATION).items()}
