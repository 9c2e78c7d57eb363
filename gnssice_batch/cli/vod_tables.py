"""What the ``vod`` commands show."""

from collections.abc import Mapping

from rich.console import Console

from gnssice_batch.cli.blocks import block, only_if, say_list
from gnssice_batch.cli.formatting import count, duration, size, span
from gnssice_batch.job.vod_preview import AnalysisPlan, VodPlanSummary
from gnssice_batch.job.vod_report import AnalysisReport, VodReport
from gnssice_batch.operate.vod_status import AnalysisStatus, VodStatus


def show_vod_plan(console: Console, found: VodPlanSummary) -> None:
    """What a vod run would do."""
    block(
        console,
        "Plan",
        [
            ("store", found.store),
            ("observations", f"version {found.rinex_snapshot}"),
            ("orbit files", f"{found.orbit_files:,}"),
        ],
    )
    for name, one in found.analyses.items():
        block(console, name, _planned(one))


def show_vod_report(console: Console, report: VodReport) -> None:
    """The end of a vod run: what was made, and what was not."""
    block(
        console,
        "Vod",
        [
            ("store", report.url),
            ("snapshot", report.snapshot or "none: nothing to publish"),
            *only_if(report.tagged, "tag", f"given to {report.tagged}"),
            ("observations", f"version {report.rinex_snapshot}"),
            ("orbit files", f"{report.orbit_files:,}"),
            ("units", f"{report.partitions:,}" + (f", {report.resumed:,} done earlier" if report.resumed else "")),
            ("took", duration(report.seconds)),
            *only_if(report.set_aside, "set aside", f"{', '.join(report.set_aside)}: killed their workers"),
            *only_if(report.snapshot, "proven", _proven(report)),
            *only_if(report.peak_memory_bytes, "peak memory", f"{size(report.peak_memory_bytes)} of one process"),
        ],
    )
    for name, one in report.analyses.items():
        block(console, name, _made(one))
    faults = [f"{uri}: {why}" for uri, why in report.unreadable.items()]
    say_list(console, "Orbit files that can't be read", faults)
    lost = [
        f"{uri}: {', '.join(f'{number:,} {reason}' for reason, number in counts.items())}"
        for uri, counts in report.damaged.items()
    ]
    say_list(console, "Orbit files with records that can't be read", lost)


def show_vod_status(console: Console, found: VodStatus) -> None:
    """What a vod repository holds."""
    block(
        console,
        "Vod",
        [
            ("store", found.url),
            ("snapshot", f"{found.snapshot.id}, {found.snapshot.written_at}"),
            ("size", size(found.stored_bytes)),
        ],
    )
    for one in found.analyses:
        block(console, one.group, _status(one))


def _proven(report: VodReport) -> str:
    proof = report.proof
    said = f"{count(proof.units, 'write unit')} as planned"
    if not proof.recomputed:
        return said
    return (
        f"{said}, {count(proof.cells, 'cell')} of {count(proof.recomputed, 'unit')} as computed again ({proof.level})"
    )


def _planned(one: AnalysisPlan) -> list[tuple[str, str]]:
    return [
        ("receivers", f"{one.canopy} against {one.reference}"),
        ("units", f"{len(one.units):,} to make, {one.up_to_date:,} up to date" + (", a new group" if one.new else "")),
        *only_if(one.everything, "all again", one.everything),
        *only_if(one.moved, "position", one.moved),
        *only_if(one.without_orbits, "no orbits", _some(one.without_orbits)),
        ("signals", f"{one.signals:,}"),
    ]


def _made(one: AnalysisReport) -> list[tuple[str, str]]:
    return [
        ("receivers", f"{one.canopy} against {one.reference}"),
        ("units", f"{one.made:,} made, {one.again:,} of them again; {one.up_to_date:,} up to date"),
        *only_if(one.everything, "all again", one.everything),
        *only_if(one.moved, "position", one.moved),
        *only_if(one.pairs, "values", f"{one.values:,} of {one.pairs:,} pairs"),
        *only_if(one.without_orbits, "no orbits", _some(one.without_orbits)),
        *only_if(one.satellites_without_orbits, "lacking", _lacking(one.satellites_without_orbits)),
    ]


def _status(one: AnalysisStatus) -> list[tuple[str, str]]:
    return [
        ("span", span(one.span)),
        ("interval", f"{one.interval_s:g} s"),
        ("signals", f"{one.signals:,}"),
        ("units", f"{one.units:,}"),
        *only_if(one.units_without_orbits, "no orbits", count(one.units_without_orbits, "unit")),
        ("orbit files", f"{one.orbit_files:,}"),
        ("observations", f"version {one.rinex_snapshot}" + (", there is a later one" if one.behind else "")),
    ]


def _lacking(satellites: Mapping[str, int]) -> str:
    told = ", ".join(f"{number:,} {system}" for system, number in satellites.items())
    return f"orbits of satellites, counted in each unit: {told}"


def _some(keys: tuple[str, ...]) -> str:
    return f"{count(len(keys), 'unit')} left as they are, {', '.join(keys[:1])} for one"
