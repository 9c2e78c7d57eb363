"""Where the archive of a virtual repository is: kept in its configuration, or for one process."""

from dataclasses import replace

import icechunk

from gnssice_batch.storage.credentials import hold
from gnssice_batch.storage.location import Location
from gnssice_batch.store.containers import container_of, containers_in, prefix_of, with_container
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.repository import OBJECTS_OF_AN_UPDATE, Repository
from gnssice_batch.store.storages import storage


def pointed_at(repository: Repository, name: str) -> str | None:
    """What the locations of an archive's files begin with, as a repository's configuration has it; None for no such."""
    found = containers_in(repository.handle.config).get(name)
    return found.url_prefix if found is not None else None


@repeatable
def point_at(repository: Repository, name: str, archive: Location) -> str | None:
    """Keep in a repository's configuration where the archive of a name is; where it was before, None for nowhere.

    No chunk is touched: references name the archive, not its place.
    """
    where = repository.location
    with repository.lock:
        kept = icechunk.Repository.open(storage(where))
        before = containers_in(kept.config).get(name)
        container = container_of(name, archive)
        if before != container:
            with_container(kept, container, where).save_config()
            repository.wrote(OBJECTS_OF_AN_UPDATE)
    return before.url_prefix if before is not None else None


def pointing_at(repository: Repository, name: str, archive: Location) -> Repository:
    """The repository with its archive elsewhere, for this process alone."""
    hold(prefix_of(archive), archive.options)
    handle = with_container(repository.handle, container_of(name, archive), repository.location)
    return replace(repository, handle=handle)
