"""Real processes to kill: coordinators, and a Dask scheduler with its workers."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil
from distributed import Client

from tests.failures import counting

ROOT = Path(__file__).absolute().parents[2]
DONE_S = 120


def start(module, *arguments, log, environment=None):
    """Start a Python module as a process, its output added to a file."""
    with Path(log).open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )


def coordinator(config, *arguments):
    """Start a coordinator with the settings of a file; its log is beside them."""
    return start("tests.failures.launcher", config, *arguments, log=config.with_suffix(".log"))


def finished(process, patience_s=DONE_S):
    """Wait for a process and return its exit code; one that hangs is a failure, and is ended."""
    try:
        return process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{process.args} was still running after {patience_s} s") from None


class Cluster:
    """A Dask scheduler at a fixed port and two workers, restarted as Kubernetes would restart them."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.scheduler = self.workers = None
        self.over = threading.Event()
        self.keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self):
        self._restore()
        self.keeper.start()
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """End everything, for good."""
        self.over.set()
        self.keeper.join()
        for process in (self.scheduler, self.workers):
            _end(process)

    def _keep(self):
        while not self.over.wait(0.2):
            self._restore()

    def _restore(self):
        """Start whatever is not running any more."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            port = self.address.rpartition(":")[2]
            options = ("--host", "127.0.0.1", "--port", port, "--dashboard-address", "127.0.0.1:0")
            self.scheduler = start("distributed.cli.dask_scheduler", *options, log=self.folder / "scheduler.log")
        if self.workers is None or self.workers.poll() is not None:
            options = ("--nworkers", 2, "--nthreads", 1, "--no-dashboard", "--preload", "tests.failures.counting")
            environment = {counting.WORKERS: str(self.folder / "workers")}
            log = self.folder / "workers.log"
            self.workers = start(
                "distributed.cli.dask_worker", self.address, *options, log=log, environment=environment
            )

    def worker_processes(self):
        """Process ids of the workers that live: those they have noted themselves, and that are still our children's."""
        noted = self.folder / "workers"
        lines = noted.read_text().splitlines() if noted.exists() else []
        with contextlib.suppress(psutil.NoSuchProcess):
            family = {child.pid for child in psutil.Process(self.workers.pid).children(recursive=True)}
            return [pid for line in lines if (pid := int(line.split()[1])) in family and _runs(pid)]
        return []

    def wait_until_idle(self):
        """Wait until neither the scheduler nor a worker has a task left of a coordinator that is gone."""
        with Client(self.address, timeout=DONE_S, set_as_default=False) as client:
            assert wait_until(lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
            of_workers = partial(client.run, lambda dask_worker: len(dask_worker.state.tasks))
            assert wait_until(lambda: not any(of_workers().values()))

    def kill_worker(self, choice):
        """Kill one of the workers; return whether there was one."""
        living = self.worker_processes()
        if living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(living[choice % len(living)], signal.SIGKILL)
        return bool(living)

    def kill_scheduler(self):
        """Kill the scheduler."""
        self.scheduler.kill()
        self.scheduler.wait()


def _runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end(process):
    """End a process and its children."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    process.wait()
    for child in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def wait_until(condition, patience_s=60, step_s=0.02):
    """Wait for a condition; return whether it came true."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(step_s)
    return False
