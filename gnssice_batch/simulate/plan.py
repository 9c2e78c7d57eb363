"""The simulation plan: receivers, time span, sampling, gaps, file length, compression."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, get_args

from gnssice_batch.errors import ConfigError

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
GPS_START: Final = date(1980, 1, 6)
SYSTEMS: Final = "GRECJS"

Packing = Literal["rnx", "rnx.gz", "crx", "crx.gz"]


@dataclass(frozen=True, slots=True)
class SimulatedReceiver:
    """One receiver: where it stands, and whether trees stand over it."""

    name: str
    """Folder of its files."""
    station: str
    """Four characters, as in file names and the marker."""
    latitude_deg: float = 47.7
    longitude_deg: float = 16.3
    height_m: float = 160.0
    canopy: bool = False
    optical_depth: float | None = None
    """Vegetation optical depth of an even canopy over it, instead of the uneven trees of `canopy`."""


def network(count: int = 2, optical_depth: float | None = None) -> tuple[SimulatedReceiver, ...]:
    """Return pairs of a receiver under trees and one beside them, spread over the continent.

    With an optical depth, the trees are an even canopy of it.
    """
    receivers = []
    for number in range(count):
        pair, open_sky = divmod(number, 2)
        canopy = not open_sky
        receivers.append(
            SimulatedReceiver(
                name=f"{'canopy' if canopy else 'reference'}_{pair + 1:02d}",
                station=f"{'C' if canopy else 'R'}{pair + 1:03d}",
                latitude_deg=47.7 + (pair * 7.3) % 20 - 0.001 * open_sky,
                longitude_deg=16.3 + (pair * 11.9) % 60,
                canopy=canopy,
                optical_depth=optical_depth if canopy else None,
            )
        )
    return tuple(receivers)


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """Everything the content and the cutting of the archive follow from.

    Raises
    ------
    ConfigError
        If the spans are not whole numbers of intervals, or a system or packing is unknown.
    """

    receivers: tuple[SimulatedReceiver, ...] = field(default_factory=network)
    start: date = date(2025, 1, 1)
    days: float = 1.0
    interval_s: float = 30.0
    period_s: float = 900.0
    """Length of a file."""
    systems: str = "GREC"
    packing: Packing = "crx.gz"
    seed: int = 0
    gap_fraction: float = 0.02
    """Part of the ten-minute spans that hold a gap of up to two minutes."""
    outage_fraction: float = 0.02
    """Part of the spans of `outage_s` in which the receiver is off: files that lie in one are not written."""
    outage_s: float = 3600.0
    strength_noise_db: float = 0.4
    """Standard deviation of signal strengths, which are then rounded to 0.25 dB-Hz."""

    def __post_init__(self) -> None:
        faults = "; ".join(_faults(self))
        if faults:
            raise ConfigError(faults)

    @property
    def interval_ns(self) -> int:
        """Time between epochs in ns."""
        return round(self.interval_s * SECOND_NS)

    @property
    def period_ns(self) -> int:
        """Length of a file in ns."""
        return round(self.period_s * SECOND_NS)

    @property
    def start_ns(self) -> int:
        """First epoch, GPS time in ns since 1980-01-06."""
        return (self.start - GPS_START).days * DAY_NS

    @property
    def end_ns(self) -> int:
        """End (exclusive) of the simulated span, GPS time in ns since 1980-01-06."""
        return self.start_ns + round(self.days * DAY_NS)


def _faults(plan: SimulationPlan) -> Iterator[str]:
    if set(plan.systems) - set(SYSTEMS) or not plan.systems:
        yield f"systems should be some of {SYSTEMS}, not {plan.systems!r}"
    if plan.packing not in get_args(Packing):
        yield f"packing should be one of {', '.join(get_args(Packing))}, not {plan.packing!r}"
    if plan.interval_ns <= 0 or plan.interval_ns % 100:
        yield f"interval_s should be a positive multiple of 0.0000001, not {plan.interval_s}"
    elif plan.period_ns % plan.interval_ns or plan.start_ns % plan.interval_ns:
        yield f"a file of {plan.period_s} s and a day should hold whole intervals of {plan.interval_s} s"
    elif max(plan.interval_ns, SECOND_NS) % min(plan.interval_ns, SECOND_NS):
        yield f"an interval of {plan.interval_s} s can't be written in a file name"
    if plan.period_ns <= 0 or plan.period_ns % (60 * SECOND_NS):
        yield f"period_s should be whole minutes, not {plan.period_s}"
