"""Whether a Dask scheduler answers, whether it has a worker."""

import asyncio

from distributed import Client
from distributed.core import rpc


async def answers(address: str, timeout_s: float) -> bool:
    """Whether a Dask scheduler answers at an address; a name that does not resolve yet is no answer."""
    try:
        async with asyncio.timeout(timeout_s), rpc(address, timeout=timeout_s) as scheduler:
            await scheduler.identity(n_workers=0)
    except (OSError, TimeoutError):
        return False
    return True


def first_worker(client: Client, timeout_s: float) -> bool:
    """Wait for a worker; return whether one has come in time."""
    try:
        client.wait_for_workers(1, timeout=timeout_s)
    except TimeoutError:
        return False
    return True
