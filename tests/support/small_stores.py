"""Repositories of groups made from templates without any file, and changed by hand."""

from contextlib import contextmanager

import zarr

from gnssice_batch.store.repository import open_existing, open_repository
from gnssice_batch.store.writing.structure import StructureChange, make_structure


def made(path, *templates, source_format="rinex3"):
    """Make or change the groups of templates in a repository; return its head."""
    repository = open_repository(str(path))
    structure = make_structure(repository, repository.head(), "staging", StructureChange(templates, source_format))
    handle = repository.handle
    handle.reset_branch("main", handle.lookup_branch(structure.branch))
    handle.delete_branch(structure.branch)
    return repository.head()


@contextmanager
def changing(path, snapshots=None):
    """Change what is below the root of a repository, in one commit; its id goes into `snapshots`."""
    session = open_existing(str(path)).handle.writable_session("main")
    yield zarr.open_group(session.store, mode="a")
    snapshot = session.commit("by hand")
    if snapshots is not None:
        snapshots.append(snapshot)
