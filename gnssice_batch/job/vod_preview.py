"""The dry run of vod: which units would be made, as plain values."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from gnssice_batch import config
from gnssice_batch.canopy.plan import VodPlan
from gnssice_batch.canopy.planning import moved_in, plan_all
from gnssice_batch.job.target import check_place, target_of
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.store.repository import open_existing


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """The plan for one analysis."""

    canopy: str
    reference: str
    new: bool
    """Whether its group does not exist yet."""
    units: tuple[str, ...]
    """Keys of the units that would be made."""
    up_to_date: int
    """Units that are made already."""
    without_orbits: tuple[str, ...]
    """Keys of the units that no orbit file reaches."""
    signals: int
    everything: str
    """Why all units would be made again; empty where they would not."""
    moved: str
    """Which files of the canopy were taken elsewhere than where all angles are seen from, in a sentence."""


@dataclass(frozen=True, slots=True)
class VodPlanSummary:
    """A plan: what a vod run would do."""

    store: str
    rinex_snapshot: str
    """Version of the observations that it would be made from."""
    orbit_files: int
    analyses: Mapping[str, AnalysisPlan]
    """By name."""

    def as_json(self) -> dict[str, object]:
        """The plan as plain JSON values."""
        return {**asdict(self), "analyses": {name: asdict(one) for name, one in self.analyses.items()}}


def preview_vod(settings: config.Settings, *, analyses: Iterable[str] = (), everything: bool = False) -> VodPlanSummary:
    """Hold observations and orbit files against what is made; nothing is changed.

    Raises
    ------
    ArchiveError, PlanError, StoreError
        When orbit files or stores can't be read, or do not fit together.
    """
    target = target_of(settings, product=VOD.product)
    repository = open_existing(target.location)
    if repository is None:
        check_place(target)
    found = plan_all(settings, repository, target.branch, only=analyses, everything=everything)
    moved = moved_in(found.observed, found.plans)
    return VodPlanSummary(
        target.url,
        found.observed.snapshot,
        len(found.orbits.files),
        {plan.pair.analysis.name: _analysis(plan, moved) for plan in found.plans},
    )


def _analysis(plan: VodPlan, moved: Mapping[str, str]) -> AnalysisPlan:
    analysis, backlog = plan.pair.analysis, plan.backlog
    return AnalysisPlan(
        analysis.canopy,
        analysis.reference,
        plan.current is None,
        tuple(one.partition.key for one in plan.assignments),
        backlog.up_to_date,
        tuple(plan.key(start_ns) for start_ns in sorted(backlog.waiting)),
        len(plan.template.axis.sids),
        backlog.everything,
        moved.get(analysis.name, ""),
    )
