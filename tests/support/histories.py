"""Small repositories with a history: on a disk, or in memory under the name of an object store."""

from contextlib import nullcontext

import icechunk
import numpy as np
import zarr

from gnssice_batch.storage.location import location
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.repository import Repository, open_repository

FAR = "s3://bucket/site/rinex"


class RefusedError(Exception):
    """What who holds the lock gives to others."""


class Held:
    """A lock that somebody else holds for ever."""

    def __enter__(self):
        raise RefusedError

    def __exit__(self, *told):
        pass


def on_disk(folder):
    """Make a repository below a folder."""
    return open_repository(str(folder / "site" / "rinex"))


def far():
    """Make a repository in memory, whose requests are counted as those of an object store."""
    return Repository(location(FAR), icechunk.Repository.create(icechunk.in_memory_storage()), nullcontext())


def requests(call, *arguments, **words):
    """The requests that a call counts."""
    TRAFFIC.take()
    call(*arguments, **words)
    return dict(TRAFFIC.take().requests)


def commit(repository, number, branch="main", size=300, **metadata):
    """Commit a version with one chunk that differs from those of the others, too long for a manifest."""
    session = repository.handle.writable_session(branch)
    root = zarr.open_group(session.store, mode="a")
    root.attrs["number"] = number
    array = root["x"] if "x" in root else root.create_array("x", shape=(size,), dtype="f8", chunks=(size,))
    array[:] = np.random.default_rng(number).random(size)
    return session.commit(f"version {number}", metadata=metadata or None)
