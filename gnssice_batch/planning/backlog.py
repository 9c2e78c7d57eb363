"""The backlog: files of the archive that the store does not hold yet."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

import numpy as np
import numpy.typing as npt

from gnssice_batch.archive.listing import ArchiveAccess, Listing, access, list_files
from gnssice_batch.errors import ArchiveError, PlanError
from gnssice_batch.ingest.header_facts import overrides_text
from gnssice_batch.model.grid import empty_grid
from gnssice_batch.model.markers import main_marker
from gnssice_batch.model.template import (
    NON_INDEX_COORDINATES,
    GroupTemplate,
    shard_width,
    signal_axis,
)
from gnssice_batch.model.values import Overlap, SourceFile, Status, Strategy
from gnssice_batch.planning.header_attributes import first_header, header_attributes
from gnssice_batch.planning.part import Part
from gnssice_batch.planning.plan import Retry, select
from gnssice_batch.planning.presence import check_gone, check_not_empty, check_owners, gone
from gnssice_batch.planning.rewriting import Rewrite, Rewriting, check_losses, rewriting
from gnssice_batch.planning.rules import NewGroups, Rules, Wish
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.planning.survey import FileSurvey, channels, for_interval, sampling
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from gnssice_batch.store.layout.file_rows import Columns
from gnssice_batch.store.layout.ledger import Ledger, StoredRefusal
from gnssice_batch.store.reading.contents import (
    StoredGroup,
    branch_head,
    first_snapshot,
    not_for_writing,
    of_ledgers,
    other_groups,
    stored_groups,
)
from gnssice_batch.store.repository import MAIN, Repository


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
    left: int = 0
    """New or changed files that are left for a later run, which was asked for."""
    gone: tuple[str, ...] = ()
    """Files that were taken and that the archive has no more."""
    rewriting: Mapping[str, Rewriting] = field(default_factory=dict)
    """By receiver, where units are made again from nothing: nothing else is done then."""
    accept_loss: bool = False
    """Whether these units are made again without what the archive does not give any more."""

    def base(self, repository: Repository) -> str:
        """Snapshot that the plan was made on: of a repository that was not there, its very first."""
        return self.snapshot or first_snapshot(repository)

    def ledger(self, receiver: str) -> Ledger:
        """The ledger of a receiver, empty for a new one."""
        return self.stored[receiver].ledger if receiver in self.stored else Ledger()

    def template(self, receiver: str) -> GroupTemplate | None:
        """The stored template of a receiver, None for a new one."""
        return self.stored[receiver].template if receiver in self.stored else None


def find_backlog(rules: Rules, repository: Repository | None, branch: str, retry: Wish | None = None) -> Backlog:
    """List the archive and compare it with the store; nothing is changed.

    Parameters
    ----------
    repository, branch
        Repository, None where there is none yet, and the branch that the run publishes on.
    retry
        Take only what it wants.

    Raises
    ------
    ArchiveError, PlanError, RefusedError, StoreError
        As `list_files` and `stored_groups` say.
    ConfigError
        When receivers are asked for that the archive does not have.
    """
    listing = list_files(rules.archive, lambda: rules.limits.survey().check)
    snapshot = branch_head(repository, branch) or branch_head(repository, MAIN) if repository else None
    stored = stored_groups(repository, snapshot) if repository and snapshot else {}
    by_receiver = {receiver: tuple(files) for receiver, files in groupby(listing.files, key=lambda file: file.receiver)}
    ledgers = {receiver: group.ledger for receiver, group in stored.items()}
    refused = retry if isinstance(retry, Retry) else None
    chosen = {name: select(files, ledgers.get(name, Ledger()), refused) for name, files in by_receiver.items()}
    chosen = retry.of(chosen) if isinstance(retry, Part) else chosen
    taken = {receiver: selection.files for receiver, selection in chosen.items() if selection.files}
    missing = gone(listing, ledgers)
    if not isinstance(retry, Rewrite):
        check_not_empty(listing, rules.archive)
        check_gone(missing, ledgers, rules.archive)
        if repository and snapshot:
            _check_groups(taken.keys() - stored.keys(), repository, snapshot, first=not stored)
        check_owners((file for files in taken.values() for file in files), ledgers, rules.archive)
    overlaps = dict.fromkeys(taken, Overlap(rules.strategy))
    if rules.strategy is Strategy.APPEND:
        overlaps |= {receiver: _after(stored[receiver]) for receiver in taken.keys() & stored.keys()}
    found = Backlog(
        listing,
        snapshot,
        stored,
        taken,
        up_to_date=len(listing.files) - sum(len(selection.files) + selection.left for selection in chosen.values()),
        refused={uri: why for selection in chosen.values() for uri, why in selection.refused.items()},
        overlaps=overlaps,
        reader=rules.reader,
        left=sum(selection.left for selection in chosen.values()),
        gone=missing,
    )
    if not isinstance(retry, Rewrite):
        return found
    return _rewriting(found, repository, by_receiver, retry, partial(_is_same, access(rules.archive)))


def _is_same(archive: ArchiveAccess, file: SourceFile, sha256: str) -> bool:
    try:
        return hashlib.sha256(archive.fetch(file.uri)).hexdigest() == sha256
    except ArchiveError:
        return False


def _rewriting(
    backlog: Backlog,
    repository: Repository | None,
    files: Mapping[str, tuple[SourceFile, ...]],
    wish: Rewrite,
    same: Callable[[SourceFile, str], bool],
) -> Backlog:
    """The backlog of units that are made again, instead of that of files that are new."""
    there = sorted(wish.units.keys() & backlog.stored.keys())
    columns = ["epochs_written"]
    rows = of_ledgers(repository, there, columns, _written, snapshot=backlog.snapshot) if repository else {}
    found = {
        name: rewriting(wish.units[name], group.template.grid, files.get(name, ()), group.ledger, rows[name], same)
        for name in there
        for group in [backlog.stored[name]]
    }
    if not wish.accept_loss:
        check_losses(found.values())
    taken = {name: one.files for name, one in found.items() if one.files}
    overlaps = dict.fromkeys(taken, Overlap())
    return replace(
        backlog,
        files=taken,
        up_to_date=backlog.up_to_date - sum(map(len, taken.values())),
        refused={},
        overlaps=overlaps,
        rewriting=found,
        accept_loss=wish.accept_loss,
    )


def _written(_: str, columns: Columns) -> npt.NDArray[np.int64]:
    return columns["epochs_written"].astype(np.int64)


def _check_groups(new: Collection[str], repository: Repository, snapshot: str, *, first: bool) -> None:
    """Refuse new receivers in a repository of another program, and those whose names groups of others have."""
    if new and first and (why := not_for_writing(repository, snapshot=snapshot)):
        raise PlanError([why])
    meeting = sorted({*new} & {*other_groups(repository, snapshot=snapshot)}) if new else []
    if meeting:
        raise PlanError(
            [
                f"{name}: the repository has a group of this name that another program made, canvodpy or xarray: name"
                " the receiver otherwise in archive.receivers, or choose another store.url"
                for name in meeting
            ]
        )


def _after(group: StoredGroup) -> Overlap:
    """Only epochs after the last one that a group holds are taken."""
    return Overlap(Strategy.APPEND, group.span.last_ns if group.span else None)


def new_template(rules: Rules, receiver: str, surveys: Iterable[FileSurvey]) -> GroupTemplate:
    """The template of a new group, its grid still empty, from what a sample of its files says.

    Raises
    ------
    PlanError
        When neither settings nor files tell the interval, or the files tell one that does not divide a day.
    ConfigError
        When that of the settings does not divide a day.
    """
    surveys = list(surveys)
    grid_settings, groups = rules.grid_of(receiver), rules.groups
    marks = sampling(receiver, surveys, grid_settings.interval_ns, grid_settings.phase_ns, grid_settings.tolerance_ns)
    fitting = for_interval(surveys, marks.interval_ns)
    surveys = [survey for survey in fitting if survey.outcome.status is not Status.REJECTED] or surveys
    spans = [survey.outcome.facts.span for survey in surveys if survey.outcome.facts.span]
    first_ns = min(span.first_ns for span in spans)
    sids = sorted({sid for survey in surveys for sid in survey.sids})
    return GroupTemplate(
        receiver=receiver,
        grid=empty_grid(marks.interval_ns, marks.phase_ns, groups.unit_epochs, first_ns),
        axis=signal_axis(sids),
        shard_sids=shard_width(len(sids)),
        profile=groups.profile,
        algorithm=groups.algorithm,
        level=groups.level,
        channels=channels(surveys),
        attributes={
            **header_attributes(first_header(surveys)),
            **_attributes(groups, receiver),
            "mapping_overrides": overrides_text(rules.overrides_of(receiver)),
            "marker": main_marker(survey.outcome.facts.marker for survey in surveys),
        },
        tolerance_ns=marks.tolerance_ns,
    )


def _attributes(groups: NewGroups, receiver: str) -> dict[str, object]:
    return {
        **groups.attributes,
        "Created": datetime.now(UTC).isoformat(timespec="seconds"),
        "Software": SOFTWARE,
        "File Hash": "see metadata/files",
        "Conventions": "CF-1.11",
        "coordinates": " ".join(NON_INDEX_COORDINATES),
        "receiver": receiver,
        "site": groups.site,
        "time_system": "GPST",
        "mapping": MAPPING_NAME,
        "mapping_version": MAPPING_VERSION,
    }
