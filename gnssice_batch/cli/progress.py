"""The progress of a run: a bar on a terminal, log lines elsewhere."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, TextIO, cast

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gnssice_batch import config, log
from gnssice_batch.cli.formatting import count, duration, size
from gnssice_batch.cli.termination import ending
from gnssice_batch.job.counting import Counts
from gnssice_batch.job.counting import Progress as Told

_SECONDS_BETWEEN_LINES: Final = 30.0


class Pace:
    """Tasks and bytes of a stage, and how fast they go."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin("", 0)

    def begin(self, name: str, tasks: int) -> None:
        """A stage begins."""
        self.name, self.tasks, self.done, self.size_bytes = name, tasks, 0, 0
        self._began = self._clock()

    def add(self, size_bytes: int) -> None:
        """A task is over."""
        self.done += 1
        self.size_bytes += size_bytes

    @property
    def elapsed_s(self) -> float:
        """Seconds since the stage began."""
        return self._clock() - self._began

    @property
    def left_s(self) -> float:
        """Seconds until its end at the pace so far."""
        return self.elapsed_s / self.done * (self.tasks - self.done) if self.done else 0.0

    @property
    def bytes_per_s(self) -> float:
        """Bytes per second so far."""
        return self.size_bytes / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def rate(self) -> str:
        """Bytes so far, and per second."""
        return f"{size(self.size_bytes)}, {size(self.bytes_per_s)}/s"


class Bar:
    """A bar per stage on a terminal: of the run's files where it is of files, else of tasks."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._pace = Pace()
        self._task = TaskID(0)
        self._counts = Counts()

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins; one without tasks has no end that can be told."""
        self.ended()
        self._pace.begin(name, tasks)
        self._task = self._bars.add_task(name, total=tasks or None, rate="")
        self._show()

    def finished(self, key: str, size_bytes: int) -> None:  # noqa: ARG002 - the bar shows no names
        """A task of the stage is over."""
        self._pace.add(size_bytes)
        self._show()

    def ended(self) -> None:
        """The stage is over, also one whose end could not be told before."""
        if self._pace.name and not self._pace.tasks:
            self._bars.update(self._task, total=1, completed=1)

    def counted(self, counts: Counts) -> None:
        """How far the run is."""
        self._counts = counts

    def _show(self) -> None:
        pace, counts = self._pace, self._counts
        if of_files(pace.name, counts):
            rate = f"{size(counts.bytes_read)} of {size(counts.bytes_planned)}, {size(pace.bytes_per_s)}/s"
            self._bars.update(self._task, completed=counts.files_done, total=counts.files_planned, rate=rate)
        elif pace.done:
            self._bars.update(self._task, completed=pace.done, rate=pace.rate)

    def dashboard(self, url: str) -> None:
        """Say where the Dask dashboard is."""
        self._bars.console.print(f"Dask dashboard: {url}", highlight=False, soft_wrap=True)


def of_files(stage: str, counts: Counts) -> bool:
    """Whether a stage is the one that the run's counts of files are of."""
    return stage == "ingest" and counts.files_planned > 0


class Lines:
    """A log line when a stage begins, every half a minute, and when it ends."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logger
        self._clock = clock
        self._pace = Pace(clock)
        self._said = 0.0
        self._counts = self._before = Counts()

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins; one without tasks has no end that can be told."""
        self._pace.begin(name, tasks)
        self._said, self._before = self._clock(), self._counts
        planned = f"{count(self._files, 'file')}, {size(self._counts.bytes_planned)}" if self._of_files else ""
        self._log.info("%s: %s", name, (planned or count(tasks, "task")) if tasks else "started")

    def finished(self, key: str, size_bytes: int) -> None:
        """A task of the stage is over."""
        pace = self._pace
        pace.add(size_bytes)
        self._log.debug("%s: done", pace.name, extra={"partition": key})
        if pace.done == pace.tasks:
            took = duration(pace.elapsed_s)
            done = count(self._files, "file") if self._of_files else f"{pace.tasks}"
            self._log.info("%s: all %s done in %s, %s", pace.name, done, took, self._rate, extra=self._figures)
        elif self._clock() - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = self._clock()
            self._log.info("%s: %s", pace.name, self._how_far, extra=self._figures)

    def counted(self, counts: Counts) -> None:
        """How far the run is."""
        self._counts = counts

    def dashboard(self, url: str) -> None:
        """Say where the Dask dashboard is."""
        self._log.info("Dask dashboard: %s", url)

    @property
    def _of_files(self) -> bool:
        """Whether the stage is the one that the run's counts of files are of."""
        return of_files(self._pace.name, self._counts)

    @property
    def _files(self) -> int:
        return self._counts.files_planned

    @property
    def _files_per_s(self) -> float:
        new = self._counts.files_done - self._before.files_done
        return new / self._pace.elapsed_s if self._pace.elapsed_s > 0 else 0.0

    @property
    def _rate(self) -> str:
        return f"{self._files_per_s:.3g} files/s, {self._pace.rate}" if self._of_files else self._pace.rate

    @property
    def _how_far(self) -> str:
        pace, counts, left = self._pace, self._counts, f"about {duration(self._pace.left_s)} left"
        if not self._of_files:
            return f"{pace.done} of {pace.tasks}, {pace.rate}, {left}"
        read = f"{size(counts.bytes_read)} of {size(counts.bytes_planned)}, {size(pace.bytes_per_s)}/s"
        return f"{counts.files_done:,} of {count(self._files, 'file')}, {self._files_per_s:.3g} files/s, {read}, {left}"

    @property
    def _figures(self) -> dict[str, float]:
        """How far the stage is, for those who read JSON: files, or tasks where it is not of files."""
        pace = self._pace
        done, total = (self._counts.files_done, self._files) if self._of_files else (pace.done, pace.tasks)
        figures = {"done": done, "total": total, "left_s": round(pace.left_s), "bytes_per_s": round(pace.bytes_per_s)}
        return figures | ({"files_per_s": round(self._files_per_s, 3)} if self._of_files else {})


class Several:
    """Tells several who follow a run, and lets the termination message know which run it is and how far."""

    def __init__(self, *told: Told) -> None:
        self._told = told

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins."""
        for each in self._told:
            each.stage(name, tasks)

    def finished(self, key: str, size_bytes: int) -> None:
        """A task of the stage is over."""
        for each in self._told:
            each.finished(key, size_bytes)

    def counted(self, counts: Counts) -> None:
        """How far the run is."""
        said = ending()
        said.run, said.files = counts.run, counts.files
        said.planned, said.finished = counts.partitions_planned, counts.partitions.get("finished", 0)
        for each in self._told:
            each.counted(counts)

    def dashboard(self, url: str) -> None:
        """Where the Dask dashboard is."""
        for each in self._told:
            each.dashboard(url)


@contextmanager
def run_display(settings: config.Log) -> Iterator[Told]:
    """Tell the progress of a run as `progress_display` does, and serve it as metrics where the settings want that."""
    with ExitStack() as stack:
        told = [stack.enter_context(progress_display(settings))]
        if settings.metrics_port is not None:
            from gnssice_batch.cli.metrics import served

            told.append(stack.enter_context(served(settings.metrics_port)))
        yield Several(*told)


@contextmanager
def progress_display(settings: config.Log) -> Iterator[Told]:
    """Log as the settings say, and tell the progress in the way that suits standard error."""
    console = Console(stderr=True)
    if not (settings.progress and console.is_terminal):
        log.configure(settings.level, settings.format)
        yield Lines(log.logger("progress"))
        return
    log.configure(settings.level, settings.format, cast("TextIO", FileProxy(console, sys.stderr)))
    with Progress(
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        bar = Bar(bars)
        yield bar
        bar.ended()
