"""Whether a Dask scheduler answers, whether it has a worker."""

import asyncio

from distributed import Client, Security
from distributed.core import rpc

from gnssice_batch.log import logger

_log = logger(__name__)


async def answers(address: str, timeout_s: float) -> bool:
    """Whether a Dask scheduler answers at an address; a name that does not resolve yet is no answer.

    Nor is what another server sends there, which Dask takes for lengths and messages of its own.
    """
    secured = Security().get_connection_args("client")
    try:
        async with asyncio.timeout(timeout_s), rpc(address, secured, timeout=timeout_s) as scheduler:
            await scheduler.identity(n_workers=0)
    except Exception as error:  # noqa: BLE001 - whatever the bytes of a stranger raise in Dask
        _log.debug("no Dask scheduler answers at %s: %s", address, type(error).__name__)
        return False
    return True


def first_worker(client: Client, timeout_s: float) -> bool:
    """Wait for a worker; return whether one has come in time."""
    try:
        client.wait_for_workers(1, timeout=timeout_s)
    except TimeoutError:
        return False
    return True
