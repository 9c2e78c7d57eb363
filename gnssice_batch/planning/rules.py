"""The rules of planning: settings of archive, grids, reader, new groups, looked up once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from gnssice_batch import config
from gnssice_batch.archive.listing import access
from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.ingest.header_facts import Overrides
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.model.grid import DAY_NS
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import Strategy
from gnssice_batch.planning.breaker import BreakerLimits
from gnssice_batch.planning.part import Part
from gnssice_batch.planning.plan import Retry
from gnssice_batch.planning.rewriting import Rewrite
from gnssice_batch.planning.sampling import STEADY_NS
from gnssice_batch.planning.software import reader_name
from gnssice_batch.rinex import ReadOptions
from gnssice_batch.storage.location import Location
from gnssice_batch.store.repository import repository_url

_GPS_EPOCH = date(1980, 1, 6)
_DAYS_AHEAD = timedelta(days=2)

type Wish = Retry | Rewrite | Part
"""What a run takes instead of what is new."""


@dataclass(frozen=True, slots=True)
class NewGroups:
    """What new groups are made with."""

    site: str
    unit_epochs: int
    """Wanted epochs of a write unit."""
    profile: str
    algorithm: str
    level: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What planning follows."""

    archive: config.Archive
    grid_of: Callable[[str], config.Grid]
    """Receiver to the settings of its grid."""
    overrides_of: Callable[[str], Overrides]
    """Receiver to how its codes are read otherwise than by the mapping."""
    options: ReadOptions
    reader: str
    """Program and reader with their versions, as the ledger says who read a file."""
    strategy: Strategy
    groups: NewGroups
    limits: BreakerLimits
    sample_files: int
    kept_bytes: int
    """Files per new receiver that are read before its group is made."""
    partition_units: int | None
    """Write units of a partition; None: what suits the files."""
    store: Location
    """The repository of the site."""
    any_date: bool = False
    """Whether files an absurd distance from their receiver's other data are taken."""

    def bounds(self, receiver: str, template: GroupTemplate | None = None) -> Bounds:
        """Plausible dates of a receiver, and its tolerance: the group's where it keeps one, else the settings'."""
        grid = self.grid_of(receiver)
        latest = grid.latest or datetime.now(UTC).date() + _DAYS_AHEAD
        gap_ns = None if grid.max_gap_days is None or self.any_date else grid.max_gap_days * DAY_NS
        kept = template.tolerance_ns if template else None
        chosen = STEADY_NS if grid.tolerance_ns is None else grid.tolerance_ns
        return Bounds(_day_ns(grid.earliest), _day_ns(latest), chosen if kept is None else kept, gap_ns)

    def context(self, receivers: Iterable[str], templates: Mapping[str, GroupTemplate] | None = None) -> ReadContext:
        """How workers read the files of these receivers, and place their epochs on the grids of these templates."""
        known = templates or {}
        bounds = {receiver: self.bounds(receiver, known.get(receiver)) for receiver in receivers}
        overrides = {receiver: self.overrides_of(receiver) for receiver in bounds}
        archive = access(self.archive)
        return ReadContext(
            archive, self.options, bounds, overrides=overrides, store=self.store, kept_bytes=self.kept_bytes
        )


def rules_of(settings: config.Settings, retry: Wish | None = None) -> Rules:
    """What the settings say of planning.

    Parameters
    ----------
    retry
        What is taken instead of what is new: naming ``implausible_date`` is the consent to dates that are, and units
        that are made again from nothing hold nothing that a strategy could keep.
    """
    run, reader = settings.run, settings.reader
    return Rules(
        archive=settings.archive,
        grid_of=settings.grid_of,
        overrides_of=settings.signal_overrides_of,
        options=ReadOptions(
            reader=reader.kind,
            decoder=reader.decoder,
            max_unpacked_bytes=reader.max_unpacked_bytes,
            signal_overrides=reader.signal_overrides,
        ),
        reader=reader_name(settings),
        strategy=Strategy.BEST if isinstance(retry, Rewrite) else Strategy(run.overlap),
        groups=_new_groups(settings),
        limits=BreakerLimits(run.breaker_files, run.breaker_fraction, run.on_error == "fail"),
        sample_files=run.sample_files,
        kept_bytes=reader.kept_bytes,
        partition_units=run.partition_units,
        store=Location(repository_url(settings.store.url, settings.site), settings.store.storage_options),
        any_date=isinstance(retry, Retry) and Reason.IMPLAUSIBLE_DATE in retry.reasons,
    )


def _new_groups(settings: config.Settings) -> NewGroups:
    codec = settings.icechunk
    return NewGroups(
        site=settings.site,
        unit_epochs=settings.chunks.epoch,
        profile=settings.encoding.profile,
        algorithm=codec.compression_algorithm,
        level=codec.compression_level,
        attributes=settings.attributes,
    )


def _day_ns(day: date) -> int:
    return (day - _GPS_EPOCH).days * DAY_NS
