"""The task of a worker: one unit of vod computed, written into its own fork."""

import hashlib
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.canopy.cells import Floats, VodCells, vod_cells
from gnssice_batch.canopy.losses import loses_too_much
from gnssice_batch.canopy.sky import OrbitAccess, Told, nodes_over, read_orbits
from gnssice_batch.log import scope
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.model.values import PartitionOutcome
from gnssice_batch.model.vod_contents import SOURCE_ORBIT, VOD
from gnssice_batch.model.vod_values import Loss, OrbitFacts, SnrPlace, VodAssignment, VodMade
from gnssice_batch.records import dump, encode
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.reading.cells import cells_of_fork
from gnssice_batch.store.reading.snr import snr_of
from gnssice_batch.store.writing.units import open_fork_of, write_coordinates, write_epochs

_KIB: Final = 1024
_BESIDE_VOD: Final = frozenset(spec.name for spec in (*VOD.variables, *VOD.epoch_coordinates)) - {"VOD"}


@dataclass(frozen=True, slots=True)
class VodContext:
    """What all units of a run share."""

    rinex: Location
    """Repository of the observations."""
    orbits: OrbitAccess


@dataclass(frozen=True, slots=True)
class Computed:
    """A unit before it is written; nothing to write where no orbit is known for it."""

    cells: VodCells | None
    source: npt.NDArray[np.int32]
    """(N,) `source_orbit`."""
    made: VodMade
    snr: tuple[Floats, Floats]
    """(N, S) of canopy and reference."""

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Data variables by name."""
        cells = self.cells
        return {"VOD": cells.vod, "theta": cells.theta, "phi": cells.phi} if cells else {}


def make_unit(assignment: VodAssignment, fork: bytes, context: VodContext) -> PartitionOutcome:
    """Make a unit: what a cluster's worker runs, and the in-process executor too.

    Returns
    -------
    PartitionOutcome
        With a fork, unless no orbit is known for any satellite that both receivers have, or the orbit files that there
        are now tell less than those that the unit was made with: then nothing is written.

    Raises
    ------
    StoreError
        When observations can't be read, or the fork can't be written.
    ArchiveError
        When an orbit file is not given.
    """
    began, key = time.monotonic(), assignment.partition.key
    with scope(partition=key):
        found = compute(assignment, context)
        content = _written(assignment, fork, found) if found.cells and not _is_loss(found, assignment, fork) else None
    outcome = PartitionOutcome(
        key,
        content,
        (),
        written_units=(assignment.unit,) if content else (),
        bytes_read=sum(file.size_bytes for file in assignment.orbits),
        seconds=time.monotonic() - began,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB,
        kept=encode(dump(found.made)),
        traffic=TRAFFIC.take(),
    )
    return replace(outcome, document=encode(dump(outcome)))


def compute(assignment: VodAssignment, context: VodContext) -> Computed:
    """Compute a unit from observations and orbits, both read.

    Raises
    ------
    StoreError, ArchiveError
        As `make_unit` says.
    """
    grid, sids = assignment.grid, assignment.axis.sids
    first = assignment.unit * grid.unit
    times_ns = grid.time_ns(first) + np.arange(grid.unit, dtype=np.int64) * grid.interval_ns
    places = assignment.canopy, assignment.reference
    canopy, reference = (_snr(place, assignment, int(times_ns[0]), context) for place in places)
    told = read_orbits(context.orbits, assignment.orbits)
    satellites = [sid.partition("|")[0] for sid in sids]
    seen = tuple(
        dict.fromkeys(sv for sv, column in zip(satellites, canopy.T, strict=True) if not np.isnan(column).all())
    )
    nodes = nodes_over(told, seen, int(times_ns[0]), int(times_ns[-1]))
    cells = vod_cells(canopy, reference, satellites, nodes, times_ns, assignment.position_m)
    hashes = {place.receiver: _hash(snr) for place, snr in zip(places, (canopy, reference), strict=True)}
    held = np.flatnonzero(cells.held)
    made = VodMade(
        assignment.snapshot,
        assignment.orbits_digest,
        context.orbits.source,
        _news(assignment, told),
        hashes,
        pairs=cells.pairs,
        values=int((~np.isnan(cells.vod)).sum()),
        epochs=held.size,
        first_ns=int(times_ns[held[0]]) if held.size else None,
        last_ns=int(times_ns[held[-1]]) if held.size else None,
        without_orbits=dict(cells.without_orbits),
    )
    sources = _sources(assignment, told, times_ns, cells.held)
    return Computed(None if cells.no_orbits else cells, sources, made, (canopy, reference))


def _is_loss(found: Computed, assignment: VodAssignment, fork: bytes) -> bool:
    """Whether the unit as it stands knows what could not be told again; nothing where it can't be read."""
    if assignment.may_lose is Loss.ANY or found.cells is None:
        return False
    first = assignment.unit * assignment.grid.unit
    stored = cells_of_fork(fork, assignment.partition.receiver)
    try:
        before = stored.read(range(first, first + assignment.grid.unit), _BESIDE_VOD)["VOD"]
    except DamagedError:
        return False
    satellites = [sid.partition("|")[0] for sid in assignment.axis.sids]
    return loses_too_much(found.cells, before, *found.snr, satellites, assignment.may_lose)


def _written(assignment: VodAssignment, fork: bytes, found: Computed) -> bytes:
    """The fork with the whole unit in it."""
    work = open_fork_of(fork, assignment, VOD)
    start = assignment.unit * assignment.grid.unit
    write_epochs(work, start, found.arrays)
    write_coordinates(work, start, {SOURCE_ORBIT.name: found.source}, fresh=False)
    return work.as_bytes()


def _snr(place: SnrPlace, assignment: VodAssignment, start_ns: int, context: VodContext) -> Floats:
    """(N, S) SNR of a receiver at the epochs of the unit and on the signals of its axis; NaN where it has none."""
    sids, epochs = assignment.axis.sids, assignment.grid.unit
    found = np.full((len(sids), epochs), np.nan, np.float32).T
    offset = (start_ns - place.grid.time_ns(0)) // place.grid.interval_ns
    rows = range(max(offset, 0), min(offset + epochs, place.grid.size))
    if not rows:
        return found
    stored = snr_of(context.rinex, assignment.snapshot, place.receiver, rows)
    columns = {sid: column for column, sid in enumerate(place.axis.sids)}
    here = [at for at, sid in enumerate(sids) if sid in columns]
    part = slice(rows.start - offset, rows.stop - offset)
    for at in here:
        found[part, at] = stored[:, columns[sids[at]]]
    return found


def _news(assignment: VodAssignment, told: Sequence[Told]) -> tuple[OrbitFacts, ...]:
    """What is told of files: of those that are new, or could not be read, or not all of them."""
    numbered = zip((one.facts for one in told), assignment.rows, strict=True)
    return tuple(facts for facts, row in numbered if row >= assignment.known_rows or facts.fault or facts.lost)


def _sources(
    assignment: VodAssignment, told: Sequence[Told], times_ns: npt.NDArray[np.int64], held: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int32]:
    """(N,) row of the orbit file whose span an epoch is in, the one that begins last; else of the nearest before it."""
    files = sorted(
        (one.facts.start_ns, row) for one, row in zip(told, assignment.rows, strict=True) if not one.facts.fault
    )
    source = np.full(len(times_ns), SOURCE_ORBIT.fill, np.int32)
    if files:
        starts = np.array([start for start, _ in files], np.int64)
        place = np.maximum(np.searchsorted(starts, times_ns, side="right") - 1, 0)
        source[held] = np.array([row for _, row in files], np.int32)[place][held]
    return source


def _hash(snr: Floats) -> str:
    return hashlib.sha256(np.ascontiguousarray(snr.T)).hexdigest()[:16]
