"""The upkeep of a repository that many runs write to: pieces joined, old versions expired, garbage collected."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gnssice_batch import config
from gnssice_batch.job.target import RINEX, target_of
from gnssice_batch.operate import garbage
from gnssice_batch.operate.garbage import check_open_runs, sparing_vod
from gnssice_batch.operate.open_runs import for_writing
from gnssice_batch.operate.status import no_repository
from gnssice_batch.store.reading.contents import branch_head
from gnssice_batch.store.repository import no_such_branch
from gnssice_batch.store.versions import version_at
from gnssice_batch.store.writing.compaction import Manifests, manifests_of, rewrite_manifests
from gnssice_batch.store.writing.garbage import Collected, collect, expirable

_A_LITTLE = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to a repository, or would be."""

    url: str
    snapshot: str | None
    """The version with manifests written again; None where they need not be, or it was only asked for."""
    manifests: Manifests
    """Before."""
    collected: Collected


def maintain(settings: config.Settings, *, dry_run: bool = False, product: str = RINEX) -> Maintained:
    """Join what is in pieces, in one commit at most, then expire and delete by the settings' section ``maintain``.

    Readers see the same cells and ledgers as before; a version that is replaced stays until the next time.

    Parameters
    ----------
    dry_run
        Only say what would be done. Manifests that would be replaced are not among those to be deleted then.
    product
        What the repository holds.

    Raises
    ------
    StoreError
        When there is no repository, when storage fails, or when it would take from an open run what it has written;
        in the last case nothing has changed.
    """
    target, now, ages = target_of(settings, product=product), datetime.now(UTC), settings.maintain
    objects_before = now - timedelta(days=ages.garbage_days)
    versions_before = None if ages.keep_days is None else now - timedelta(days=ages.keep_days)
    repository = for_writing(target)
    if repository is None:
        raise no_repository(target)
    with repository.lock:
        head = branch_head(repository, target.branch)
        if head is None:
            raise no_such_branch(repository, target.branch)
        manifests = manifests_of(repository, head)
        if manifests.scattered and versions_before:
            versions_before = min(versions_before, version_at(repository, head).written_at - _A_LITTLE)
        if versions_before and product == RINEX:
            versions_before = sparing_vod(settings, repository, versions_before)
        gone = expirable(repository, versions_before) if versions_before else ()
        check_open_runs(target, repository, objects_before, gone)
        rewrites = manifests.scattered and not dry_run
        snapshot = rewrite_manifests(repository, target.branch) if rewrites else None
        collected = collect(repository, objects_before, versions_before, dry_run=dry_run)
    return Maintained(repository.url, snapshot, manifests, collected)


def as_json(done: Maintained) -> dict[str, object]:
    """What was done as plain JSON values."""
    return {
        "url": done.url,
        "snapshot": done.snapshot,
        "head_manifests": done.manifests.found,
        "needed_manifests": done.manifests.needed,
        **garbage.as_json(done.collected),
    }
