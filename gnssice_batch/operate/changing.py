"""A published store held still while it is changed as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager

from gnssice_batch.job.target import Target
from gnssice_batch.operate.open_runs import check_none_open, for_writing
from gnssice_batch.operate.status import no_repository
from gnssice_batch.store.reading.contents import branch_head
from gnssice_batch.store.repository import Repository, no_such_branch


@contextmanager
def held_still(target: Target, because: str, changed: str, *, dry_run: bool) -> Iterator[Repository]:
    """The repository of a target, locked, its branch there, and no run open that the change would spoil.

    Parameters
    ----------
    because
        Why an open run is spoilt, after its name.
    changed
        What is done to the store, as it stands after "is".
    dry_run
        Nothing is changed: open runs are no matter.

    Raises
    ------
    StoreError
        When there is no repository or branch, when another program or a later one made it, or when a run is open.
    """
    repository = for_writing(target)
    if repository is None:
        raise no_repository(target)
    if branch_head(repository, target.branch) is None:
        raise no_such_branch(repository, target.branch)
    with repository.lock:
        if not dry_run:
            check_none_open(target, repository, because, changed)
        yield repository
