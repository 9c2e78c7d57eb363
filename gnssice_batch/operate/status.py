"""The status of a store: span, epochs, signals, files, size of each receiver."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch import config
from gnssice_batch.errors import StoreError
from gnssice_batch.job.target import Target, check_place, target_of
from gnssice_batch.model.grid import SECOND_NS, gps_datetime
from gnssice_batch.model.values import Span, Status
from gnssice_batch.planning.rewriting import older_rows
from gnssice_batch.planning.software import reader_name
from gnssice_batch.store.layout.file_rows import Columns
from gnssice_batch.store.reading.contents import (
    Snapshot,
    StoredGroup,
    branch_head,
    contents,
    history,
    not_for_writing,
    not_of_receivers,
)
from gnssice_batch.store.reading.size import repository_bytes
from gnssice_batch.store.repository import Repository, no_such_branch, open_existing

_COLUMNS: Final = ("uri", "status", "size_bytes", "epochs_written", "epochs_joined")
"""What of the ledger is counted."""


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """The status of one receiver."""

    receiver: str
    interval_s: float
    phase_s: float
    span: Span | None
    """First and last epoch that it holds, which `open_dataset` begins and ends with; None where it holds none."""
    filled: int
    """Epochs that hold observations."""
    possible: int
    """Grid epochs from the first to the last epoch."""
    signals: int
    files: Mapping[str, int]
    """Files by status; a file that was taken again counts once, as it ended last."""
    archive_bytes: int
    """Size of these files."""
    older_reader: int
    """Those that were taken and that another version of the reader has read: ``repair --older-reader``."""
    stored_bytes: int
    """Size of the receiver's chunks."""


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """The status of a repository, at the head of ``run.branch``."""

    url: str
    snapshot: Snapshot
    stored_bytes: int
    """Size of the whole repository, all its versions together."""
    receivers: tuple[ReceiverStatus, ...]
    other_groups: tuple[str, ...] = ()
    """Groups that other programs made; left alone."""

    def as_json(self) -> dict[str, object]:
        """The status as plain JSON values."""
        return as_json(self)


def store_status(settings: config.Settings, target: Target | None = None) -> StoreStatus:
    """Look at the repository that the settings name.

    Parameters
    ----------
    target
        Another one.

    Raises
    ------
    StoreError
        When there is none, or it can't be read.
    """
    target = target or target_of(settings)
    repository, branch = receivers_repository(target), target.branch
    found = contents(repository, _COLUMNS, partial(_receiver_status, reader_name(settings)), branch)
    return StoreStatus(
        url=repository.url,
        snapshot=next(history(repository, branch)),
        stored_bytes=repository_bytes(repository),
        receivers=tuple(found.receivers.values()),
        other_groups=found.others,
    )


def existing_repository(target: Target) -> Repository:
    """The repository of a target, for reading at the head of its branch.

    Raises
    ------
    StoreError
        When there is none, it can't be read, or has no such branch.
    """
    repository = open_existing(target.location)
    if repository is None:
        raise no_repository(target)
    if branch_head(repository, target.branch) is None:
        raise no_such_branch(repository, target.branch)
    return repository


def receivers_repository(target: Target) -> Repository:
    """Likewise, where it is none of another product.

    Raises
    ------
    StoreError
        Also when it is; the message says which commands are for it.
    """
    repository = existing_repository(target)
    if why := not_of_receivers(repository, target.branch):
        raise StoreError(why)
    return repository


def own_repository(target: Target) -> Repository:
    """Likewise, where its head is of this program.

    Raises
    ------
    StoreError
        Also when only other programs, or a later version of this one, have made what it holds.
    """
    repository = existing_repository(target)
    if why := not_for_writing(repository, target.branch):
        raise StoreError(why)
    return repository


def no_repository(target: Target) -> StoreError:
    """The error of a repository that is not there; what is there instead is named first.

    Raises
    ------
    StoreError
        When something else is in its place.
    """
    check_place(target)
    return StoreError(f"there is no repository at {target.url} yet: the first run makes it")


def as_json(found: StoreStatus) -> dict[str, object]:
    """The store_status as plain JSON values."""
    return {
        "url": found.url,
        "snapshot": {"id": found.snapshot.id, "written_at": found.snapshot.written_at},
        "stored_bytes": found.stored_bytes,
        "receivers": {one.receiver: _receiver_json(one) for one in found.receivers},
        "other_groups": list(found.other_groups),
    }


def _receiver_json(one: ReceiverStatus) -> dict[str, object]:
    span = one.span
    return {
        "first_epoch": str(gps_datetime(span.first_ns)) if span else None,
        "last_epoch": str(gps_datetime(span.last_ns)) if span else None,
        "interval_s": one.interval_s,
        "phase_s": one.phase_s,
        "epochs_filled": one.filled,
        "epochs_possible": one.possible,
        "signals": one.signals,
        "files": dict(one.files),
        "archive_bytes": one.archive_bytes,
        "older_reader": one.older_reader,
        "stored_bytes": one.stored_bytes,
    }


def _receiver_status(present: str, group: StoredGroup, files: Columns, stored_bytes: int) -> ReceiverStatus:
    grid = group.template.grid
    latest = latest_rows(files["uri"])
    statuses = Counter(str(status) for status in files["status"][latest].tolist())
    span = group.span
    return ReceiverStatus(
        receiver=group.template.receiver,
        interval_s=grid.interval_ns / SECOND_NS,
        phase_s=grid.phase_ns / SECOND_NS,
        span=span,
        filled=int((files["epochs_written"] - files["epochs_joined"]).sum()),
        possible=grid.slot(span.last_ns) - grid.slot(span.first_ns) + 1 if span else 0,
        signals=len(group.template.axis.sids),
        files={str(status): statuses.get(str(status), 0) for status in Status},
        archive_bytes=int(files["size_bytes"][latest].sum()),
        older_reader=len(older_rows(group.ledger, present)),
        stored_bytes=stored_bytes,
    )


def latest_rows(uris: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """The last row of each file in a ledger, ascending."""
    return np.array(sorted({uri: row for row, uri in enumerate(uris.tolist())}.values()), np.int64)
