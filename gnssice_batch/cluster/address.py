"""The workers of a Dask scheduler that is there already."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client
from distributed.comm.addressing import get_address_host_port

from gnssice_batch import config
from gnssice_batch.cluster.reaching import answers, first_worker
from gnssice_batch.errors import ConfigError, InterruptedRunError


@contextmanager
def connected(settings: config.Cluster) -> Iterator[Client]:
    """A client of the scheduler at the address.

    Raises
    ------
    ConfigError
        When the address is none.
    InterruptedRunError
        When no scheduler answers there in time, or it gets no worker.
    """
    patience_s = settings.connect_timeout_s
    _check_answer(settings.address or "", patience_s)
    try:
        client = Client(settings.address, timeout=patience_s)
    except OSError as error:
        msg = f"cluster.address {settings.address!r}: no Dask scheduler answers there: {error}"
        raise InterruptedRunError(msg) from error
    with client:
        if not first_worker(client, patience_s):
            msg = f"cluster.address {settings.address!r}: no worker has come in {patience_s:g} s"
            raise InterruptedRunError(msg)
        yield client


def _check_answer(address: str, patience_s: float) -> None:
    """Ask before a client is made, which waits for ever for a server that takes its connection and says nothing."""
    try:
        get_address_host_port(address)
    except ValueError as error:
        msg = f"cluster.address {address!r} is no address of a Dask scheduler: {error}"
        raise ConfigError(msg) from error
    if not asyncio.run(answers(address, patience_s)):
        msg = f"cluster.address {address!r}: no Dask scheduler answers there within {patience_s:g} s"
        raise InterruptedRunError(msg)
