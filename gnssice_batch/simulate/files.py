"""The simulated archive on disk: a folder per receiver, per day, RINEX 3 long names, compressed as wanted."""

import gzip
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import hatanaka
import numpy as np

from gnssice_batch.errors import ConfigError
from gnssice_batch.simulate.observables import Observations, receiver_on, truth
from gnssice_batch.simulate.plan import DAY_NS, SECOND_NS, SimulatedReceiver, SimulationPlan
from gnssice_batch.simulate.text import body, header, moment

_BLOCK: Final = 1024
"""Epochs simulated at a time: bounds the memory, whatever the length of a file."""
_GZIP_LEVEL: Final = 6


def simulate(target: Path, plan: SimulationPlan, written: Callable[[Path], None] | None = None) -> list[Path]:
    """Write the archive of a plan; the same plan writes the same bytes.

    Parameters
    ----------
    target
        Folder to write to; made if need be.
    plan
        What to write.
    written
        Called with each file's path when it stands, from any thread.

    Returns
    -------
    list of Path
        The files, by receiver and time.

    Raises
    ------
    ConfigError
        When a file can't be written.
    """

    def write(work: tuple[SimulatedReceiver, int]) -> Path:
        receiver, start_ns = work
        path = target / file_path(plan, receiver, start_ns)
        content = _packed(plan, _text(plan, receiver, start_ns))
        with faults_as_config_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if written is not None:
            written(path)
        return path

    with faults_as_config_errors(target):
        target.mkdir(parents=True, exist_ok=True)
    threads = ThreadPoolExecutor(os.cpu_count())
    try:
        return list(threads.map(write, _files(plan)))
    finally:
        threads.shutdown(cancel_futures=True)


@contextmanager
def faults_as_config_errors(path: Path) -> Iterator[None]:
    """Say in a sentence that a file or folder can't be written.

    Raises
    ------
    ConfigError
        With the reason.
    """
    try:
        yield
    except OSError as error:
        message = f"{path} can't be written: {error.strerror or error}"
        raise ConfigError(message) from error


def file_path(plan: SimulationPlan, receiver: SimulatedReceiver, start_ns: int) -> Path:
    """Return the path, below the archive, of the file that begins at a GPS time in ns since 1980-01-06."""
    start = moment(start_ns)
    period = _period(plan.period_ns // SECOND_NS)
    name = f"{receiver.station}00SIM_R_{start:%Y%j%H%M}_{period}_{_sampling(plan.interval_ns)}_MO.{plan.packing}"
    return Path(receiver.name, f"{start:%y%j}", name)


def _period(seconds: int) -> str:
    for unit, length in (("D", 86400), ("H", 3600)):
        if seconds % length == 0:
            return f"{seconds // length:02d}{unit}"
    return f"{seconds // 60:02d}M"


def _sampling(interval_ns: int) -> str:
    if interval_ns < SECOND_NS:
        return f"{SECOND_NS // interval_ns:02d}Z"
    seconds = interval_ns // SECOND_NS
    return f"{seconds // 60:02d}M" if seconds % 60 == 0 else f"{seconds:02d}S"


def _files(plan: SimulationPlan) -> Iterator[tuple[SimulatedReceiver, int]]:
    """Yield receiver and start of each file that holds at least one epoch."""
    for receiver in plan.receivers:
        for day_ns in range(plan.start_ns, plan.end_ns, max(DAY_NS, plan.period_ns)):
            end_ns = min(day_ns + max(DAY_NS, plan.period_ns), plan.end_ns)
            time_ns = np.arange(day_ns, end_ns, plan.interval_ns, dtype=np.int64)
            on_ns = time_ns[receiver_on(plan, receiver, time_ns)]
            for number in np.unique((on_ns - plan.start_ns) // plan.period_ns):
                yield receiver, plan.start_ns + int(number) * plan.period_ns


def _text(plan: SimulationPlan, receiver: SimulatedReceiver, start_ns: int) -> bytes:
    parts = []
    first_ns = None
    for observations in _blocks(plan, receiver, start_ns):
        if first_ns is None and len(observations.time_ns):
            first_ns = int(observations.time_ns[0])
        parts.append(body(observations))
    return header(plan, receiver, start_ns if first_ns is None else first_ns).encode() + b"".join(parts)


def _blocks(plan: SimulationPlan, receiver: SimulatedReceiver, start_ns: int) -> Iterator[Observations]:
    end_ns = min(start_ns + plan.period_ns, plan.end_ns)
    for block_ns in range(start_ns, end_ns, _BLOCK * plan.interval_ns):
        yield truth(plan, receiver, block_ns, min(block_ns + _BLOCK * plan.interval_ns, end_ns))


def _packed(plan: SimulationPlan, text: bytes) -> bytes:
    if plan.packing.startswith("crx"):
        text = hatanaka.rnx2crx(text)
    return gzip.compress(text, _GZIP_LEVEL, mtime=0) if plan.packing.endswith(".gz") else text
