"""A Dask worker that outlives its scheduler: waits for one, works, starts again when it was lost."""

import asyncio
import multiprocessing
import signal
import tempfile
import time
from dataclasses import dataclass

import dask
from distributed import Nanny, Worker
from distributed.core import Status, rpc
from distributed.protocol.pickle import dumps
from distributed.system import memory_limit

from gnssice_batch.cluster.dask_settings import SETTINGS
from gnssice_batch.cluster.reaching import answers
from gnssice_batch.errors import NoSchedulerError
from gnssice_batch.log import logger

_log = logger(__name__)
_NANNY_BYTES = 160 << 20
"""What the process needs that watches over the worker's process; both share the pod's limit."""
_ANSWER_S = 5.0
_PAUSE_S = 1.0
_START_S = 120.0
"""A worker process that has not registered in this time is ended, and the scheduler looked for again."""
_LEAVE_S = 5.0
"""Of the grace period: to leave the scheduler and end the process."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Employment:
    """For whom a worker works, and under which terms."""

    scheduler: str
    name: str
    threads: int = 1
    memory_bytes: int | None = None
    """None: what the pod or the machine has, without what the watching process needs."""
    patience_s: float = 3600
    """How long it looks for a scheduler."""
    grace_s: float = 30
    """How long its tasks may take to finish after SIGTERM, with all that follows."""


def work(employment: Employment) -> None:
    """Work for the scheduler until SIGTERM; a scheduler that was lost is looked for again.

    Raises
    ------
    NoSchedulerError
        When none has answered in time.
    """
    with dask.config.set(SETTINGS):
        asyncio.run(_work(employment))


async def _work(employment: Employment) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    while not stop.is_set():
        await _find_scheduler(employment, stop)
        if not stop.is_set():
            await _serve(employment, stop)
            await _within(stop, _PAUSE_S)
    _log.info("worker %s: told to stop, ends", employment.name)


async def _find_scheduler(employment: Employment, stop: asyncio.Event) -> None:
    """Wait until the scheduler answers, or the worker is told to stop."""
    deadline = time.monotonic() + employment.patience_s
    _log.info("worker %s: looking for the scheduler at %s", employment.name, employment.scheduler)
    while not stop.is_set():
        if await answers(employment.scheduler, _ANSWER_S):
            return
        if time.monotonic() > deadline:
            msg = f"no Dask scheduler has answered at {employment.scheduler} in {employment.patience_s:g} s"
            raise NoSchedulerError(msg)
        await _within(stop, _PAUSE_S)


async def _serve(employment: Employment, stop: asyncio.Event) -> None:
    """Work until the scheduler is lost, or the worker is told to stop: then finish or hand back what it has begun."""
    nanny = Nanny(
        employment.scheduler,
        name=employment.name,
        nthreads=employment.threads,
        memory_limit=employment.memory_bytes or max(memory_limit() - _NANNY_BYTES, _NANNY_BYTES),
        local_directory=tempfile.gettempdir(),
        death_timeout=_START_S,
        dashboard=False,
    )
    if not await _starts(nanny, employment, stop):
        return
    _log.info("worker %s: at work for %s", employment.name, employment.scheduler)
    told, lost = asyncio.create_task(stop.wait()), asyncio.create_task(nanny.finished())
    await asyncio.wait((told, lost), return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        await _leave(nanny, lost, employment)
    else:
        told.cancel()
        _log.warning("worker %s: the scheduler was lost, or has let it go", employment.name)


async def _starts(nanny: Nanny, employment: Employment, stop: asyncio.Event) -> bool:
    """Start the worker's process; none is left where it does not come to work, or is told to stop before it does."""
    starting, told = asyncio.create_task(nanny.start()), asyncio.create_task(stop.wait())
    await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    while not starting.done():
        _end_processes()
        await asyncio.wait((starting,), timeout=_POLL_S)
    try:
        await starting
    except Exception as error:  # noqa: BLE001 - Dask asserts, too, where the scheduler goes in the meantime
        _log.warning("worker %s did not start: %s", employment.name, str(error) or type(error).__name__)
        _end_processes()
        return False
    return True


def _end_processes() -> None:
    """End the worker's process: it would register with the next scheduler under the name of the next process."""
    for process in multiprocessing.active_children():
        process.kill()


async def _leave(nanny: Nanny, lost: asyncio.Task[None], employment: Employment) -> None:
    """Take no more tasks, finish those that run and let their results be fetched; hand back what is not in time."""
    finish_s = max(employment.grace_s - _LEAVE_S, 0)
    if nanny.status is Status.running:
        _log.info("worker %s: told to stop, finishes its tasks within %g s", employment.name, finish_s)
        finished = asyncio.create_task(_finish(nanny))
        await asyncio.wait((finished, lost), timeout=finish_s, return_when=asyncio.FIRST_COMPLETED)
        await _hand_back(nanny, employment, in_time=finished.done())
        finished.cancel()
        await asyncio.gather(finished, return_exceptions=True)
    try:
        await nanny.close(timeout=_LEAVE_S / 4, reason="worker-told-to-stop")
    except TimeoutError:
        _log.warning("worker %s: its process does not end, and is left", employment.name)


async def _hand_back(nanny: Nanny, employment: Employment, *, in_time: bool) -> None:
    """Let others have the tasks that wait here, and those that still run: none of them counts as one that kills."""
    if not in_time:
        _log.warning("worker %s: hands back what it has not finished", employment.name)
    try:
        async with asyncio.timeout(_LEAVE_S / 2):
            await _retire(nanny, remove=True)
    except (OSError, RuntimeError, TimeoutError) as error:
        _log.warning("worker %s: the scheduler was not told: %s", employment.name, str(error) or "no answer")


async def _finish(nanny: Nanny) -> None:
    """Wait until the worker runs nothing and holds no result.

    A scheduler that knows no other worker to copy results to gives up retiring this one, so it is asked again.
    """
    retired = False
    while not retired or await _held(nanny):
        retired = retired or await _retire(nanny, remove=False)
        await asyncio.sleep(_POLL_S)


async def _retire(nanny: Nanny, *, remove: bool) -> bool:
    """Ask the scheduler for no more tasks; with remove, to give those that are left to others."""
    if nanny.worker_address is None:
        return True
    done = await nanny.scheduler.retire_workers(workers=[nanny.worker_address], close_workers=False, remove=remove)
    return nanny.worker_address in done


async def _held(nanny: Nanny) -> int:
    """How many tasks run in the worker's process, and results lie there."""
    if nanny.worker_address is None:
        return 0
    async with rpc(nanny.worker_address) as process:
        answer = await process.run(function=dumps(_tasks_held))
    return int(answer["result"])


def _tasks_held(dask_worker: Worker) -> int:
    state = dask_worker.state
    return len(state.executing) + len(state.long_running) + len(dask_worker.data)


async def _within(stop: asyncio.Event, seconds: float) -> None:
    """Pause, until told to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
