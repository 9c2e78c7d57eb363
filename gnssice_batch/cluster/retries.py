"""Tasks that are run again where storage, network or a worker failed them."""

import random
import time
from collections.abc import Callable, Iterable, Iterator

from gnssice_batch.cluster.executor import Executor, Finished, Task
from gnssice_batch.log import logger

_log = logger(__name__)
_FIRST_PAUSE_S = 0.5


def with_retries[R](
    executor: Executor, tasks: Iterable[Task[R]], tries: int, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Finished[R]]:
    """Run tasks; those that storage, network or a worker failed are tried again after a pause.

    Of tasks whose workers died Dask suspects all that these workers had, also those that only waited there. So they are
    tried once more when the others are over, one at a time; one that kills workers then is not tried again.

    Parameters
    ----------
    tries
        How often a task is run at most that storage, network or a worker failed.
    stopped
        Whether none of the suspects is to be submitted any more.
    """
    suspects = list[Task[R]]()
    yield from _tried(executor, tasks, tries, suspects)
    for number, task in enumerate(suspects, 1):
        if stopped():
            return
        which = f"({number} of {len(suspects)})"
        _log.warning("its workers died: it is tried once more, alone %s", which, extra={"partition": task.key})
        yield from _tried(executor, [task], tries, None)


def _tried[R](
    executor: Executor, tasks: Iterable[Task[R]], tries: int, suspects: list[Task[R]] | None
) -> Iterator[Finished[R]]:
    """Run tasks, again where that may help; those whose workers died go to the suspects, where these are collected."""
    again = list[Task[R]]()
    by_key: dict[str, Task[R]] = {}

    def remembered(batch: Iterable[Task[R]]) -> Iterator[Task[R]]:
        for task in batch:
            by_key[task.key] = task
            yield task

    for number in range(1, tries + 1):
        for finished in executor.run(remembered(tasks)):
            task = by_key.pop(finished.key)
            if finished.killed_workers and suspects is not None:
                suspects.append(task)
            elif finished.transient and number < tries:
                _log.warning("attempt %d failed: %s", number, finished.error, extra={"partition": finished.key})
                again.append(task)
            else:
                yield finished
        if not again:
            return
        time.sleep(_FIRST_PAUSE_S * 2 ** (number - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the tries
        tasks, again = again, []
