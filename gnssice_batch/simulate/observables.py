"""The observables of each signal: pseudorange, phase, Doppler, signal strength, as exact integers."""

from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch import signals
from gnssice_batch.rinex.primitives.jit import with_arrays
from gnssice_batch.simulate import noise
from gnssice_batch.simulate.noise import drawn, gaussian, mixed, uniform
from gnssice_batch.simulate.plan import SECOND_NS, SimulatedReceiver, SimulationPlan
from gnssice_batch.simulate.sky import MASK_SIN, Sky, constellation, seen

OBSERVABLES: Final = "CLDS"
MISSING: Final = -(2**62)
"""Stands for a value that was not measured."""
CODES: Final = {
    "G": ("1C", "2W", "2L", "5Q"),
    "R": ("1C", "1P", "2C", "2P"),
    "E": ("1C", "5Q", "7Q", "8Q"),
    "C": ("2I", "6I", "7I", "5P"),
    "J": ("1C", "2L", "5Q"),
    "S": ("1C", "5I"),
}
"""Band and tracking letter of the signals, as in RINEX 3."""
WIDTH: Final = 4
"""Most signals a system has."""

_LIGHT_M_S: Final = 299_792_458.0
_L1_HZ: Final = 1_575.42e6
_SLOT_NS: Final = 1800 * SECOND_NS
_SLOTS: Final = 48
"""At least one slip of every signal in so many slots, which bounds the search for the last one."""
_SLIP_PART: Final = 0.01
_GAP_SPAN_NS: Final = 600 * SECOND_NS
_LOCK_DB_HZ: Final = 18.0
_CANOPY_DB: Final = 4.0
"""Attenuation by trees at the zenith, on average."""
_DB_PER_NEPER: Final = 10 / np.log(10)
_CLOCK_S: Final = 1e-7
_CLOCK_RAD_S: Final = 2 * np.pi / 7200


class Link(NamedTuple):
    """What each signal's values follow from, besides the geometry; each (S, 4)."""

    wave_m: npt.NDArray[np.float64]
    """Wavelength; 0 where the satellite has no such signal."""
    ionosphere_m: npt.NDArray[np.float64]
    """Delay at the zenith."""
    strength_db: npt.NDArray[np.float64]
    offset_m: npt.NDArray[np.float64]
    """Minus the satellite's clock, and hardware delays."""
    stream: npt.NDArray[np.uint64]


class View(NamedTuple):
    """What all signals of a satellite share, at each epoch."""

    time_ns: npt.NDArray[np.int64]
    seen: npt.NDArray[np.bool_]
    """(E, S) the receiver is on and the satellite above the mask."""
    slant: npt.NDArray[np.float64]
    """(E, S) length of the way through the ionosphere, 1 at the zenith."""
    common_m: npt.NDArray[np.float64]
    """(E, S) range with receiver clock and troposphere."""
    rate_m_s: npt.NDArray[np.float64]
    gain_db: npt.NDArray[np.float64]
    """(E, S) of the antenna, less what trees take."""
    noise_db: float


class Measured(NamedTuple):
    """Integers as they stand in the file, without the decimal point."""

    values: npt.NDArray[np.int64]
    """(E, S, 4, 4) in 0.001 of m, cycles, Hz, dB-Hz, or `MISSING`; observables in the order of `OBSERVABLES`."""
    lli: npt.NDArray[np.int8]
    """(E, S, 4) of the phase, -1 where there is none."""
    ssi: npt.NDArray[np.int8]
    """(E, S, 4) of pseudorange and phase, -1 where there is none."""


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything a receiver measured in a span of time."""

    time_ns: npt.NDArray[np.int64]
    """(E,) GPS time in ns since 1980-01-06."""
    clock_ps: npt.NDArray[np.int64]
    """(E,) receiver clock offset in ps."""
    svs: tuple[str, ...]
    measured: Measured


def truth(plan: SimulationPlan, receiver: SimulatedReceiver, start_ns: int, end_ns: int) -> Observations:
    """Return what the receiver measures in [start, end), whatever files it is written to.

    Parameters
    ----------
    plan
        Sampling, systems, seed, gaps.
    receiver
        One of the plan's receivers, or another.
    start_ns, end_ns
        GPS time in ns since 1980-01-06, whole intervals.

    Returns
    -------
    Observations
        Of the epochs at which the receiver was on, and the satellites that were seen at any of them.
    """
    before_ns = start_ns - plan.interval_ns
    time_ns = np.arange(before_ns, end_ns, plan.interval_ns, dtype=np.int64)
    on = receiver_on(plan, receiver, time_ns)
    satellites = constellation(plan.systems)
    if not on[1:].any():
        return Observations(time_ns[:0], time_ns[:0], (), _empty(0, 0))
    sky = seen(receiver, satellites, time_ns)
    up = np.flatnonzero((sky.sin_elevation >= MASK_SIN).any(axis=0))
    clock_s, drift = _clock(plan, receiver, time_ns)
    view = _view(receiver, time_ns, Sky(*(part[:, up] for part in sky)), on, (clock_s, drift))
    view = view._replace(noise_db=plan.strength_noise_db)
    link = _link(plan.systems, plan.seed, receiver.name)
    link = Link(link.wave_m[up], link.ionosphere_m[up], link.strength_db[up], link.offset_m[up], link.stream[up])
    measured = _empty(len(time_ns), len(up))
    _measure(view, link, measured)
    return _chosen(time_ns, clock_s, tuple(satellites.svs[s] for s in up), measured)


def _empty(epochs: int, satellites: int) -> Measured:
    shape = (epochs, satellites, WIDTH)
    values = np.full((*shape, len(OBSERVABLES)), MISSING, np.int64)
    return Measured(values, np.full(shape, -1, np.int8), np.full(shape, -1, np.int8))


def _chosen(
    time_ns: npt.NDArray[np.int64], clock_s: npt.NDArray[np.float64], svs: tuple[str, ...], measured: Measured
) -> Observations:
    """Leave out the epoch before the span, and what was not measured at all."""
    any_value = (measured.lli >= 0).any(axis=2)
    any_value[0] = False
    epochs, satellites = any_value.any(axis=1), any_value.any(axis=0)
    cells = np.ix_(epochs, satellites)
    kept = Measured(measured.values[cells], measured.lli[cells], measured.ssi[cells])
    clock_ps = np.rint(clock_s[epochs] * 1e12).astype(np.int64)
    return Observations(time_ns[epochs], clock_ps, tuple(np.array(svs)[satellites].tolist()), kept)


def _clock(
    plan: SimulationPlan, receiver: SimulatedReceiver, time_ns: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the receiver clock's offset in s (whole ps) and its rate, (E,) each."""
    phase = noise.key(plan.seed, receiver.name, "clock") % 1000 / 1000 * 2 * np.pi
    angle = _CLOCK_RAD_S * ((time_ns % (86400 * SECOND_NS)) / SECOND_NS) + phase
    return np.rint(_CLOCK_S * np.sin(angle) * 1e12) * 1e-12, _CLOCK_S * _CLOCK_RAD_S * np.cos(angle)


def _view(
    receiver: SimulatedReceiver,
    time_ns: npt.NDArray[np.int64],
    sky: Sky,
    on: npt.NDArray[np.bool_],
    clock: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> View:
    sin_elevation = np.maximum(sky.sin_elevation, 0.0)
    clock_s, drift = clock
    gain_db = 16.0 * np.sqrt(sin_elevation)
    if receiver.optical_depth is not None:
        gain_db -= _DB_PER_NEPER * receiver.optical_depth / np.maximum(sin_elevation, MASK_SIN)
    elif receiver.canopy:
        gain_db -= _shade_db(sin_elevation, sky.azimuth)
    return View(
        time_ns,
        (sky.sin_elevation >= MASK_SIN) & on[:, None],
        1.0 / (0.3 + 0.7 * sin_elevation),
        sky.range_m + _LIGHT_M_S * clock_s[:, None] + 2.4 / (sin_elevation + 0.02),
        sky.rate_m_s + _LIGHT_M_S * drift[:, None],
        gain_db,
        0.0,
    )


def _shade_db(sin_elevation: npt.NDArray[np.float64], azimuth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what trees take: more on long ways through them, and more where they are dense."""
    density = 1.0 + 0.5 * np.sin(3.0 * azimuth) * np.cos(7.0 * sin_elevation + azimuth)
    return np.minimum(_CANOPY_DB * density / (sin_elevation + 0.2), 25.0)


def receiver_on(
    plan: SimulationPlan, receiver: SimulatedReceiver, time_ns: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return at which of (E,) consecutive times the receiver writes an epoch: not in outages, not in gaps."""
    outage = _spans(plan, receiver, "outage", time_ns // round(plan.outage_s * SECOND_NS))
    gap_spans = time_ns // _GAP_SPAN_NS
    has_gap = _spans(plan, receiver, "gap", gap_spans) < plan.gap_fraction
    begin = _spans(plan, receiver, "begin", gap_spans) * 0.8 * _GAP_SPAN_NS
    length = _spans(plan, receiver, "length", gap_spans) * 0.2 * _GAP_SPAN_NS
    into = time_ns - gap_spans * _GAP_SPAN_NS
    in_gap = has_gap & (into >= begin) & (into < begin + length)
    on: npt.NDArray[np.bool_] = (outage >= plan.outage_fraction) & ~in_gap
    return on


def _spans(
    plan: SimulationPlan, receiver: SimulatedReceiver, what: str, spans: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return (E,) random numbers in [0, 1), one for each of the ascending span numbers."""
    stream = np.uint64(noise.key(plan.seed, receiver.name, what))
    first = int(spans[0])
    numbers: npt.NDArray[np.float64] = noise.uniforms(stream, first, int(spans[-1]) - first + 1)[spans - first]
    return numbers


@cache
def _link(systems: str, seed: int, receiver: str) -> Link:
    svs = constellation(systems).svs
    shape = (len(svs), WIDTH)
    link = Link(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape, np.uint64))
    for s, sv in enumerate(svs):
        clock_m = (noise.key(seed, sv, "clock") % 100_000 - 50_000) * 1.0
        for k, code in enumerate(CODES[sv[0]]):
            link.stream[s, k] = noise.key(seed, receiver, sv, code)
            if code in ("5Q", "2L") and sv[0] == "G" and int(sv[1:]) % 3 == 0:
                continue
            frequency_hz = carrier_hz(sv, code)
            link.wave_m[s, k] = _LIGHT_M_S / frequency_hz
            link.ionosphere_m[s, k] = 3.0 * (_L1_HZ / frequency_hz) ** 2
            link.strength_db[s, k] = 34.0 + 2.0 * (code[0] == "5") - 6.0 * (code[1] in "WP" and sv[0] == "G") - k % 2
            link.offset_m[s, k] = clock_m + noise.key(seed, sv, code) % 100 / 20
    return link


def carrier_hz(sv: str, code: str) -> float:
    """Return the carrier's frequency, for GLONASS that of the satellite's own channel."""
    band = signals.band_of(sv[0], code[0])
    channel = signals.glonass_channel(sv, {}) if sv[0] == "R" else None
    center_mhz, _, _ = signals.frequencies(f"{sv}|{band}|{code[1]}", None if channel is None else {sv: channel})
    return center_mhz * 1e6


@with_arrays
def _measure(view: View, link: Link, measured: Measured) -> None:
    for s in range(link.wave_m.shape[0]):
        for k in range(link.wave_m.shape[1]):
            if link.wave_m[s, k] > 0.0:
                _measure_signal(view, link, measured, s, k)


@with_arrays
def _measure_signal(view: View, link: Link, measured: Measured, s: int, k: int) -> None:
    """Fill one signal's cells, keeping from epoch to epoch whether the lock on its phase holds.

    A Doppler of 0.000 is 0.001: RINEX would take it for a missing one.
    """
    stream, wave_m, offset_m, base_db = (
        link.stream[s, k],
        link.wave_m[s, k],
        link.offset_m[s, k],
        link.strength_db[s, k],
    )
    slot, slip_ns, before, ambiguity = -1, 0, 0, 0
    held = False
    for e in range(view.time_ns.size):
        time_ns = int(view.time_ns[e])
        if time_ns // _SLOT_NS != slot:
            slot = time_ns // _SLOT_NS
            slip_ns, before = _slip_ns(stream, slot), _ambiguity(stream, slot - 1)
        former = ambiguity
        ambiguity = before if time_ns < slip_ns else _ambiguity_of(slip_ns)
        bits = drawn(stream, time_ns)
        strength = _strength(base_db + view.gain_db[e, s], view.noise_db, bits)
        if not view.seen[e, s] or strength < 1000 * _LOCK_DB_HZ:
            held = False
            continue
        code_m, phase_m = _ranges(view.common_m[e, s] + offset_m, link.ionosphere_m[s, k] * view.slant[e, s], bits)
        rate_m_s = view.rate_m_s[e, s] + 0.01 * gaussian(mixed(bits ^ np.uint64(3)))
        measured.values[e, s, k, 0] = int(np.rint(1000.0 * code_m))
        measured.values[e, s, k, 1] = int(np.rint(1000.0 * phase_m / wave_m)) + 1000 * ambiguity
        doppler = int(np.rint(-1000.0 * rate_m_s / wave_m))
        measured.values[e, s, k, 2] = doppler + (doppler == 0)
        measured.values[e, s, k, 3] = strength
        measured.ssi[e, s, k] = min(max(strength // 6000, 1), 9)
        measured.lli[e, s, k] = 0 if held and ambiguity == former else 1
        held = True


@with_arrays
def _strength(mean_db: float, noise_db: float, bits: np.uint64) -> int:
    """Return carrier to noise density in 0.001 dB-Hz, in steps of 0.25 dB-Hz as receivers give it."""
    return 250 * int(np.rint(4.0 * (mean_db + noise_db * gaussian(bits))))


@with_arrays
def _ranges(common_m: float, ionosphere_m: float, bits: np.uint64) -> tuple[float, float]:
    """Return code and phase range: the ionosphere delays the one and advances the other."""
    code_noise, phase_noise = gaussian(mixed(bits ^ np.uint64(1))), gaussian(mixed(bits ^ np.uint64(2)))
    return common_m + ionosphere_m + 0.25 * code_noise, common_m - ionosphere_m + 0.002 * phase_noise


@with_arrays
def _slips(stream: np.uint64, slot: int) -> bool:
    forced = (np.uint64(slot) + stream % np.uint64(_SLOTS)) % np.uint64(_SLOTS) == 0
    return forced or uniform(drawn(stream, slot)) < _SLIP_PART


@with_arrays
def _slip_ns(stream: np.uint64, slot: int) -> int:
    """Return when the signal slips in the slot, or the end of time."""
    if not _slips(stream, slot):
        return 2**63 - 1
    return slot * _SLOT_NS + int(uniform(drawn(stream, -slot)) * _SLOT_NS)


@with_arrays
def _ambiguity_of(slip_ns: int) -> int:
    """Return the whole number of cycles that phase is off after a slip, within 50,000."""
    return int(mixed(np.uint64(slip_ns)) % np.uint64(100_001)) - 50_000


@with_arrays
def _ambiguity(stream: np.uint64, slot: int) -> int:
    """Return the ambiguity at the end of a slot: that of the last slip."""
    while not _slips(stream, slot):
        slot -= 1
    return _ambiguity_of(_slip_ns(stream, slot))
