"""A vod run as planned: repositories opened, orbit files listed, every analysis held against what it has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gnssice_batch import config
from gnssice_batch.canopy.analyses import HEADER, pairs_of
from gnssice_batch.canopy.backlog import Observed, backlog_of
from gnssice_batch.canopy.orbit_files import OrbitFiles, orbit_files
from gnssice_batch.canopy.places import moved
from gnssice_batch.canopy.plan import VodPlan, group_name, plan_of
from gnssice_batch.canopy.sky import OrbitAccess
from gnssice_batch.canopy.unit import VodContext
from gnssice_batch.canopy.unnamed import with_spans
from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import SourceFile
from gnssice_batch.storage.location import Location
from gnssice_batch.store.reading.cells import cells_in
from gnssice_batch.store.reading.contents import branch_head, not_for_writing, stored_receivers
from gnssice_batch.store.reading.vod_groups import VodGroup, vod_groups
from gnssice_batch.store.reading.vod_source import leads_to, units_with_snr
from gnssice_batch.store.repository import MAIN, Repository, open_existing, repository_url


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier start of the same run has decided."""

    snapshot: str = ""
    """Version of the observations; empty where nothing is done yet."""
    orbits: tuple[tuple[SourceFile, int], ...] = ()
    """Orbit files with their rows."""
    templates: Mapping[str, GroupTemplate] = field(default_factory=dict)
    """Groups as its structure makes them."""


@dataclass(frozen=True, slots=True)
class VodPlans:
    """Everything that a vod run plans."""

    head: str | None
    """Snapshot of the vod repository that it was planned on; None where there is none."""
    observed: Observed
    orbits: OrbitFiles
    plans: tuple[VodPlan, ...]
    context: VodContext
    moved: Mapping[str, str] = field(default_factory=dict)
    """As `moved_in` says, of analyses all of whose units are to be made."""

    @property
    def idle(self) -> bool:
        """Whether no unit is to be made."""
        return not any(plan.assignments for plan in self.plans)


def plan_all(
    settings: config.Settings,
    repository: Repository | None,
    branch: str,
    earlier: Earlier | None = None,
    *,
    only: Iterable[str] = (),
    everything: bool = False,
) -> VodPlans:
    """Find what is to be made; nothing is changed.

    Parameters
    ----------
    repository, branch
        The vod repository, None where there is none yet, and the branch that is published on.
    only
        Names of analyses; empty: all.
    everything
        Make all units again.

    Raises
    ------
    StoreError
        When there are no observations, or a repository can't be read.
    ArchiveError
        When the orbit files can't be listed.
    PlanError
        When analyses and observations do not fit together.
    """
    earlier = earlier or Earlier()
    rinex = observations(settings)
    observed = _observed(rinex, branch, earlier.snapshot)
    receivers = stored_receivers(rinex, snapshot=observed.snapshot)
    pairs = pairs_of(settings.vod, rinex, observed.snapshot, receivers, tuple(only))
    names = {name for pair in pairs for name in (pair.canopy.receiver, pair.reference.receiver)}
    observed = Observed(rinex, observed.snapshot, units_with_snr(rinex, observed.snapshot, sorted(names)))
    head = branch_head(repository, branch) or branch_head(repository, MAIN) if repository else None
    groups = _groups(repository, head, map(group_name, pairs))
    orbits = orbit_files(settings)
    access = OrbitAccess(orbits.source, orbits.archive, settings.reader.max_unpacked_bytes)
    orbits = with_spans(orbits, access, [] if everything else [group.ledger.known for group in groups.values()])
    plans = []
    for pair in pairs:
        group = groups.get(group_name(pair))
        backlog = backlog_of(pair, group, orbits, observed, everything=everything)
        plans.append(plan_of(pair, group, backlog, settings, observed.snapshot, earlier.orbits))
    context = VodContext(rinex.location, access)
    new = [plan for plan in plans if plan.current is None or plan.backlog.everything]
    return VodPlans(head, observed, orbits, tuple(plans), context, moved_in(observed, new))


def moved_in(observed: Observed, plans: Iterable[VodPlan]) -> dict[str, str]:
    """By analysis which files of its canopy were taken elsewhere than where all angles are seen from, a sentence.

    Headers of all files are read, but for canopies whose position the settings say: there it was decided.
    """
    canopies = {plan.pair.analysis.name: plan.pair for plan in plans if plan.pair.position_from == HEADER}
    found = {
        name: moved(cells_in(observed.repository, observed.snapshot, pair.analysis.canopy), pair.position_m)
        for name, pair in canopies.items()
    }
    return {name: said for name, said in found.items() if said}


def observations(settings: config.Settings) -> Repository:
    """The repository that vod is made from.

    Raises
    ------
    StoreError
        When there is none.
    """
    where = Location(repository_url(settings.store.url, settings.site), settings.store.storage_options)
    found = open_existing(where)
    if found is None:
        msg = f"there is no repository of observations at {where.url}, which vod is made from: start `run` first"
        raise StoreError(msg)
    return found


def _observed(rinex: Repository, branch: str, pinned: str) -> Observed:
    """The version to make vod from: that of an earlier start, as long as it is there, else the newest."""
    head = branch_head(rinex, branch) or rinex.head()
    if pinned and leads_to(rinex, pinned, head):
        return Observed(rinex, pinned, {})
    return Observed(rinex, head, {})


def _groups(repository: Repository | None, head: str | None, names: Iterable[str]) -> dict[str, VodGroup]:
    if repository is None or head is None:
        return {}
    why = not_for_writing(repository, snapshot=head)
    if why:
        raise StoreError(why)
    return vod_groups(repository, head, names)
