"""The status of a vod repository: span, units, orbits, versions of each analysis."""

from collections.abc import Iterable
from dataclasses import dataclass

from gnssice_batch import config
from gnssice_batch.canopy.planning import observations
from gnssice_batch.errors import StoreError
from gnssice_batch.job.target import target_of
from gnssice_batch.model.grid import SECOND_NS, gps_datetime
from gnssice_batch.model.values import Span
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.operate.status import own_repository
from gnssice_batch.store.reading.contents import Snapshot, branch_head, history, stored_receivers
from gnssice_batch.store.reading.size import repository_bytes
from gnssice_batch.store.reading.vod_groups import VodGroup, vod_groups
from gnssice_batch.store.repository import Repository, open_existing


@dataclass(frozen=True, slots=True)
class AnalysisStatus:
    """The status of one analysis."""

    group: str
    """Name of its group."""
    interval_s: float
    span: Span | None
    """First and last epoch that it holds; None where it holds none."""
    signals: int
    units: int
    """Units made that hold anything."""
    units_without_orbits: int
    """Units that wait for orbits."""
    orbit_files: int
    """Rows of ``metadata/orbits``."""
    rinex_snapshot: str
    """Version of the observations that it was brought up to."""
    behind: bool
    """Whether the observations have a later version."""


@dataclass(frozen=True, slots=True)
class VodStatus:
    """The status of a vod repository, at the head of ``run.branch``."""

    url: str
    snapshot: Snapshot
    stored_bytes: int
    """Size of the whole repository, all its versions together."""
    analyses: tuple[AnalysisStatus, ...]

    def as_json(self) -> dict[str, object]:
        """The status as plain JSON values."""
        return {
            "url": self.url,
            "snapshot": {"id": self.snapshot.id, "written_at": self.snapshot.written_at},
            "stored_bytes": self.stored_bytes,
            "analyses": {one.group: _analysis_json(one) for one in self.analyses},
        }


def vod_status(settings: config.Settings) -> VodStatus:
    """Look at the vod repository that the settings name.

    Raises
    ------
    StoreError
        When there is none, or it can't be read.
    """
    target = target_of(settings, product=VOD.product)
    repository, branch = own_repository(target), target.branch
    rinex = observations(settings)
    head = branch_head(rinex, branch) or rinex.head()
    snapshot = next(history(repository, branch))
    groups = vod_groups(repository, snapshot.id, stored_receivers(repository, snapshot=snapshot.id))
    found = tuple(_analysis(name, group, head) for name, group in groups.items())
    return VodStatus(repository.url, snapshot, repository_bytes(repository), found)


def named_snapshots(settings: config.Settings) -> frozenset[str]:
    """The versions of the observations that the next vod run compares with; none where there is no vod repository.

    Raises
    ------
    StoreError
        When it can't be read.
    """
    repository = open_existing(target_of(settings, product=VOD.product).location)
    if repository is None:
        return frozenset()
    return frozenset(_named(repository, sorted(repository.handle.list_branches())))


def _named(repository: Repository, branches: Iterable[str]) -> Iterable[str]:
    for branch in branches:
        head = repository.head(branch)
        try:
            groups = vod_groups(repository, head, stored_receivers(repository, snapshot=head))
        except StoreError as error:
            msg = f"which observations the vod repository needs can't be told: {error}"
            raise StoreError(msg) from error
        yield from (group.rinex_snapshot for group in groups.values() if group.rinex_snapshot)


def _analysis(name: str, group: VodGroup, head: str) -> AnalysisStatus:
    return AnalysisStatus(
        group=name,
        interval_s=group.template.grid.interval_ns / SECOND_NS,
        span=group.span,
        signals=len(group.template.axis.sids),
        units=sum(unit.epochs > 0 for unit in group.ledger.units.values()),
        units_without_orbits=len(group.waiting),
        orbit_files=group.ledger.rows,
        rinex_snapshot=group.rinex_snapshot,
        behind=group.rinex_snapshot != head,
    )


def _analysis_json(one: AnalysisStatus) -> dict[str, object]:
    span = one.span
    return {
        "first_epoch": str(gps_datetime(span.first_ns)) if span else None,
        "last_epoch": str(gps_datetime(span.last_ns)) if span else None,
        "interval_s": one.interval_s,
        "signals": one.signals,
        "units": one.units,
        "units_without_orbits": one.units_without_orbits,
        "orbit_files": one.orbit_files,
        "rinex_snapshot": one.rinex_snapshot,
        "behind": one.behind,
    }
