"""The quarantine: rejected files in the ledger, chosen for a retry."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gnssice_batch import config
from gnssice_batch.errors import ConfigError, Reason
from gnssice_batch.job.target import target_of
from gnssice_batch.model.values import Status
from gnssice_batch.operate.status import existing_repository, latest_rows
from gnssice_batch.planning.plan import Retry
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.store.reading.contents import stored_files, stored_receivers


@dataclass(frozen=True, slots=True)
class Refused:
    """One file that did not end ``ok``, by its latest ledger row."""

    receiver: str
    file: str
    """Path below the archive's root."""
    status: str
    reason: str
    detail: str
    line: int
    """Line of the first offence in the unpacked file, counted from 1; 0 where there is none."""
    first_bytes: str
    """What that line begins with, one character a byte (Latin-1)."""
    reader: str
    """Program and reader that refused it."""
    older_reader: bool
    """Whether that is not the present one."""
    read_at: str
    """ISO 8601."""


def refused(
    settings: config.Settings,
    receivers: Collection[str] = (),
    reasons: Collection[str] = (),
    *,
    partial: bool = False,
) -> tuple[Refused, ...]:
    """The refused files of a store, by receiver and name.

    Parameters
    ----------
    receivers, reasons
        Only of these; empty: of all.
    partial
        Those too that were taken in part.

    Raises
    ------
    ConfigError
        When a receiver or a reason is not known.
    StoreError
        When there is no repository, or it can't be read.
    """
    target = target_of(settings)
    repository, branch = existing_repository(target), target.branch
    known = stored_receivers(repository, branch)
    _check("receiver", receivers, known)
    _check("reason", reasons, [str(reason) for reason in Reason])
    statuses = {Status.REJECTED, Status.PARTIAL} if partial else {Status.REJECTED}
    present = rules_of(settings).reader
    found = (
        file
        for receiver in receivers or known
        for file in _of(receiver, stored_files(repository, receiver, branch), statuses, present)
        if not reasons or file.reason in reasons
    )
    return tuple(sorted(found, key=lambda file: (file.receiver, file.file)))


def retry_of(
    settings: config.Settings,
    receivers: Collection[str] = (),
    reasons: Collection[str] = (),
    *,
    older_reader: bool = False,
) -> Retry:
    """What a run is told so that it takes these refused files again.

    Parameters
    ----------
    older_reader
        Only those that another reader than the present one refused.

    Raises
    ------
    ConfigError
        When a receiver or a reason is not known.
    StoreError
        When there is no repository, or it can't be read.
    """
    target = target_of(settings)
    _check("receiver", receivers, stored_receivers(existing_repository(target), target.branch))
    _check("reason", reasons, [str(reason) for reason in Reason])
    return Retry(frozenset(reasons), frozenset(receivers), rules_of(settings).reader if older_reader else None)


def as_json(files: Collection[Refused]) -> dict[str, object]:
    """The refused files as plain JSON values."""
    return {"files": [asdict(file) for file in files]}


def _of(
    receiver: str, columns: Mapping[str, npt.NDArray[np.generic]], statuses: Collection[Status], present: str
) -> Iterator[Refused]:
    latest = latest_rows(columns["uri"])
    for row in latest[np.isin(columns["status"][latest].astype(str), [str(status) for status in statuses])].tolist():
        said: dict[str, Any] = {name: column[row] for name, column in columns.items()}
        yield Refused(
            receiver=receiver,
            file=said["uri"],
            status=said["status"],
            reason=said["reason"],
            detail=said["detail"],
            line=int(said["line"]),
            first_bytes=said["first_bytes"],
            reader=said["reader"],
            older_reader=said["reader"] != present,
            read_at=said["read_at"],
        )


def _check(what: str, wanted: Collection[str], known: Collection[str]) -> None:
    unknown = [each for each in wanted if each not in known]
    if unknown:
        message = f"there is no {what} {unknown[0]!r}; there are {', '.join(sorted(known)) or 'none'}"
        raise ConfigError(message)
