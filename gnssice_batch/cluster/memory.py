"""The memory of a task, as far as it is known before there are workers."""

from dask.system import CPU_COUNT
from distributed.system import MEMORY_LIMIT
from distributed.worker_memory import parse_memory_limit

from gnssice_batch import config
from gnssice_batch.log import logger

_log = logger(__name__)


def memory_of_a_task(settings: config.Cluster) -> int | None:
    """What a task may use at most; None where only workers know."""
    if settings.kind == "inline":
        return int(MEMORY_LIMIT)
    if settings.kind != "local":
        return None
    threads = settings.threads_per_worker
    limit = parse_memory_limit(settings.memory_limit or "auto", threads, total_cores=CPU_COUNT, logger=_log)
    return int(MEMORY_LIMIT if limit is None else limit) // threads
