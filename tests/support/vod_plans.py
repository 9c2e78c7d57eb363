"""Plans of vod runs, and what their units told, made of values alone."""

import json
from concurrent.futures import Future
from dataclasses import replace

from gnssice_batch.canopy.analyses import Pair
from gnssice_batch.canopy.backlog import Backlog, Observed, Wanted
from gnssice_batch.canopy.orbit_files import OrbitFiles
from gnssice_batch.canopy.plan import VodPlan
from gnssice_batch.canopy.planning import VodPlans
from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.vod_units import VodUnits, finished_unit
from gnssice_batch.job.work import Begun, Work
from gnssice_batch.model.values import Partition, PartitionOutcome, SourceFile
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.model.vod_values import Analysis, MadeUnit, OrbitFacts, VodAssignment, VodMade
from gnssice_batch.planning.plan import partition_key
from gnssice_batch.records import dump
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.layout.vod_ledger import VodLedger
from gnssice_batch.store.reading.vod_groups import VodGroup
from tests.support.histories import far
from tests.support.templates import template

RUN, SNAPSHOT, POSITION = "20250101-abcd", "RINEXSNAPSHOT", (4e6, 5e5, 4.9e6)
GRID = template(units=8).grid


def start(unit):
    """Where a unit begins, ns since 1980-01-06."""
    return GRID.origin_ns + unit * GRID.unit_ns


def key(name, unit):
    """The key of a unit of an analysis."""
    return partition_key(name, start(unit))


def orbit(uri, etag="e"):
    """A file of orbits."""
    return SourceFile(uri, "", 9, etag)


def facts(uri, etag="e", **more):
    """What reading a file of orbits told."""
    return OrbitFacts(uri, 9, etag, f"sha of {uri}", "broadcast", 1, 2, 3, **more)


def analysis_template(name, units=8, signals=3):
    """The group of an analysis."""
    return replace(template(units=units, signals=signals, receiver=f"tau_omega/{name}"), contents=VOD)


def stored(name, units=8, signals=3, made=(), rows=0):
    """An analysis as it stands, with the starts of units that were made."""
    ledger = VodLedger({start(unit): MadeUnit("digest", 5) for unit in made}, {}, rows)
    return VodGroup(analysis_template(name, units, signals), ledger, "OLD", POSITION, frozenset(), None)


def plan(name, units=(), current=None, numbers=None, files=(), **backlog):
    """The plan of an analysis that has some units made of orbit files."""
    there = template(units=8)
    pair = Pair(Analysis(name, f"{name}_canopy", f"{name}_reference"), there, there, POSITION, "header")
    wanted, group = analysis_template(name), f"tau_omega/{name}"
    rows = tuple((numbers or {})[one.uri, one.etag] for one in files)
    assignments = tuple(
        VodAssignment(
            Partition(key(name, unit), group, unit, 1),
            wanted.grid,
            wanted.axis,
            pair.canopy_place,
            pair.reference_place,
            SNAPSHOT,
            POSITION,
            tuple(files),
            rows,
            f"digest {unit}",
        )
        for unit in units
    )
    told = {"waiting": frozenset(), "up_to_date": 0, **backlog}
    mine = Backlog(tuple(Wanted(start(unit), tuple(files), f"digest {unit}") for unit in units), **told)
    return VodPlan(pair, wanted, current, mine, assignments, numbers or {})


def plans(*found, head="HEAD", files=(), read=(), unreadable=None, moved=None):
    """Everything that a run plans."""
    orbits = replace(OrbitFiles.of("broadcast", None, files), read=tuple(read), unreadable=unreadable or {})
    return VodPlans(head, Observed(far(), SNAPSHOT, {}), orbits, tuple(found), None, moved or {})


def outcome(assignment, made, *, written=True, fork=b"fork", **more):
    """What the worker of a unit gives back."""
    units = (assignment.unit,) if written else ()
    return PartitionOutcome(
        assignment.partition.key, fork if written else None, (), written_units=units, kept=kept(made), **more
    )


def kept(made):
    """What making a unit told, as its outcome keeps it."""
    return json.dumps(dump(made)).encode()


def made_unit(unit, **more):
    """What making a unit told."""
    return VodMade(SNAPSHOT, f"digest {unit}", "broadcast", **more)


def units_of(folder, found, aside=None, *, level="units", repository=None, staged=None, templates=None):
    """A vod run that has begun, with a journal of its own."""
    begun = Future()
    journal = begin(Folder(str(folder)), RunRecord(RUN, "settings", "main", "BASE", "2025-01-01T00:00:00", "software"))
    begun.set_result(Begun(repository or far(), journal, staged))
    return VodUnits(found, level, Work(aside, begun), templates or {})


def finish(units, assignment, made, **more):
    """Take a unit as finished."""
    given = outcome(assignment, made, **more)
    units.work.done[given.key] = finished_unit(assignment, given)
    units.made[given.key] = made
