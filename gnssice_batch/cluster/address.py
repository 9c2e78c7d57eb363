"""The workers of a Dask scheduler that is there already."""

from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client

from gnssice_batch import config
from gnssice_batch.cluster.reaching import first_worker
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
    try:
        client = Client(settings.address, timeout=patience_s)
    except OSError as error:
        msg = f"cluster.address {settings.address!r}: no Dask scheduler answers there: {error}"
        raise InterruptedRunError(msg) from error
    except ValueError as error:
        msg = f"cluster.address {settings.address!r} is no address of a Dask scheduler: {error}"
        raise ConfigError(msg) from error
    with client:
        if not first_worker(client, patience_s):
            msg = f"cluster.address {settings.address!r}: no worker has come in {patience_s:g} s"
            raise InterruptedRunError(msg)
        yield client
