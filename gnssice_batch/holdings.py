"""What the store holds: per receiver its span, its filling and what became of its files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnssice_batch import config
from gnssice_batch.errors import StoreError
from gnssice_batch.grid import SECOND_NS
from gnssice_batch.model import Span, Status
from gnssice_batch.prospect import store_url
from gnssice_batch.store.contents import Snapshot, StoredGroup, history, stored_files, stored_groups
from gnssice_batch.store.ledger import gps_datetime
from gnssice_batch.store.repository import Repository, open_existing
from gnssice_batch.store.size import group_bytes, repository_bytes


@dataclass(frozen=True, slots=True)
class Holding:
    """One receiver."""

    receiver: str
    interval_s: float
    phase_s: float
    span: Span | None
    """First and last epoch of the files that were taken; None where there are none."""
    filled: int
    """Epochs that hold observations."""
    possible: int
    """Grid epochs from the first to the last epoch."""
    signals: int
    files: Mapping[str, int]
    """Files by status; a file that was taken again counts once, as it ended last."""
    archive_bytes: int
    """Size of these files."""
    stored_bytes: int
    """Size of the receiver's chunks."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """A repository at the head of the branch that the settings name."""

    url: str
    snapshot: Snapshot
    stored_bytes: int
    """Size of the whole repository, all its versions together."""
    receivers: tuple[Holding, ...]


def holdings(settings: config.Settings) -> Holdings:
    """Look at the repository that the settings name.

    Raises
    ------
    StoreError
        When there is none, or it can't be read.
    """
    repository = existing(settings)
    branch = settings.run.branch
    sizes = group_bytes(repository, branch)
    groups = stored_groups(repository, branch=branch)
    return Holdings(
        url=repository.url,
        snapshot=next(history(repository, branch)),
        stored_bytes=repository_bytes(repository),
        receivers=tuple(
            _holding(groups[name], stored_files(repository, name, branch), sizes.get(name, 0))
            for name in sorted(groups)
        ),
    )


def existing(settings: config.Settings) -> Repository:
    """The repository that the settings name, for reading.

    Raises
    ------
    StoreError
        When there is none, or it can't be read.
    """
    repository = open_existing(store_url(settings))
    if repository is None:
        msg = f"there is no repository at {store_url(settings)} yet: the first run makes it"
        raise StoreError(msg)
    return repository


def as_json(found: Holdings) -> dict[str, object]:
    """The holdings as plain JSON values."""
    return {
        "url": found.url,
        "snapshot": {"id": found.snapshot.id, "written_at": found.snapshot.written_at},
        "stored_bytes": found.stored_bytes,
        "receivers": {holding.receiver: _holding_json(holding) for holding in found.receivers},
    }


def _holding_json(holding: Holding) -> dict[str, object]:
    span = holding.span
    return {
        "first_epoch": str(gps_datetime(span.first_ns)) if span else None,
        "last_epoch": str(gps_datetime(span.last_ns)) if span else None,
        "interval_s": holding.interval_s,
        "phase_s": holding.phase_s,
        "epochs_filled": holding.filled,
        "epochs_possible": holding.possible,
        "signals": holding.signals,
        "files": dict(holding.files),
        "archive_bytes": holding.archive_bytes,
        "stored_bytes": holding.stored_bytes,
    }


def _holding(group: StoredGroup, files: Mapping[str, npt.NDArray[np.generic]], stored_bytes: int) -> Holding:
    grid = group.template.grid
    latest = latest_rows(files["uri"])
    statuses = Counter(str(status) for status in files["status"][latest].tolist())
    span = _span(files)
    return Holding(
        receiver=group.template.receiver,
        interval_s=grid.interval_ns / SECOND_NS,
        phase_s=grid.phase_ns / SECOND_NS,
        span=span,
        filled=int(files["epochs_written"].astype(np.int64).sum()),
        possible=grid.slot(span.last_ns) - grid.slot(span.first_ns) + 1 if span else 0,
        signals=len(group.template.axis.sids),
        files={str(status): statuses.get(str(status), 0) for status in Status},
        archive_bytes=int(files["size_bytes"][latest].astype(np.int64).sum()),
        stored_bytes=stored_bytes,
    )


def latest_rows(uris: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """The last row of each file in a ledger, ascending."""
    return np.array(sorted({uri: row for row, uri in enumerate(uris.tolist())}.values()), np.int64)


def _span(files: Mapping[str, npt.NDArray[np.generic]]) -> Span | None:
    taken = np.flatnonzero(files["epochs_written"].astype(np.int64) > 0)
    if not taken.size:
        return None
    first, last = files["first_epoch"].astype(np.int64), files["last_epoch"].astype(np.int64)
    return Span(int(first[taken].min()), int(last[taken].max()))
