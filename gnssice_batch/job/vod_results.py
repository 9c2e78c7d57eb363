"""The results of a vod run: what is published, what is reported."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from gnssice_batch.canopy.orbit_files import digest_of_all
from gnssice_batch.canopy.plan import VodPlan
from gnssice_batch.canopy.planning import VodPlans
from gnssice_batch.errors import StoreError
from gnssice_batch.job.vod_report import AnalysisReport, VodReport
from gnssice_batch.job.vod_units import VodUnits
from gnssice_batch.model.template import unit_chunks
from gnssice_batch.model.values import Done
from gnssice_batch.model.vod_values import OrbitFacts
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.store.layout.vod_ledger import POSITION
from gnssice_batch.store.writing.changes import Units, union
from gnssice_batch.store.writing.structure import Structure
from gnssice_batch.store.writing.vod_publish import MadeRow, VodGroupChange, VodPublication

_MESSAGE_LENGTH: Final = 200


def up_to_date_report(found: VodPlans, url: str, run: str) -> VodReport:
    """What a run has to say that had nothing to do, or has not begun."""
    return VodReport(
        run=run,
        url=url,
        snapshot=None,
        rinex_snapshot=found.observed.snapshot,
        analyses={plan.pair.analysis.name: _planned_report(plan, found.moved) for plan in found.plans},
        orbit_files=len(found.orbits.files),
        unreadable=dict(sorted(found.orbits.unreadable.items())),
    )


def publication_of(units: VodUnits, structure: Structure) -> VodPublication:
    """Everything that is published."""
    record, found = units.work.journal.record, units.found
    written = [done for done in units.work.done.values() if done.outcome.written_units]
    digests = sorted(units.made[done.outcome.key].orbits_digest for done in written)
    names = ", ".join(plan.pair.analysis.name for plan in units.plans)
    return VodPublication(
        run=record.run,
        structure=structure,
        forks=[done.outcome.fork for done in written if done.outcome.fork],
        groups={plan.name: _group_change(units, plan) for plan in units.plans},
        planned=_planned_units(units, written),
        message=f"vod: {len(written)} units, {names}"[:_MESSAGE_LENGTH],
        metadata={
            "rinex_snapshot": found.observed.snapshot,
            "orbits_digest": digest_of_all(digests),
            "partitions": len(units.work.done),
            "software": SOFTWARE,
        },
        written_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source_url=found.observed.repository.url,
    )


def report_of(units: VodUnits, snapshot: str | None) -> VodReport:
    """What became of the run."""
    outcomes = [done.outcome for done in units.work.done.values()]
    report = up_to_date_report(units.found, units.work.repository.url, units.work.journal.record.run)
    told = [one for made in units.made.values() for one in made.orbits]
    faults = {one.uri: one.fault for one in told if one.fault}
    damaged = {one.uri: one.lost for one in told if one.lost and not one.fault}
    return replace(
        report,
        snapshot=snapshot,
        partitions=len(outcomes),
        resumed=units.work.resumed,
        set_aside=tuple(sorted(units.killed)),
        bytes_read=sum(outcome.bytes_read for outcome in outcomes),
        peak_memory_bytes=max((outcome.peak_memory_bytes for outcome in outcomes), default=0),
        analyses={**report.analyses, **{plan.pair.analysis.name: _analysis(units, plan) for plan in units.plans}},
        unreadable=dict(sorted({**report.unreadable, **faults}.items())),
        damaged=dict(sorted(damaged.items())),
        proof=units.proof,
    )


def _planned_report(plan: VodPlan, moved: Mapping[str, str]) -> AnalysisReport:
    analysis, backlog = plan.pair.analysis, plan.backlog
    return AnalysisReport(
        analysis.canopy,
        analysis.reference,
        up_to_date=backlog.up_to_date,
        without_orbits=tuple(plan.key(start_ns) for start_ns in sorted(backlog.waiting)),
        everything=backlog.everything,
        moved=moved.get(analysis.name, ""),
    )


def _planned_units(units: VodUnits, written: Iterable[Done]) -> Units:
    """The write units that were written, all variables and all signals wide.

    Raises
    ------
    StoreError
        When a worker wrote outside its own.
    """
    templates = {plan.name: plan.template for plan in units.plans}
    planned = []
    for done in written:
        partition = done.partition
        if tuple(partition.stored_units) != done.outcome.written_units:
            msg = f"{partition.key}: wrote outside its own unit; nothing was published: please report this"
            raise StoreError(msg)
        planned.append(unit_chunks(templates[partition.receiver], done.outcome.written_units, done.axis_length))
    return union(planned)


def _group_change(units: VodUnits, plan: VodPlan) -> VodGroupChange:
    mine = [units.work.done[one.partition.key] for one in plan.assignments if one.partition.key in units.work.done]
    ledger = plan.current.ledger if plan.current else None
    rows = ledger.rows if ledger else 0
    template = plan.template
    made = [
        MadeRow(
            done.partition.first_unit,
            start_ns := template.grid.origin_ns + done.partition.first_unit * template.grid.unit_ns,
            start_ns + template.grid.unit_ns,
            bool(ledger and start_ns in ledger.units),
            units.made[done.outcome.key],
        )
        for done in mine
        if done.outcome.written_units
    ]
    return VodGroupChange(
        template=template,
        current=plan.current.template if plan.current else None,
        rows=rows,
        orbits=_new_orbits(units, plan, rows),
        units=made,
        rinex_snapshot=units.found.observed.snapshot,
        waiting=sorted(_waiting(units, plan) - plan.backlog.sound),
        attributes={
            "orbits": units.found.orbits.source,
            POSITION: list(plan.pair.position_m),
            "position_from": plan.pair.position_from,
        },
    )


def _waiting(units: VodUnits, plan: VodPlan) -> set[int]:
    """Starts of units that are left as they are, and have to be made when they can be."""
    grid, done = plan.template.grid, units.work.done
    left = [
        one
        for one in plan.assignments
        if one.partition.key not in done or not done[one.partition.key].outcome.written_units
    ]
    return {*plan.backlog.waiting, *(grid.origin_ns + one.unit * grid.unit_ns for one in left)}


def _new_orbits(units: VodUnits, plan: VodPlan, rows: int) -> list[OrbitFacts | None]:
    """What the new rows of the orbit files say, in their order."""
    told = {(one.uri, one.etag): one for one in units.found.orbits.read} | {
        (one.uri, one.etag): one
        for each in plan.assignments
        if each.partition.key in units.made
        for one in units.made[each.partition.key].orbits
    }
    facts = {row: told.get(file) for file, row in plan.numbers.items()}
    last = max((row for row, one in facts.items() if one), default=rows - 1)
    return [facts.get(row) for row in range(rows, last + 1)]


def _analysis(units: VodUnits, plan: VodPlan) -> AnalysisReport:
    made = [units.made[one.partition.key] for one in plan.assignments if one.partition.key in units.made]
    change = _group_change(units, plan)
    lost: dict[str, int] = {}
    for one in made:
        for system, count in one.without_orbits.items():
            lost[system] = lost.get(system, 0) + count
    without = [start_ns for start_ns in sorted(_waiting(units, plan)) if plan.key(start_ns) not in units.killed]
    return replace(
        _planned_report(plan, units.found.moved),
        made=len(change.units),
        again=sum(row.again for row in change.units),
        without_orbits=tuple(map(plan.key, without)),
        pairs=sum(row.made.pairs for row in change.units),
        values=sum(row.made.values for row in change.units),
        satellites_without_orbits=dict(sorted(lost.items())),
    )
