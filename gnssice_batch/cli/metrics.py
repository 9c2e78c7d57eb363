"""The metrics of a run, for Prometheus: how far it is, served over HTTP while it goes on."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from gnssice_batch import __version__
from gnssice_batch.job.counting import Counts
from gnssice_batch.log import logger

_PREFIX: Final = "gnssice_batch"
_EVERYWHERE: Final = ("::", "0.0.0.0")  # noqa: S104 - whoever may reach the pod may read how far its run is
_log = logger(__name__)


class Metrics(Collector):
    """What a run has told last, as metrics; it is asked for them from the server's thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts, self._progressed = Counts(), clock()
        self._stage, self._tasks, self._done = "", 0, 0

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins."""
        self._stage, self._tasks, self._done, self._progressed = name, tasks, 0, self._clock()

    def finished(self, key: str, size_bytes: int) -> None:  # noqa: ARG002 - no metric is of one partition
        """A task of the stage is over."""
        self._done += 1
        self._progressed = self._clock()

    def counted(self, counts: Counts) -> None:
        """How far the run is."""
        self._counts = counts

    def dashboard(self, url: str) -> None:
        """The dashboard is no metric."""

    def collect(self) -> Iterable[Metric]:
        """How far the run is now."""
        counts = self._counts
        run = InfoMetricFamily(f"{_PREFIX}_run", "The run that is under way.")
        run.add_metric([], {"run": counts.run, "version": __version__})
        yield run
        files = {"planned": counts.files_planned, **counts.files}
        yield _by("files", "Files of the run: planned, and those that were read, by their status.", "state", files)
        yield _by("files_rejected", "Files that were rejected, by reason.", "reason", counts.rejected)
        yield from _transfers(counts)
        partitions = {"planned": counts.partitions_planned, **counts.partitions}
        yield _by(
            "partitions", "Partitions of the run by state; those resumed are among the finished.", "state", partitions
        )
        stage = {"total": self._tasks, "done": self._done}
        yield _by("stage_tasks", "Tasks of the stage that is under way.", "state", stage)
        yield _by("stage", "The stage that is under way.", "stage", {self._stage: 1} if self._stage else {})
        yield _one("workers", "Workers that have returned a result in the last ten minutes.", counts.workers)
        yield _one("last_progress_timestamp_seconds", "When a task or a stage last ended or began.", self._progressed)


def _transfers(counts: Counts) -> Iterator[Metric]:
    """Bytes of files, and what was asked of object stores."""
    read_twice = "Bytes of the planned files, and bytes read, files that were read twice counted twice."
    yield _by("bytes", read_twice, "state", {"planned": counts.bytes_planned, "read": counts.bytes_read})
    as_told = "Requests to object stores by kind, as coordinator and workers have told; of Icechunk's the PUTs alone."
    yield _by("requests", as_told, "kind", counts.traffic.requests)
    ways = {"received": counts.traffic.received_bytes, "sent": counts.traffic.sent_bytes}
    yield _by("transferred_bytes", "Bytes that these requests have carried.", "way", ways)


@contextmanager
def served(port: int) -> Iterator[Metrics]:
    """Serve the metrics of a run on all interfaces for as long as the context lasts.

    A port that can't be had is only a warning: a run is worth more than its metrics.
    """
    metrics, registry = Metrics(), CollectorRegistry()
    registry.register(metrics)
    started = _started(port, registry)
    try:
        yield metrics
    finally:
        if started:
            server, thread = started
            server.shutdown()
            server.server_close()
            thread.join()


def _started(port: int, registry: CollectorRegistry) -> tuple[WSGIServer, Thread] | None:
    """Start the server; None where the port can't be had."""
    for address in _EVERYWHERE:
        try:
            return start_http_server(port, address, registry)
        except OSError as error:
            reason = error
    _log.warning("metrics are not served, port %d can't be had: %s", port, reason)
    return None


def _one(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", documentation, value)


def _by(name: str, documentation: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}_{name}", documentation, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
