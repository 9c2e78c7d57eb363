"""Which units of an analysis are to be made: changed observations, changed orbits, units never made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gnssice_batch.canopy.analyses import Pair
from gnssice_batch.canopy.orbit_files import OrbitFiles, digest
from gnssice_batch.log import logger
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import SourceFile
from gnssice_batch.model.vod_values import Loss, MadeUnit, OrbitFacts
from gnssice_batch.store.reading.vod_groups import VodGroup
from gnssice_batch.store.reading.vod_source import Changed, changed_since
from gnssice_batch.store.repository import Repository

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Observed:
    """The observations that a run is made from."""

    repository: Repository
    snapshot: str
    """The version that all units are made from."""
    stored: Mapping[str, frozenset[int]]
    """By receiver the write units in which any SNR is stored."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A unit that is to be made."""

    start_ns: int
    """Start of the unit, ns since 1980-01-06."""
    orbits: tuple[SourceFile, ...]
    """Files that reach it."""
    orbits_digest: str
    may_lose: Loss = Loss.ANY
    """Which of its cells may be without VOD then."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What of an analysis is to be made."""

    units: tuple[Wanted, ...]
    """In their order."""
    waiting: frozenset[int]
    """Starts of those that no orbit file reaches: they are left as they are."""
    up_to_date: int
    """Units that are made already."""
    everything: str = ""
    """Why all units are made again, in a sentence; empty where they are not."""
    sound: frozenset[int] = frozenset()
    """Starts of the units that are wanted only because their orbit files are others than they were."""
    read: tuple[OrbitFacts, ...] = ()
    """What is in orbit files that were read to plan: they are told of whether any unit uses them or not."""


def backlog_of(
    pair: Pair,
    group: VodGroup | None,
    orbits: OrbitFiles,
    observed: Observed,
    *,
    everything: bool = False,
) -> Backlog:
    """What of an analysis is to be made.

    Parameters
    ----------
    group
        The analysis as it stands; None where it is new.
    everything
        Make all units again.

    Raises
    ------
    StoreError
        When storage fails.
    """
    there = _with_both(pair, observed.stored)
    made = dict(group.ledger.units) if group else {}
    changed = _changed(pair, group, observed, orbits.source)
    again = changed.everything if group else ""
    if everything and group:
        again = "it was asked for"
    candidates = sorted(there | {start for start, unit in made.items() if unit.epochs})
    told = changed_starts(pair, changed) | (group.waiting if group else frozenset())
    wanted: list[Wanted] = []
    sound: list[int] = []
    for start_ns in candidates:
        files = orbits.reaching(start_ns, start_ns + pair.canopy.grid.unit_ns)
        its = digest(files)
        unit = made.get(start_ns)
        may_lose = Loss.ANY if everything or unit is None else _loss(unit, group, orbits.source)
        if again or start_ns in told or unit is None:
            wanted.append(Wanted(start_ns, files, its, may_lose))
        elif unit.orbits_digest != its:
            wanted.append(Wanted(start_ns, files, its, Loss.REPLACED))
            sound.append(start_ns)
    waiting = frozenset(one.start_ns for one in wanted if not one.orbits and one.start_ns in there)
    if again:
        _log.warning("all units are made again: %s", again, extra={"receiver": pair.analysis.name})
    units = tuple(one for one in wanted if one.start_ns not in waiting)
    return Backlog(units, waiting, len(candidates) - len(wanted), again, frozenset(sound), orbits.read)


def _loss(unit: MadeUnit, group: VodGroup | None, source: str) -> Loss:
    """What a unit may lose: another source knows other satellites, as was asked for."""
    before = unit.source or (group.template.attributes.get("orbits") if group else "")
    return Loss.NONE if before in {"", None, source} else Loss.SATELLITES


def _changed(pair: Pair, group: VodGroup | None, observed: Observed, source: str) -> Changed:
    if group is None or not group.rinex_snapshot:
        return Changed({}, "")
    if group.position_m != pair.position_m:
        return Changed({}, f"the position was {group.position_m} and is {pair.position_m}")
    told = group.template.attributes.get("orbits", source)
    if told != source:
        return Changed({}, f"the orbits were {told} and are {source}")
    now = {one.receiver: one for one in (pair.canopy, pair.reference)}
    return changed_since(observed.repository, group.rinex_snapshot, observed.snapshot, tuple(now), now)


def _with_both(pair: Pair, stored: Mapping[str, frozenset[int]]) -> frozenset[int]:
    """Starts of the units in which both receivers have SNR."""
    canopy, reference = pair.canopy.grid, pair.reference.grid
    own = {canopy.origin_ns + unit * canopy.unit_ns for unit in stored[pair.canopy.receiver]}
    return frozenset(own & starts_over(canopy, reference, stored[pair.reference.receiver]))


def changed_starts(pair: Pair, changed: Changed) -> frozenset[int]:
    """Starts of the units of the canopy's axis in which either receiver has changed."""
    canopy = pair.canopy.grid
    own = {canopy.origin_ns + unit * canopy.unit_ns for unit in changed.units.get(pair.canopy.receiver, ())}
    return frozenset(own | starts_over(canopy, pair.reference.grid, changed.units.get(pair.reference.receiver, ())))


def starts_over(canopy: Grid, other: Grid, units: Iterable[int]) -> set[int]:
    """Starts of the units of one axis that units of another one lie in, whatever the length of these."""
    length = canopy.unit_ns
    starts: set[int] = set()
    for unit in units:
        first = other.origin_ns + unit * other.unit_ns
        last = first + other.unit_ns - 1
        begin = canopy.origin_ns + (first - canopy.origin_ns) // length * length
        starts.update(range(begin, last + 1, length))
    return starts
