"""The report of a vod run: units, orbit files, exit code."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from gnssice_batch.job.report import EXIT_DONE, EXIT_REFUSED, JobReport

NO_ORBITS: Final = "no_orbits"
"""Why a unit is left as it is: nothing tells where its satellites are."""


@dataclass(frozen=True, slots=True)
class VodProof:
    """What was verified before publishing."""

    level: str = "units"
    """``units``, ``sample`` or ``full``."""
    units: int = 0
    """Write units of which the commit changed exactly those that were planned."""
    recomputed: int = 0
    """Units that were read back and compared with what observations and orbits give again."""
    cells: int = 0
    """Cells compared, missing ones included."""


@dataclass(frozen=True, slots=True)
class AnalysisReport:
    """What became of one analysis."""

    canopy: str
    reference: str
    made: int = 0
    """Units made."""
    again: int = 0
    """Of them those that had been made before."""
    up_to_date: int = 0
    """Units that were made already."""
    without_orbits: tuple[str, ...] = ()
    """Keys of the units that are left as they are for want of orbits; a later run tries again."""
    pairs: int = 0
    """Cells of the units made in which both receivers have SNR."""
    values: int = 0
    """Of them those with VOD."""
    satellites_without_orbits: Mapping[str, int] = field(default_factory=dict)
    """By system, satellites of units that have no orbit, counted in each unit."""
    everything: str = ""
    """Why all units were made again; empty where they were not."""
    moved: str = ""
    """Which files of the canopy were taken elsewhere than where all angles are seen from, in a sentence; empty for
    none, and where their headers were not looked at, because not all units were to be made."""


@dataclass(frozen=True, slots=True)
class VodReport(JobReport):
    """The report of a vod run."""

    rinex_snapshot: str = ""
    """Version of the observations that it was made from."""
    analyses: Mapping[str, AnalysisReport] = field(default_factory=dict)
    """By name of the analysis."""
    orbit_files: int = 0
    """Orbit files that there are."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """By path of an orbit file why it could not be read."""
    damaged: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By path of an orbit file that units were made with how many of its records could not be read, by reason."""
    proof: VodProof = VodProof()

    @property
    def units_without_orbits(self) -> int:
        """Units that are left as they are for want of orbits."""
        return sum(len(one.without_orbits) for one in self.analyses.values())

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        lost: Counter[str] = Counter({NO_ORBITS: self.units_without_orbits})
        return {
            "run": self.run,
            "url": self.url,
            "snapshot": self.snapshot,
            "tagged": self.tagged,
            "kept_at": self.kept_at,
            "rinex_snapshot": self.rinex_snapshot,
            "partitions": self.partitions,
            "resumed": self.resumed,
            "set_aside": list(self.set_aside),
            "left": {reason: count for reason, count in lost.items() if count},
            "bytes_read": self.bytes_read,
            "seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak_memory_bytes,
            "proof": asdict(self.proof),
            "orbit_files": self.orbit_files,
            "unreadable_orbit_files": dict(self.unreadable),
            "damaged_orbit_files": {uri: dict(lost) for uri, lost in self.damaged.items()},
            "analyses": {name: asdict(one) for name, one in self.analyses.items()},
            "requests": {
                "used": self.used_in_all.as_json(),
                "by_worker": {worker or "coordinator": used.as_json() for worker, used in sorted(self.used.items())},
            },
        }


def vod_shortfalls(report: VodReport, max_refused_fraction: float, max_partial_fraction: float) -> tuple[str, ...]:
    """What a vod run did not come to, a sentence each; empty where it came to what the settings ask for.

    Parameters
    ----------
    max_refused_fraction
        Part of the orbit files that may be unreadable.
    max_partial_fraction
        Part of the units that may have no orbits.
    """
    found = [f"{key} was set aside: it killed its workers" for key in report.set_aside]
    units = sum(one.made + one.up_to_date + len(one.without_orbits) for one in report.analyses.values())
    without = report.units_without_orbits
    if units and without / units > max_partial_fraction:
        found.append(f"{without:,} of {units:,} units have no orbits, allowed are {max_partial_fraction:.1%}")
    bad = len(report.unreadable)
    if report.orbit_files and bad / report.orbit_files > max_refused_fraction:
        said = f"{bad:,} of {report.orbit_files:,} orbit files can't be read, e.g. {next(iter(report.unreadable))}"
        found.append(f"{said}; allowed are {max_refused_fraction:.1%}")
    return tuple(found)


def vod_exit_code(report: VodReport, max_refused_fraction: float, max_partial_fraction: float) -> int:
    """0, or 1 where the run came to less than the settings allow."""
    return EXIT_REFUSED if vod_shortfalls(report, max_refused_fraction, max_partial_fraction) else EXIT_DONE
