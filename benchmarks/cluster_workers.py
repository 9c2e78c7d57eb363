"""Many Dask workers in one process, of a thread each: all that the scheduler sees of as many pods."""

import asyncio
import sys

from distributed import Worker

_AT_ONCE = 50


async def main(scheduler: str, count: int) -> None:
    """Work until standard input ends."""
    workers: list[Worker] = []
    for first in range(0, count, _AT_ONCE):
        batch = [
            Worker(scheduler, nthreads=1, name=f"pod-{number}", dashboard=False, memory_limit=0)
            for number in range(first, min(first + _AT_ONCE, count))
        ]
        await asyncio.gather(*batch)
        workers += batch
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(worker.close(nanny=False) for worker in workers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
