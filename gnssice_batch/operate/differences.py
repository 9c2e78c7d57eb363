"""Two versions of a store, compared."""

from dataclasses import asdict

from gnssice_batch.job.target import Target
from gnssice_batch.operate.status import existing_repository
from gnssice_batch.store.branches import head_of
from gnssice_batch.store.reading.chunk_changes import ChunkChange
from gnssice_batch.store.reading.differences import Difference, GroupDifference, difference
from gnssice_batch.store.versions import Version, VersionName, snapshot_of


def compare(target: Target, before: VersionName, after: VersionName | None = None) -> Difference:
    """What the second of two versions has that is different from the first; no observation is read.

    Parameters
    ----------
    before, after
        Whatever names a version; None: the head of the target's branch.

    Raises
    ------
    StoreError
        When there is no such version, the two are on different lines, or one can't be read.
    """
    repository, branch = existing_repository(target), target.branch
    first = snapshot_of(repository, before, branch)
    second = head_of(repository, branch) if after is None else snapshot_of(repository, after, branch)
    return difference(repository, first, second)


def as_json(found: Difference) -> dict[str, object]:
    """The difference as plain JSON values."""
    own = {one.name: _receiver_json(one) for one in found.groups if one.own}
    others = {one.name: {"state": one.state, **_chunks_json(one.chunks)} for one in found.groups if not one.own}
    return {
        "before": _version_json(found.before),
        "after": _version_json(found.after),
        "receivers": own,
        "other_groups": others,
    }


def _receiver_json(one: GroupDifference) -> dict[str, object]:
    counts = {"epochs": one.epochs, "signals": one.signals, "files": one.files}
    return {"state": one.state, **{name: asdict(each) for name, each in counts.items()}, **_chunks_json(one.chunks)}


def _chunks_json(chunks: ChunkChange) -> dict[str, object]:
    return {"chunks": {**asdict(chunks.chunks), "moved": chunks.moved}, "bytes": asdict(chunks.size_bytes)}


def _version_json(version: Version) -> dict[str, object]:
    return {
        "number": version.number,
        "id": version.id,
        "written_at": version.written_at.isoformat(),
        "message": version.message,
        "tags": list(version.tags),
    }
