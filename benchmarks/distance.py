"""Servers, a proxy that adds latency before them, and measured jobs, each kept on cores of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import Figure
from tests.support.object_stores.proxy import Proxy
from tests.support.object_stores.servers import missing, running
from tests.support.object_stores.stores import SERVER, ObjectStore, filesystem, fresh

LATENCY_S = 0.05
MOST_S = 600.0
"""A job that takes longer is ended, and its figures are not met."""

_ROOT = Path(__file__).resolve().parent.parent


class JobError(Exception):
    """A job has failed; the last thing that it said."""


@dataclass(frozen=True, slots=True)
class Distance:
    """A server with a proxy before it."""

    kind: str
    address: str
    proxy: Proxy

    def place(self) -> ObjectStore:
        """A fresh place on the server itself, to make ready what is measured."""
        place: ObjectStore = fresh(self.kind, Path(), self.address)
        return place

    def away(self, place: ObjectStore) -> ObjectStore:
        """The same place by way of the proxy."""
        distant: ObjectStore = place.through(self.proxy.address)
        return distant


@contextmanager
def distance(kind: str) -> Iterator[Distance]:
    """Start a server and a proxy.

    Raises
    ------
    JobError
        When the server can't be had.
    """
    reason = missing(SERVER[kind])
    if reason is not None:
        raise JobError(reason)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        leave_job_core()
        address = stack.enter_context(running(SERVER[kind], folder))
        proxy = stack.enter_context(Proxy(address.rpartition("@")[2], LATENCY_S))
        yield Distance(kind, address, proxy)


@cache
def leave_job_core() -> int:
    """Keep this process, and what it starts, off the one core that jobs are for; return that core."""
    cores = os.sched_getaffinity(0)
    core = max(cores)
    os.sched_setaffinity(0, cores - {core} or cores)
    return core


def job(module: str, *arguments: str, most_s: float = MOST_S, **question: Any) -> dict[str, Any]:
    """Run a module of these benchmarks on the core for jobs and return what its last line says, as JSON.

    Raises
    ------
    JobError
        With the last line that it wrote when it fails, and when it takes too long.
    """
    core = leave_job_core()
    asked = (json.dumps(question),) if question else ()
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments, *asked],
        cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.sched_setaffinity(process.pid, {core})
    try:
        output, said = process.communicate(timeout=most_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        msg = f"no end after {most_s:.0f} s"
        raise JobError(msg) from None
    if process.returncode:
        raise JobError(_reason(said))
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _reason(said: str) -> str:
    """The line of a traceback that names the error."""
    lines = [line for line in said.splitlines() if line and not line[0].isspace() and not line.startswith("Traceback")]
    return lines[-1].replace("|", "/") if lines else "it said nothing"


def failed(error: JobError, bars: Mapping[str, str]) -> Iterator[Figure]:
    """Figures that could not be measured: none of their bars is met."""
    for what, bar in bars.items():
        yield Figure(what, f"failed: {error}", bar, met=False)


def copy(folder: Path, place: ObjectStore) -> None:
    """Copy a folder to a place, many files at a time; a repository of Icechunk is the same files everywhere."""
    files, path = filesystem(place)
    names = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    files.put([str(name) for name in names], [f"{path}/{name.relative_to(folder)}" for name in names], batch_size=32)
