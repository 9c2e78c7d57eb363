"""The progress of a run: a bar on a terminal, log lines elsewhere."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO, cast

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gnssice_batch import config, log
from gnssice_batch.cli.formatting import count, duration, size
from gnssice_batch.job.execution import Progress as Told

_SECONDS_BETWEEN_LINES: Final = 10.0


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
    def rate(self) -> str:
        """Bytes so far, and per second."""
        per_second = self.size_bytes / self.elapsed_s if self.elapsed_s > 0 else 0.0
        return f"{size(self.size_bytes)}, {size(per_second)}/s"


class Bar:
    """A bar per stage on a terminal."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._pace = Pace()
        self._task = TaskID(0)

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins; one without tasks has no end that can be told."""
        self._pace.begin(name, tasks)
        self._task = self._bars.add_task(name, total=tasks or None, rate="")

    def finished(self, key: str, size_bytes: int) -> None:  # noqa: ARG002 - the bar shows no names
        """A task of the stage is over."""
        self._pace.add(size_bytes)
        self._bars.update(self._task, advance=1, rate=self._pace.rate)

    def dashboard(self, url: str) -> None:
        """Say where the Dask dashboard is."""
        self._bars.console.print(f"Dask dashboard: {url}", highlight=False, soft_wrap=True)


class Lines:
    """A log line when a stage begins, every ten seconds, and when it ends."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logger
        self._clock = clock
        self._pace = Pace(clock)
        self._said = 0.0

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins; one without tasks has no end that can be told."""
        self._pace.begin(name, tasks)
        self._said = self._clock()
        self._log.info("%s: %s", name, count(tasks, "task") if tasks else "started")

    def finished(self, key: str, size_bytes: int) -> None:
        """A task of the stage is over."""
        pace = self._pace
        pace.add(size_bytes)
        self._log.debug("%s: done", pace.name, extra={"partition": key})
        if pace.done == pace.tasks:
            self._log.info("%s: all %d done, %s", pace.name, pace.tasks, pace.rate)
        elif self._clock() - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = self._clock()
            left = duration(pace.left_s)
            self._log.info("%s: %d of %d, %s, about %s left", pace.name, pace.done, pace.tasks, pace.rate, left)

    def dashboard(self, url: str) -> None:
        """Say where the Dask dashboard is."""
        self._log.info("Dask dashboard: %s", url)


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
        yield Bar(bars)
