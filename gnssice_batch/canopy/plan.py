"""The plan of a vod run: the group of each analysis, an assignment for each unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from gnssice_batch import config
from gnssice_batch.canopy.analyses import Pair
from gnssice_batch.canopy.backlog import Backlog
from gnssice_batch.errors import PlanError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import GroupTemplate, shard_width, signal_axis
from gnssice_batch.model.values import Partition, SignalAxis, SourceFile
from gnssice_batch.model.vod_contents import CALCULATOR, VOD
from gnssice_batch.model.vod_values import VodAssignment
from gnssice_batch.planning.plan import partition_key
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.store.layout.vod_ledger import POSITION, VodLedger
from gnssice_batch.store.reading.vod_groups import VodGroup

_POSITIONS_BYTES: Final = 64 << 20
"""Of a few satellites over a unit, and what orbit files tell."""
_ROLES: Final = ("canopy", "reference")

type Numbers = Mapping[tuple[str, str], int]
"""By path and etag of an orbit file its row of ``metadata/orbits``."""


@dataclass(frozen=True, slots=True)
class VodPlan:
    """The plan of one analysis."""

    pair: Pair
    template: GroupTemplate
    """The group as the run makes it."""
    current: VodGroup | None
    """The group as it stands; None where it is new."""
    backlog: Backlog
    assignments: tuple[VodAssignment, ...]
    numbers: Numbers
    """Rows of the orbit files that the assignments use."""

    @property
    def name(self) -> str:
        """Name of the group."""
        return self.template.receiver

    def key(self, start_ns: int) -> str:
        """Key of the unit that begins there."""
        return partition_key(self.pair.analysis.name, start_ns)

    @property
    def changes_structure(self) -> bool:
        """Whether the group is to be made, or to grow."""
        return self.current is None or self.current.template.structure != self.template.structure


def group_name(pair: Pair) -> str:
    """Where an analysis is in its repository."""
    return f"{CALCULATOR}/{pair.analysis.name}"


def plan_of(
    pair: Pair,
    current: VodGroup | None,
    backlog: Backlog,
    settings: config.Settings,
    snapshot: str,
    earlier: Iterable[tuple[SourceFile, int]] = (),
) -> VodPlan:
    """Plan an analysis.

    Parameters
    ----------
    snapshot
        Of the observations.
    earlier
        Orbit files with the rows that an earlier start of the same run has given them.

    Raises
    ------
    PlanError
        When the analysis was made of other receivers, or the canopy's group was made anew with another grid since.
    """
    if current:
        _refuse_other_receivers(pair, current.template)
    template = grown(current.template, pair.canopy) if current else new_template(pair, settings)
    files = {(file.uri, file.etag) for wanted in backlog.units for file in wanted.orbits}
    files |= {(one.uri, one.etag) for one in backlog.read}
    ledger = current.ledger if current else VodLedger()
    numbers = numbered(ledger, files, earlier)
    grid = template.grid
    assignments = tuple(
        VodAssignment(
            Partition(
                partition_key(pair.analysis.name, wanted.start_ns), template.receiver, _unit(grid, wanted.start_ns), 1
            ),
            grid,
            template.axis,
            pair.canopy_place,
            pair.reference_place,
            snapshot,
            pair.position_m,
            wanted.orbits,
            tuple(numbers[file.uri, file.etag] for file in wanted.orbits),
            wanted.orbits_digest,
            ledger.rows,
            wanted.may_lose,
        )
        for wanted in backlog.units
    )
    return VodPlan(pair, template, current, backlog, assignments, numbers)


def grown(stored: GroupTemplate, canopy: GroupTemplate) -> GroupTemplate:
    """The group of an analysis as the canopy's has grown; what is there stays where it is, but for an earlier origin.

    Raises
    ------
    PlanError
        When the canopy's group has another interval, phase or write unit.
    """
    one, other = stored.grid, canopy.grid
    fixed = [(grid.interval_ns, grid.phase_ns, grid.unit) for grid in (one, other)]
    if fixed[0] != fixed[1] or (one.origin_ns - other.origin_ns) % one.unit_ns:
        msg = (
            f"{stored.receiver}: it was made with (interval ns, phase ns, write unit) {fixed[0]} and {canopy.receiver}"
            f" has {fixed[1]} now: give the analysis another name in vod.analyses"
        )
        raise PlanError([msg])
    origin_ns = min(one.origin_ns, other.origin_ns)
    size = (max(one.end_ns, other.end_ns) - origin_ns) // one.interval_ns
    grid = replace(one, origin_ns=origin_ns, size=size)
    channels = {**canopy.channels, **stored.channels}
    return replace(stored, grid=grid, axis=_axis(stored.axis, canopy.axis), channels=channels)


def new_template(pair: Pair, settings: config.Settings) -> GroupTemplate:
    """The group of a new analysis: the grid, signals, codecs of the canopy's group, with attributes of its own."""
    return replace(
        pair.canopy,
        receiver=group_name(pair),
        attributes=_attributes(pair, settings),
        joins=True,
        tolerance_ns=None,
        contents=VOD,
    )


def numbered(
    ledger: VodLedger, files: Iterable[tuple[str, str]], earlier: Iterable[tuple[SourceFile, int]]
) -> dict[tuple[str, str], int]:
    """Rows of orbit files, by path and etag: of the ledger, given before, new ones in the order of their paths."""
    found: dict[tuple[str, str], int] = {}
    known = dict(ledger.orbits)
    known.update({(file.uri, file.etag): row for file, row in earlier if row >= ledger.rows})
    following = max((*known.values(), ledger.rows - 1)) + 1
    for file in sorted(files):
        row = known.get(file)
        if row is None:
            row, following = following, following + 1
        found[file] = row
    return found


def memory_bytes(plans: Iterable[VodPlan]) -> int:
    """What a task takes: SNR of both receivers as stored, as placed, VOD of before, results, a copy, some positions."""
    return max((_memory_bytes(plan) for plan in plans), default=0)


def _memory_bytes(plan: VodPlan) -> int:
    epochs, signals = plan.template.grid.unit, shard_width(len(plan.template.axis.sids))
    stored = shard_width(len(plan.pair.canopy.axis.sids)) + shard_width(len(plan.pair.reference.axis.sids))
    return epochs * (4 * stored + 30 * signals) + _POSITIONS_BYTES


def _axis(stored: SignalAxis, canopy: SignalAxis) -> SignalAxis:
    known = set(stored.sids)
    return signal_axis((*stored.sids, *(sid for sid in canopy.sids if sid not in known)))


def _refuse_other_receivers(pair: Pair, stored: GroupTemplate) -> None:
    """Refuse to mix what two pairs tell: which units are of which could not be told any more."""
    wanted = (pair.analysis.canopy, pair.analysis.reference)
    made = tuple(str(stored.attributes.get(role, name)) for role, name in zip(_ROLES, wanted, strict=True))
    if made != wanted:
        msg = (
            f"{stored.receiver}: it was made of {' over '.join(made)}, vod.analyses.{pair.analysis.name} says"
            f" {' over '.join(wanted)}: give the new pair another name in vod.analyses"
        )
        raise PlanError([msg])


def _unit(grid: Grid, start_ns: int) -> int:
    return (start_ns - grid.origin_ns) // grid.unit_ns


def _attributes(pair: Pair, settings: config.Settings) -> dict[str, object]:
    copied = ("mapping", "mapping_version", "mapping_overrides", "Approximate Position", "Marker Name")
    analysis = pair.analysis
    return {
        **settings.attributes,
        **{name: pair.canopy.attributes[name] for name in copied if name in pair.canopy.attributes},
        "Created": datetime.now(UTC).isoformat(timespec="seconds"),
        "Software": SOFTWARE,
        "Conventions": "CF-1.11",
        "coordinates": " ".join(VOD.non_index_coordinates),
        "site": settings.site,
        "time_system": "GPST",
        "analysis": analysis.name,
        "canopy": analysis.canopy,
        "reference": analysis.reference,
        "calculator": CALCULATOR,
        "calculator_params": "{}",
        "formula": "VOD = -ln(10^((SNR_canopy - SNR_reference) / 10)) cos(theta)",
        "orbits": settings.vod.orbits.source,
        POSITION: list(pair.position_m),
        "position_from": pair.position_from,
    }
