"""What there is to do: the archive as listed against the store as it stands."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from itertools import groupby

from gnssice_batch import config
from gnssice_batch.archive.listing import Listing, access, list_files
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.model.grid import DAY_NS, empty_grid
from gnssice_batch.model.template import (
    NON_INDEX_COORDINATES,
    GroupTemplate,
    shard_width,
    signal_axis,
)
from gnssice_batch.model.values import Overlap, SourceFile, Strategy
from gnssice_batch.planning.breaker import Breaker
from gnssice_batch.planning.plan import Retry, select
from gnssice_batch.planning.survey import FileSurvey, channels, sampling
from gnssice_batch.rinex import READER_VERSION, ReadOptions
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from gnssice_batch.store.layout.ledger import Ledger, StoredRefusal
from gnssice_batch.store.reading.contents import StoredGroup, branch_head, first_snapshot, last_epoch_ns, stored_groups
from gnssice_batch.store.repository import MAIN, Repository, RepositoryOptions, open_existing, repository_url

_GPS_EPOCH = date(1980, 1, 6)
_DAYS_AHEAD = timedelta(days=2)

SOFTWARE = f"gnssice_batch {version('gnssice-batch')}"


@dataclass(frozen=True, slots=True)
class Backlog:
    """The files that are new or changed, and the groups they belong to."""

    listing: Listing
    snapshot: str | None
    """Head of the target branch that `stored` was read at; None where there is no repository yet."""
    stored: Mapping[str, StoredGroup]
    files: Mapping[str, tuple[SourceFile, ...]]
    """What is to be taken, by receiver; receivers without any are left out."""
    up_to_date: int
    """Files of the archive that the ledger knows as they are, and that are not taken."""
    refused: Mapping[str, StoredRefusal]
    """By URI, why an earlier run refused a file that is tried again as it is."""
    overlaps: Mapping[str, Overlap]
    """By receiver what may be done to the epochs that are there."""
    reader: str
    """Program and reader of this run."""

    def base(self, repository: Repository) -> str:
        """Snapshot that the plan was made on: of a repository that was not there, its very first."""
        return self.snapshot or first_snapshot(repository)

    def ledger(self, receiver: str) -> Ledger:
        """The ledger of a receiver, empty for a new one."""
        return self.stored[receiver].ledger if receiver in self.stored else Ledger()

    def template(self, receiver: str) -> GroupTemplate | None:
        """The stored template of a receiver, None for a new one."""
        return self.stored[receiver].template if receiver in self.stored else None


def find_backlog(settings: config.Settings, retry: Retry | None = None) -> Backlog:
    """List the archive and hold it against the store; nothing is changed.

    Parameters
    ----------
    retry
        Take only the refused files that it wants.

    Raises
    ------
    ArchiveError, PlanError, RefusedError, StoreError
        As `list_files` and `stored_groups` say.
    """
    limits = settings.run.breaker_files, settings.run.breaker_fraction
    listing = list_files(settings.archive, lambda: Breaker(*limits).check)
    repository = open_existing(store_url(settings))
    snapshot = branch_head(repository, settings.run.branch) or branch_head(repository, MAIN) if repository else None
    stored = stored_groups(repository, snapshot) if repository and snapshot else {}
    by_receiver = {receiver: tuple(files) for receiver, files in groupby(listing.files, key=lambda file: file.receiver)}
    ledgers = {receiver: group.ledger for receiver, group in stored.items()}
    chosen = {name: select(files, ledgers.get(name, Ledger()), retry) for name, files in by_receiver.items()}
    taken = {receiver: selection.files for receiver, selection in chosen.items() if selection.files}
    return Backlog(
        listing,
        snapshot,
        stored,
        taken,
        up_to_date=len(listing.files) - sum(len(selection.files) + selection.left for selection in chosen.values()),
        refused={uri: why for selection in chosen.values() for uri, why in selection.refused.items()},
        overlaps=_overlaps(settings, repository, snapshot, stored.keys(), taken),
        reader=reader_name(settings),
    )


def reader_name(settings: config.Settings) -> str:
    """Program and reader with their versions, as the ledger says who read a file."""
    return f"{SOFTWARE}, reader {READER_VERSION} {settings.reader.kind}, decoder {settings.reader.decoder}"


def _overlaps(
    settings: config.Settings,
    repository: Repository | None,
    snapshot: str | None,
    stored: Collection[str],
    receivers: Iterable[str],
) -> dict[str, Overlap]:
    strategy = Strategy(settings.run.overlap)
    overlaps = dict.fromkeys(receivers, Overlap(strategy))
    if strategy is Strategy.APPEND and repository and snapshot:
        held = {receiver: last_epoch_ns(repository, snapshot, receiver) for receiver in overlaps if receiver in stored}
        overlaps |= {receiver: Overlap(strategy, after_ns) for receiver, after_ns in held.items()}
    return overlaps


def store_url(settings: config.Settings) -> str:
    """Where the repository of the site is."""
    return repository_url(settings.store.url, settings.site)


def repository_options(settings: config.Settings) -> RepositoryOptions:
    """Icechunk's own settings."""
    section = settings.icechunk
    return RepositoryOptions(section.compression_level, section.inline_threshold, section.get_concurrency)


def read_context(settings: config.Settings, receivers: Iterable[str]) -> ReadContext:
    """How workers read the files of these receivers."""
    section = settings.reader
    options = ReadOptions(
        reader=section.kind,
        decoder=section.decoder,
        max_unpacked_bytes=section.max_unpacked_bytes,
        signal_overrides=section.signal_overrides,
    )
    bounds = {receiver: receiver_bounds(settings, receiver) for receiver in receivers}
    return ReadContext(access(settings.archive), options, bounds)


def receiver_bounds(settings: config.Settings, receiver: str) -> Bounds:
    """Plausible dates and snapping tolerance of a receiver."""
    grid = settings.grid_of(receiver)
    latest = grid.latest or datetime.now(UTC).date() + _DAYS_AHEAD
    return Bounds(_day_ns(grid.earliest), _day_ns(latest), grid.tolerance_ns)


def new_template(settings: config.Settings, receiver: str, surveys: Iterable[FileSurvey]) -> GroupTemplate:
    """The template of a new group, its grid still empty, from what a sample of its files says.

    Raises
    ------
    PlanError
        When neither settings nor files tell the interval.
    ConfigError
        When the interval does not divide a day.
    """
    surveys = list(surveys)
    grid_settings = settings.grid_of(receiver)
    marks = sampling(receiver, surveys, grid_settings.interval_ns, grid_settings.phase_ns, grid_settings.tolerance_ns)
    spans = [survey.outcome.facts.span for survey in surveys if survey.outcome.facts.span]
    first_ns = min(span.first_ns for span in spans)
    sids = sorted({sid for survey in surveys for sid in survey.sids})
    return GroupTemplate(
        receiver=receiver,
        grid=empty_grid(marks.interval_ns, marks.phase_ns, settings.chunks.epoch, first_ns),
        axis=signal_axis(sids),
        shard_sids=shard_width(len(sids)),
        profile=settings.encoding.profile,
        algorithm=settings.icechunk.compression_algorithm,
        level=settings.icechunk.compression_level,
        channels=channels(surveys),
        attributes=_attributes(settings, receiver),
    )


def _attributes(settings: config.Settings, receiver: str) -> dict[str, object]:
    return {
        **settings.attributes,
        "Created": datetime.now(UTC).isoformat(timespec="seconds"),
        "Software": SOFTWARE,
        "File Hash": "see metadata/files",
        "Conventions": "CF-1.11",
        "coordinates": " ".join(NON_INDEX_COORDINATES),
        "receiver": receiver,
        "site": settings.site,
        "time_system": "GPST",
        "mapping": MAPPING_NAME,
        "mapping_version": MAPPING_VERSION,
    }


def _day_ns(day: date) -> int:
    return (day - _GPS_EPOCH).days * DAY_NS
