"""The execution of tasks: by whom, how often, who is told of it, who may stop it."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from gnssice_batch import config
from gnssice_batch.archive.kept import KEPT
from gnssice_batch.cluster.executor import Executor, Finished, Task, executor
from gnssice_batch.cluster.retries import with_retries
from gnssice_batch.errors import GnssiceError, InterruptedRunError
from gnssice_batch.ingest.kept_readings import READINGS
from gnssice_batch.job.counting import Counting, Counts, Progress
from gnssice_batch.job.interruption import Stop, stoppable
from gnssice_batch.storage.traffic import TRAFFIC, Traffic


class NoProgress:
    """Tells nobody anything."""

    def stage(self, name: str, tasks: int) -> None:
        """Say nothing."""

    def finished(self, key: str, size_bytes: int) -> None:
        """Say nothing."""

    def counted(self, counts: Counts) -> None:
        """Say nothing."""

    def dashboard(self, url: str) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Execution:
    """Runs the tasks of a job."""

    tasks: Executor
    tries: int
    """How often a task is run at most that storage, network or a worker failed."""
    progress: Counting
    stop: Stop
    used: dict[str, Traffic] = field(default_factory=dict)
    """By worker, empty for this process, what its tasks have asked of object stores."""

    def run[R](self, calls: Iterable[Task[R]]) -> Iterator[Finished[R]]:
        """Run tasks and yield each as it ends; none is submitted once the job was told to stop."""
        stop = self.stop
        for finished in with_retries(self.tasks, self._until_stopped(calls), self.tries, lambda: stop.requested):
            if finished.worker or self.tasks.here:
                self.progress.returned(finished.worker)
            self.note(finished.worker, getattr(finished.result, "traffic", Traffic()))
            self.note("", TRAFFIC.take())
            yield finished

    def note(self, worker: str, traffic: Traffic) -> None:
        """Note what a process has asked of object stores."""
        if traffic != Traffic():
            self.used[worker] = self.used.get(worker, Traffic()) + traffic
            self.progress.asked(traffic)

    def _until_stopped[R](self, calls: Iterable[Task[R]]) -> Iterator[Task[R]]:
        waiting = iter(calls)
        while not self.stop.requested and (call := next(waiting, None)):
            yield call


@contextmanager
def execution(settings: config.Settings, progress: Progress | None = None) -> Iterator[Execution]:
    """Where and how the settings want tasks to run, for as long as the context lasts.

    Raises
    ------
    ConfigError
        When there is no scheduler at the address.
    """
    told, run = Counting(progress or NoProgress()), settings.run
    with ExitStack() as stack:
        stack.callback(KEPT.forget)
        stack.callback(READINGS.forget)
        TRAFFIC.take()
        stop = stack.enter_context(stoppable(run.grace_s))
        tasks = stack.enter_context(executor(settings.cluster, run.window))
        if tasks.dashboard:
            told.dashboard(tasks.dashboard)
        yield Execution(tasks, run.task_tries, told, stop)


def result_of[R](finished: Finished[R]) -> R:
    """The result of a task, or the end of the run.

    Raises
    ------
    InterruptedRunError
        When network, operating system or workers failed it every time.
    GnssiceError
        What else the task died of, a storage's refusal among it; with its key where it is no error of ours.
    """
    if finished.result is not None:
        return finished.result
    if isinstance(finished.error, GnssiceError):
        raise finished.error
    msg = f"{finished.key}: the task died of {type(finished.error).__name__}: {finished.error}"
    if finished.transient:
        again = f"{msg}; it was tried several times. Start again: what a run has finished is journaled"
        raise InterruptedRunError(again) from finished.error
    raise GnssiceError(msg) from finished.error
