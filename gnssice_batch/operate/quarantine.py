"""The quarantine: rejected files in the ledger, chosen for a retry."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, Final

import numpy as np

from gnssice_batch import config
from gnssice_batch.errors import ConfigError, Reason
from gnssice_batch.job.target import target_of
from gnssice_batch.model.reasons import ranked_reasons
from gnssice_batch.model.values import Status, Tally
from gnssice_batch.operate.status import latest_rows, own_repository
from gnssice_batch.planning.plan import Retry
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.store.layout.file_rows import Columns
from gnssice_batch.store.reading.contents import of_ledgers, stored_receivers

COLUMNS: Final = (
    *("uri", "status", "reason", "skipped", "refused", "detail"),
    *("line", "first_bytes", "reader", "read_at"),
)
"""What of the ledger is told of a file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One file that did not end ``ok``, by its latest ledger row."""

    receiver: str
    file: str
    """Path below the archive's root."""
    status: str
    reason: str
    """What it was rejected for, else the first thing it lost."""
    reasons: Mapping[str, int]
    """All of them with their counts, as `ranked_reasons` orders them."""
    detail: str
    line: int
    """Line of the first offence in the unpacked file, counted from 1; 0 where there is none."""
    first_bytes: str
    """What that line begins with, one character a byte (Latin-1)."""
    reader: str
    """Program and reader that read it."""
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
    """The rejected files of a store, by receiver and name.

    Parameters
    ----------
    receivers, reasons
        Only of these; empty: of all.
    partial
        Those too that are partial.

    Raises
    ------
    ConfigError
        When a receiver or a reason is not known.
    StoreError
        When there is no repository, or it can't be read.
    """
    target = target_of(settings)
    repository, branch = own_repository(target), target.branch
    known = stored_receivers(repository, branch)
    _check("receiver", receivers, known)
    _check("reason", reasons, [str(reason) for reason in Reason])
    statuses = {Status.REJECTED, Status.PARTIAL} if partial else {Status.REJECTED}
    present = rules_of(settings).reader

    def listed(receiver: str, columns: Columns) -> list[Refused]:
        return [file for file in refused_of(receiver, columns, statuses, present) if not reasons or _has(file, reasons)]

    found = chain(*of_ledgers(repository, receivers or known, COLUMNS, listed, branch).values())
    return tuple(sorted(found, key=lambda file: (file.receiver, file.file)))


def retry_of(
    settings: config.Settings,
    receivers: Collection[str] = (),
    reasons: Collection[str] = (),
    *,
    older_reader: bool = False,
) -> Retry:
    """What a run is told so that it takes these rejected files again.

    Parameters
    ----------
    older_reader
        Only those that another reader than the present one rejected.

    Raises
    ------
    ConfigError
        When a receiver or a reason is not known.
    StoreError
        When there is no repository, or it can't be read.
    """
    target = target_of(settings)
    _check("receiver", receivers, stored_receivers(own_repository(target), target.branch))
    _check("reason", reasons, [str(reason) for reason in Reason])
    return Retry(frozenset(reasons), frozenset(receivers), rules_of(settings).reader if older_reader else None)


def as_json(files: Collection[Refused]) -> dict[str, object]:
    """These files as plain JSON values."""
    return {"files": [asdict(file) for file in files]}


def refused_of(receiver: str, columns: Columns, statuses: Collection[Status], present: str) -> Iterator[Refused]:
    """The files of a receiver that ended in one of these ways.

    Parameters
    ----------
    columns
        `COLUMNS` of its ledger.
    present
        The present reader.
    """
    latest = latest_rows(columns["uri"])
    for row in latest[np.isin(columns["status"][latest].astype(str), [str(status) for status in statuses])].tolist():
        said: dict[str, Any] = {name: column[row] for name, column in columns.items()}
        yield Refused(
            receiver=receiver,
            file=said["uri"],
            status=said["status"],
            reason=said["reason"],
            reasons=_all_reasons(said),
            detail=said["detail"],
            line=int(said["line"]),
            first_bytes=said["first_bytes"],
            reader=said["reader"],
            older_reader=said["reader"] != present,
            read_at=said["read_at"],
        )


def _has(file: Refused, reasons: Collection[str]) -> bool:
    """Whether a file is listed for these reasons: a rejected one for what a retry asks for, else for all it lost."""
    named = (file.reason,) if file.status == Status.REJECTED.value else file.reasons
    return any(reason in reasons for reason in named)


def _all_reasons(said: Mapping[str, Any]) -> dict[str, int]:
    """Every reason of a row with its count."""
    rejected_for = Reason(said["reason"]) if said["status"] == Status.REJECTED.value else None
    skipped = {Reason(reason): count for reason, count in json.loads(said["skipped"] or "{}").items()}
    refused = {Reason(reason): Tally(*tally) for reason, tally in json.loads(said["refused"] or "{}").items()}
    return {str(reason): count for reason, count in ranked_reasons(rejected_for, skipped, refused).items()}


def _check(what: str, wanted: Collection[str], known: Collection[str]) -> None:
    unknown = [each for each in wanted if each not in known]
    if unknown:
        message = f"there is no {what} {unknown[0]!r}; there are {', '.join(sorted(known)) or 'none'}"
        raise ConfigError(message)
