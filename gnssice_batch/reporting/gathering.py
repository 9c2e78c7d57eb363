"""Everything that a report says of a repository: from its ledgers, coordinates, a few reads of observations."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import numpy as np

from gnssice_batch import config
from gnssice_batch.errors import ConfigError
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import Span
from gnssice_batch.operate.status import receivers_repository
from gnssice_batch.planning.software import SOFTWARE, reader_name
from gnssice_batch.reporting import files, presence, samples
from gnssice_batch.reporting.facts import ReceiverFacts, StoreFacts, VersionFacts, system_place
from gnssice_batch.signals import split_sid
from gnssice_batch.store.layout.coverage import coverage
from gnssice_batch.store.reading.cells import StoredCells, cells_in
from gnssice_batch.store.reading.contents import other_groups, stored_receivers
from gnssice_batch.store.reading.size import group_bytes, repository_bytes
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.versions import Version, VersionName, snapshot_of, version_at, versions_before
from gnssice_batch.wording import several

MOST_VERSIONS: Final = 200
_DAY: Final = np.timedelta64(1, "D")
_GPS_START: Final = np.datetime64("1980-01-06", "D")
_COLUMNS: Final = tuple(dict.fromkeys((*presence.COLUMNS, *files.COLUMNS)))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a repository a report is asked for."""

    receivers: Collection[str] = ()
    """Only these; empty: all."""
    since: date | None = None
    """Only from the begin of this day on, GPS time."""
    version: VersionName | None = None
    """None: what the branch holds now."""

    @property
    def since_ns(self) -> int | None:
        """The begin of what is looked at; None for all of it."""
        days = None if self.since is None else (np.datetime64(self.since, "D") - _GPS_START) // _DAY
        return None if days is None else int(days) * 86_400 * SECOND_NS


def store_facts(settings: config.Settings, target: Target | None = None, wanted: Wanted | None = None) -> StoreFacts:
    """Look at the repository that the settings name.

    Parameters
    ----------
    target
        Another one.

    Raises
    ------
    ConfigError
        When it has no such receiver.
    StoreError
        When there is none, it has no such version, or it can't be read.
    """
    target, wanted = target or target_of(settings), wanted or Wanted()
    repository = receivers_repository(target)
    snapshot = snapshot_of(repository, wanted.version or repository.head(target.branch), target.branch)
    there = stored_receivers(repository, target.branch, snapshot)
    chosen = _chosen(there, wanted.receivers)
    budget = samples.BUDGET_BYTES // max(1, len(chosen))
    look = _Look(repository, snapshot, reader_name(settings), wanted.since_ns, budget)
    history = versions_before(repository, snapshot)
    return StoreFacts(
        url=repository.url,
        version=_version(version_at(repository, snapshot)),
        branch=target.branch,
        software=SOFTWARE,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        receivers=tuple(map(look.at, chosen)),
        left_out=len(there) - len(chosen),
        since_ns=wanted.since_ns,
        other_groups=other_groups(repository, target.branch, snapshot),
        stored_bytes=repository_bytes(repository),
        versions=tuple(map(_version, history[: -MOST_VERSIONS - 1 : -1])),
        version_count=len(history),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """A look at the receivers of a repository, one after the other."""

    repository: Repository
    snapshot: str
    reader: str
    since_ns: int | None
    budget_bytes: int
    """Of signal strength that may be decoded of each."""

    def at(self, receiver: str) -> ReceiverFacts:
        """Everything that is said of a receiver."""
        cells = cells_in(self.repository, self.snapshot, receiver)
        grid, sids = cells.template.grid, cells.template.axis.sids
        span, rows = self._span(cells), cells.ledger(_COLUMNS)
        there = presence.presence(cells, span, rows) if span else None
        part = range(grid.slot(span.first_ns), grid.slot(span.last_ns) + 1) if span else range(0)
        return ReceiverFacts(
            receiver=receiver,
            interval_s=grid.interval_ns / SECOND_NS,
            phase_s=grid.phase_ns / SECOND_NS,
            first_ns=span.first_ns if span else None,
            last_ns=span.last_ns if span else None,
            station=files.station_of(cells.template.attributes),
            signals=_signals(sids),
            satellites=_satellites(sids),
            presence=there,
            samples=samples.samples(cells, there.hours, part, self.budget_bytes) if there else None,
            files=files.files_of(receiver, rows, self.reader, self.since_ns),
            stored_bytes=group_bytes(cells.group),
        )

    def _span(self, cells: StoredCells) -> Span | None:
        """What is looked at of a receiver's epochs; None for nothing."""
        grid, span = cells.template.grid, coverage(cells.group, cells.template.grid)
        if span is None or self.since_ns is None or self.since_ns <= span.first_ns:
            return span
        slot = -(-(self.since_ns - grid.time_ns(0)) // grid.interval_ns)
        return Span(grid.time_ns(slot), span.last_ns) if grid.time_ns(slot) <= span.last_ns else None


def _chosen(there: Collection[str], wanted: Collection[str]) -> list[str]:
    strangers = sorted(set(wanted).difference(there))
    if strangers:
        message = (
            f"--receiver: the store has no receiver {several(strangers)}; it has {several(sorted(there)) or 'none'}"
        )
        raise ConfigError(message)
    return [receiver for receiver in there if not wanted or receiver in wanted]


def _signals(sids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """By system the bands and codes of signals."""
    found: dict[str, set[str]] = {}
    for sid in sids:
        sv, band, code = split_sid(sid)
        found.setdefault(sv[:1], set()).add(f"{band}|{code}")
    return {system: tuple(sorted(found[system])) for system in sorted(found, key=system_place)}


def _satellites(sids: Collection[str]) -> dict[str, int]:
    """By system how many satellites signals are of."""
    svs = {split_sid(sid)[0] for sid in sids}
    return {system: sum(sv[:1] == system for sv in svs) for system in sorted({sv[:1] for sv in svs}, key=system_place)}


def _version(version: Version) -> VersionFacts:
    written_at = version.written_at.isoformat(timespec="seconds")
    return VersionFacts(version.number, version.id, written_at, version.message, version.tags)
