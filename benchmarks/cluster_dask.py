"""The scheduler in the coordinator's process, with the real protocol: what a thousand workers cost it, and a task."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.cluster_run import daily_assignment, ingested
from gnssice_batch import config
from gnssice_batch.cluster.executor import OnDask, Patience, Task
from gnssice_batch.cluster.indexed import connected
from gnssice_batch.model.values import Assignment, PartitionOutcome

_WORKERS = 1_000
_TASKS = 3_000
_IDLE_S = 20.0
_START_S = 900.0
_FORK = bytes(600)
_QUIET_WORKERS = {
    "DASK_LOGGING__DISTRIBUTED": "warning",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "10s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}
"""Workers that look after themselves less often: a thousand share one process. What they send is the same."""


def main(workers: int = _WORKERS, tasks: int = _TASKS) -> dict[str, float]:
    """Let workers come, let them idle, give them tasks; the processor time of this process is what counts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = config.Cluster(kind="indexed", scheduler_port=port, dashboard_port=None)
    with _workers(port, workers), connected(settings) as client:
        client.wait_for_workers(workers, timeout=_START_S)
        idle = time.process_time()
        time.sleep(_IDLE_S)
        idle = (time.process_time() - idle) / _IDLE_S
        calls = (Task(f"task-{number}", do, (daily_assignment(number), _FORK)) for number in range(tasks))
        started, own = time.perf_counter(), time.process_time()
        done = sum(1 for finished in OnDask(client, 2, Patience(30, 900)).run(calls) if finished.error is None)
        seconds, own = time.perf_counter() - started, time.process_time() - own
    return {"workers": workers, "idle": idle, "tasks": done, "seconds": seconds, "cpu": own - idle * seconds}


def do(assignment: Assignment, _fork: bytes) -> PartitionOutcome:
    """What a simulated worker does."""
    return ingested(assignment)


@contextmanager
def _workers(port: int, count: int) -> Iterator[None]:
    """Workers in a process of their own; they wait for the scheduler."""
    command = [sys.executable, "-m", "benchmarks.cluster_workers", f"tcp://127.0.0.1:{port}", str(count)]
    environment = {**os.environ, **_QUIET_WORKERS}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
