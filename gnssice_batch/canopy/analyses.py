"""The analyses of a site: which receivers they compare, on which axes, seen from where."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from gnssice_batch import config
from gnssice_batch.errors import PlanError
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.vod_values import Analysis, Position, SnrPlace
from gnssice_batch.store.reading.cells import StoredCells, cells_in
from gnssice_batch.store.repository import Repository

CANOPY: Final = "canopy_"
REFERENCE: Final = "reference_"
HEADER: Final = "header"
"""`Pair.position_from` where no setting says the position."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An analysis as the observations stand at one snapshot."""

    analysis: Analysis
    canopy: GroupTemplate
    reference: GroupTemplate
    position_m: Position
    """ECEF position of the canopy receiver."""
    position_from: str
    """``header`` or ``settings``."""

    @property
    def canopy_place(self) -> SnrPlace:
        """Where the SNR of the canopy receiver is."""
        return _place(self.canopy)

    @property
    def reference_place(self) -> SnrPlace:
        """Where that of the reference receiver is."""
        return _place(self.reference)


def pairs_of(
    settings: config.Vod, repository: Repository, snapshot: str, receivers: Iterable[str], only: Collection[str] = ()
) -> tuple[Pair, ...]:
    """The analyses that the settings want, held against the receivers at a snapshot.

    Parameters
    ----------
    only
        Names of those that are wanted; empty: all.

    Raises
    ------
    PlanError
        Listing what is wrong with all of them: receivers that are not there, grids that differ, no position.
    """
    wanted = _chosen(analyses_of(settings, receivers), only)
    there = set(receivers)
    faults = [
        f"vod.analyses.{one.name}: there is no receiver {name!r} in {repository.url}; it has {', '.join(sorted(there))}"
        for one in wanted
        for name in (one.canopy, one.reference)
        if name not in there
    ]
    if faults:
        raise PlanError(faults)
    names = {name for one in wanted for name in (one.canopy, one.reference)}
    groups = {name: cells_in(repository, snapshot, name) for name in sorted(names)}
    pairs = [_pair(one, groups, settings.position, faults) for one in wanted]
    if faults:
        raise PlanError(list(dict.fromkeys(faults)))
    return tuple(pairs)


def analyses_of(settings: config.Vod, receivers: Iterable[str]) -> tuple[Analysis, ...]:
    """The analyses that the settings name; where they name none, every canopy against every reference, sorted.

    Raises
    ------
    PlanError
        When that is none.
    """
    if settings.analyses:
        return tuple(Analysis(name, one.canopy, one.reference) for name, one in sorted(settings.analyses.items()))
    receivers = sorted(receivers)
    canopies = [name for name in receivers if name.startswith(CANOPY)]
    references = [name for name in receivers if name.startswith(REFERENCE)]
    found = tuple(Analysis(f"{one}_vs_{other}", one, other) for one, other in product(canopies, references))
    if not found:
        has = ", ".join(receivers) or "no receiver"
        msg = f"no receiver is called {CANOPY}* and another {REFERENCE}* ({has}): name the pairs in vod.analyses"
        raise PlanError([msg])
    return found


def _chosen(analyses: tuple[Analysis, ...], only: Collection[str]) -> tuple[Analysis, ...]:
    names = [one.name for one in analyses]
    unknown = sorted(set(only).difference(names))
    if unknown:
        msg = f"there is no analysis {' or '.join(map(repr, unknown))}; there are {', '.join(names)}"
        raise PlanError([msg])
    return tuple(one for one in analyses if not only or one.name in only)


def _pair(analysis: Analysis, groups: Mapping[str, StoredCells], wanted: str | Position, faults: list[str]) -> Pair:
    canopy, reference = groups[analysis.canopy], groups[analysis.reference]
    faults += _grids_differ(analysis, canopy.template, reference.template)
    faults += _not_in_decibels(canopy.template, reference.template)
    position = _header_position(canopy.group.attrs) if isinstance(wanted, str) else wanted
    if position is None:
        faults.append(
            f"{analysis.canopy}: its files' headers tell no position on Earth, which angles are computed from: set"
            " vod.position to [x, y, z], ECEF in metres"
        )
    source = HEADER if isinstance(wanted, str) else "settings"
    return Pair(analysis, canopy.template, reference.template, position or (0.0, 0.0, 0.0), source)


def _grids_differ(analysis: Analysis, canopy: GroupTemplate, reference: GroupTemplate) -> list[str]:
    one, other = canopy.grid, reference.grid
    differ = [
        f"{what} {mine / SECOND_NS:g} s and {its / SECOND_NS:g} s"
        for what, mine, its in (
            ("intervals of", one.interval_ns, other.interval_ns),
            ("phases of", one.phase_ns, other.phase_ns),
        )
        if mine != its
    ]
    said = f"{analysis.name}: {analysis.canopy} and {analysis.reference} have {' and '.join(differ)}"
    return [f"{said}: they have no epochs in common, leave this pair out of vod.analyses"] if differ else []


def _not_in_decibels(*templates: GroupTemplate) -> list[str]:
    """What receivers say of another unit than dB-Hz, in which the difference of two strengths is a ratio."""
    told = {one.receiver: str(one.attributes.get("signal_strength_unit", "")) for one in templates}
    return [
        f"{receiver}: its files' headers tell signal strengths in {unit!r}, and vod needs dB-Hz: leave it out of"
        " vod.analyses"
        for receiver, unit in told.items()
        if "".join(filter(str.isalpha, unit)).upper() not in {"", "DBHZ"}
    ]


def _header_position(attributes: Mapping[str, Any]) -> Position | None:
    found = attributes.get("approx_position_xyz") or ()
    if len(found) != len("xyz"):
        return None
    x, y, z = map(float, found)
    return (x, y, z) if config.is_on_earth((x, y, z)) else None


def _place(template: GroupTemplate) -> SnrPlace:
    return SnrPlace(template.receiver, template.grid, template.axis)
