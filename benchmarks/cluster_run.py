"""A run over a million files whose partitions simulated workers do: a real coordinator, a stub for its executor.

The stub keeps as many tasks as a thousand workers would have, and finishes them in their order. What a worker would
have done (its outcomes, a fork as long as a real one, the way of both through pickle) is made when a task finishes, and
its time is not the coordinator's. Forks are no real ones, so nothing is merged and published: `scale` measures that.
"""

import json
import pickle
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.timing import peak_bytes
from gnssice_batch import config
from gnssice_batch.archive.listing import listing
from gnssice_batch.cluster.executor import Finished, Task
from gnssice_batch.job.counting import Counts
from gnssice_batch.job.run import run
from gnssice_batch.job.segment_writer import SegmentWriter
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.sharing import shared
from gnssice_batch.model.template import signal_axis
from gnssice_batch.model.values import (
    Assignment,
    EpochRows,
    FileFacts,
    FileOutcome,
    Partition,
    PartitionOutcome,
    SourceFile,
    Span,
    Status,
    Tally,
    rank,
)
from gnssice_batch.planning.survey import FileSurvey
from gnssice_batch.records import dump, encode
from gnssice_batch.storage.entries import Entry, Listed

_FILES = 1_000_000
_RECEIVERS = 100
"""So that a million days of theirs lie in the past: files of the future would all be looked at before the plan."""
_WORKERS = 1_000
_AHEAD = 2
_INTERVAL_S = 30
_INTERVAL_NS = _INTERVAL_S * SECOND_NS
_FILE_EPOCHS = _DAY_EPOCHS = 2880
_VALUES = 400_000
_SIZE_BYTES = 1_400_000
_FILES_OF_UNIT = 12
_FIRST = datetime(1996, 1, 1)  # noqa: DTZ001 - GPS time has no zone
_SIDS = tuple(f"G{sv:02d}|{signal}" for sv in range(1, 33) for signal in ("L1|C", "L2|W"))
_FIRST_NS = (_FIRST - datetime(1980, 1, 6)) // timedelta(seconds=1) * SECOND_NS  # noqa: DTZ001
_FORK = random.Random(0).randbytes(1800)
"""As long as the fork of twelve days, of six variables and two coordinates."""


class Simulated:
    """A thousand workers in the coordinator's thread, whose time is taken down apart from the coordinator's."""

    here = False
    dashboard = None

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0
        self.partitions = self._finished_tasks = 0

    def processes(self) -> int:
        """No matter: nothing is asked of a storage."""
        return 1

    def memory_bytes(self) -> int | None:
        """Nothing limits them."""
        return None

    def run(self, tasks: Iterable[Task[Any]]) -> Iterator[Finished[Any]]:
        """Take tasks as long as there is room, finish the one that has waited longest."""
        waiting, under_way = iter(tasks), deque[Task[Any]]()
        under_way.extend(islice(waiting, _WORKERS * _AHEAD))
        while under_way:
            finished = self._finished(under_way.popleft())
            yield finished
            under_way.extend(islice(waiting, 1))

    def _finished(self, task: Task[Any]) -> Finished[Any]:
        wall, own = time.perf_counter(), time.thread_time()
        subject, *_ = pickle.loads(pickle.dumps(task.arguments))
        if isinstance(subject, Assignment):
            self.partitions += 1
            result: Any = ingested(subject)
        else:
            result = FileSurvey(_outcome(subject, ()), frozenset(_SIDS), _INTERVAL_NS)
        result = pickle.loads(pickle.dumps(result))
        self.seconds += time.perf_counter() - wall
        self.cpu_seconds += time.thread_time() - own
        self._finished_tasks += 1
        return Finished(task.key, result=result, worker=f"tcp://10.0.0.1:{self._finished_tasks % _WORKERS}")


def ingested(assignment: Assignment) -> PartitionOutcome:
    """What a worker gives back that has written every unit of its partition."""
    rows = [_rows(assignment, unit) for unit in assignment.partition.stored_units]
    rows = [each for each in rows if (each.run_sources < -1).any()]
    written = tuple(each.start // assignment.grid.unit for each in rows)
    key = assignment.partition.key
    files = tuple(_outcome(file, (key,)) for file in assignment.files)
    size = sum(file.size_bytes for file in assignment.files)
    outcome = PartitionOutcome(key, _FORK, shared(files), tuple(rows), written, bytes_read=size, seconds=1.0)
    return replace(outcome, document=encode(dump(outcome)))


def daily_assignment(number: int) -> Assignment:
    """A partition of twelve daily files, as the plan makes it."""
    first, grid = number % 1000 * _FILES_OF_UNIT, empty_grid(_INTERVAL_NS, 0, _FILES_OF_UNIT * _FILE_EPOCHS, _FIRST_NS)
    days = range(first, first + _FILES_OF_UNIT)
    starts = [_FIRST_NS + day * DAY_NS for day in days]
    files = tuple(
        SourceFile(f"rec_00/SCAL00XXX_R_{day:011d}_01D_30S_MO.crx.gz", "rec_00", _SIZE_BYTES, str(day), at, at + DAY_NS)
        for day, at in zip(days, starts, strict=True)
    )
    partition = Partition(f"rec_00.{number:07d}", "rec_00", number % 1000, 1)
    spans = tuple(Span(at, at + DAY_NS - _INTERVAL_NS) for at in starts)
    return Assignment(partition, grid, signal_axis(_SIDS), files, spans, tuple(days))


def _rows(assignment: Assignment, unit: int) -> EpochRows:
    grid = assignment.grid
    source = np.full(grid.unit, -1, np.int32)
    for number, file in enumerate(assignment.files):
        first = ((file.start_ns or 0) - grid.origin_ns - grid.phase_ns) // grid.interval_ns - unit * grid.unit
        source[max(first, 0) : max(first + _FILE_EPOCHS, 0)] = -2 - number
    return EpochRows.of(unit * grid.unit, source)


def _outcome(file: SourceFile, partitions: tuple[str, ...]) -> FileOutcome:
    first, sha256 = file.start_ns or 0, f"{hash(file.uri) & (1 << 63) - 1:064x}"
    span = Span(first, first + (_FILE_EPOCHS - 1) * _INTERVAL_NS)
    facts = FileFacts(
        sha256, "3.04", "SCAL", "SEPT POLARX5", "SEPCHOKE_B3E6   SPKE", "GPS", 30.0, span,
        rank(len(_SIDS), "3.04", _FILE_EPOCHS, sha256), _FILE_EPOCHS, _VALUES, 2_000,
    )  # fmt: skip
    written = Tally(_FILE_EPOCHS, _VALUES) if partitions else Tally()
    return FileOutcome(file, Status.OK, facts, None, written, {}, partitions)


def _entries(receiver: str, count: int) -> Iterator[tuple[str, Entry]]:
    """Daily files, as the archive lists them."""
    for number in range(count):
        day = _FIRST + timedelta(days=number)
        yield f"{receiver}/SCAL00XXX_R_{day:%Y%j}0000_01D_30S_MO.crx.gz", Entry(_SIZE_BYTES + number, str(number), 1e9)


def main(files: int = _FILES) -> dict[str, float]:
    """Run, with the archive listed beforehand."""
    names = [f"rec_{number:02d}" for number in range(_RECEIVERS)]
    workers, stages = Simulated(), _Stages()
    journal: list[float] = []
    with TemporaryDirectory() as folder, ExitStack() as stack:
        settings = _settings(folder)
        entries = {uri: entry for name in names for uri, entry in _entries(name, files // _RECEIVERS)}
        found = listing(Listed(entries, {}), settings.archive)
        stack.enter_context(patch("gnssice_batch.planning.backlog.list_files", lambda *_: found))
        stack.enter_context(patch("gnssice_batch.job.execution.executor", lambda *_: nullcontext(workers)))
        stack.enter_context(patch("gnssice_batch.job.run._published", lambda *_: "nothing"))
        stack.enter_context(patch.object(SegmentWriter, "_add", _timed(SegmentWriter._add, journal)))  # noqa: SLF001 - its thread has no other door
        started = time.perf_counter()
        report = run(settings, stages)
        seconds = time.perf_counter() - started
    stages.stage("over", 0)
    return {
        "files": sum(map(len, report.files.values())),
        "partitions": workers.partitions,
        "seconds": seconds - workers.seconds,
        "ingest": stages.seconds["ingest"] - workers.seconds,
        "cpu": stages.cpu["ingest"] - workers.cpu_seconds + sum(journal),
        "journal": sum(journal),
        "workers": workers.seconds,
        "peak": peak_bytes(),
    }


class _Stages:
    """Takes down how long each stage of the run takes."""

    def __init__(self) -> None:
        self.seconds, self.cpu = Counter[str](), Counter[str]()
        self._now, self._began, self._cpu_began = "plan", time.perf_counter(), time.thread_time()

    def stage(self, name: str, tasks: int) -> None:  # noqa: ARG002 - the coordinator gives it
        """Another stage begins."""
        self.seconds[self._now] += time.perf_counter() - self._began
        self.cpu[self._now] += time.thread_time() - self._cpu_began
        self._now, self._began, self._cpu_began = name, time.perf_counter(), time.thread_time()

    def finished(self, key: str, size_bytes: int) -> None:
        """A task is over."""

    def counted(self, counts: Counts) -> None:
        """Nobody scrapes them."""

    def dashboard(self, url: str) -> None:
        """There is none."""


def _timed(method: Any, spent: list[float]) -> Any:
    """Take down the processor time of a method that runs in a thread of its own."""

    def call(*arguments: object) -> Any:
        started = time.thread_time()
        try:
            return method(*arguments)
        finally:
            spent.append(time.thread_time() - started)

    return call


def _settings(folder: str) -> config.Settings:
    tree = {
        "site": "scale",
        "archive": {"url": f"{folder}/archive", "layout": "{receiver}/**"},
        "store": {"url": f"{folder}/stores"},
        "grid": {"interval_s": _INTERVAL_S, "phase_s": 0},
    }
    return config.Settings.model_validate(tree)


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
