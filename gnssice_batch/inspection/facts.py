"""The facts of one file as the reader sees it; pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.inspection.moments import moment
from gnssice_batch.model.intervals import interval_of
from gnssice_batch.model.reasons import ranked_reasons
from gnssice_batch.model.values import Refusal, Status
from gnssice_batch.rinex import (
    MISSING,
    Header,
    Observations,
    Reading,
    ReadOptions,
    failures_as_read_errors,
    read,
    signals,
)
from gnssice_batch.rinex.containers.unpack import container_of, unpack_prefix
from gnssice_batch.rinex.header.text import is_compact

_TICKS_PER_S: Final = 10_000_000
_PS_PER_S: Final = 1e12
_GAP_STEPS: Final = 1.5
"""A step of more than this many intervals is a gap."""

KINDS: Final = {"C": "pseudorange", "L": "phase", "D": "Doppler", "S": "signal strength"}


@dataclass(frozen=True, slots=True)
class Gap:
    """Two epochs with others missing between them, GPS time in 100 ns since 1980-01-06."""

    after_100ns: int
    before_100ns: int
    missing: int
    """Epochs that would fit in between."""


@dataclass(frozen=True, slots=True)
class Part:
    """The observations of one station in a file."""

    header: Header
    first_100ns: int
    last_100ns: int
    interval_s: float
    """That the epochs fit; 0 for fewer than two epochs."""
    epochs: int
    power_failures: int
    gaps: tuple[Gap, ...]
    phase_s: float
    """Median distance of the epochs from whole intervals of GPS time."""
    jitter_s: float
    """Largest distance of an epoch from the marks of interval and phase."""
    satellites: tuple[str, ...]
    signals: tuple[str, ...]
    """Those that carry a value, as ``SV|band|code``."""
    values: Mapping[str, int]
    """Observations by first letter of their code."""
    clock_offset_s: tuple[float, float] | None
    """Least and greatest receiver clock offset; None where no epoch gives one."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the reader sees in one file."""

    name: str
    size_bytes: int
    sha256: str
    container: str | None
    """gzip, compress, bzip2, xz, zip or tar, or one that is not unpacked; None for none."""
    compact: bool
    """Whether it is CRINEX."""
    status: Status
    refusal: Refusal | None = None
    """Why the file is refused, or the first thing it loses."""
    parts: tuple[Part, ...] = ()
    lines: int = 0
    skipped: Mapping[Reason, int] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    """Names of the files in the container that are no observations and never claimed to be."""
    warnings: tuple[str, ...] = ()
    """What to be warned of, a sentence each; `gnssice_batch.inspect` fills them in."""

    def as_json(self) -> dict[str, object]:
        """The inspection as plain JSON values."""
        return as_json(self, self.warnings)

    @property
    def reasons(self) -> dict[Reason, int]:
        """Why it is rejected or partial, all with their counts, the one that matters most first."""
        rejected_for = self.refusal.reason if self.refusal and self.status is Status.REJECTED else None
        return ranked_reasons(rejected_for, self.skipped, {})


def inspect(content: bytes, name: str, options: ReadOptions | None = None) -> Inspection:
    """Read a file and say what is in it; whatever is wrong with it is part of the answer.

    Parameters
    ----------
    content
        Bytes of the archive's file, in any container.
    name
        Its name: a hint to hold the content against.
    options
        How to read it.
    """
    packing = (name, len(content), hashlib.sha256(content).hexdigest(), container_of(content))
    compact = False
    try:
        with failures_as_read_errors():
            compact = is_compact(unpack_prefix(content))
            reading = read(content, options)
            parts = tuple(_part(part) for part in reading.parts if part.time_100ns.size)
    except ReadError as error:
        refusal = Refusal.of(error)
        return Inspection(*packing, compact, Status.REJECTED, refusal, lines=error.lines, skipped=error.counts)
    counts = reading.accounting.counts
    status = Status.PARTIAL if any(reason.loses for reason in counts) else Status.OK
    return Inspection(
        *packing, compact, status, _first_loss(reading), parts, reading.accounting.lines, dict(counts), reading.others
    )


def as_json(seen: Inspection, odd: Sequence[str]) -> dict[str, object]:
    """An inspection as plain JSON values; `odd` is what `warnings_of` says of it."""
    return {
        "name": seen.name,
        "size_bytes": seen.size_bytes,
        "sha256": seen.sha256,
        "container": seen.container,
        "compact": seen.compact,
        "status": str(seen.status),
        "refusal": _refusal_json(seen.refusal),
        "reasons": {str(reason): count for reason, count in seen.reasons.items()},
        "lines": seen.lines,
        "skipped": {str(reason): count for reason, count in seen.skipped.items()},
        "parts": [_part_json(part) for part in seen.parts],
        "odd": list(odd),
    }


def _refusal_json(refusal: Refusal | None) -> dict[str, object] | None:
    if refusal is None:
        return None
    first_bytes = refusal.first_bytes.decode("latin-1")
    return {"reason": str(refusal.reason), "detail": refusal.detail, "line": refusal.line, "first_bytes": first_bytes}


def _part_json(part: Part) -> dict[str, object]:
    return {
        **_header_json(part.header),
        "first_epoch": moment(part.first_100ns),
        "last_epoch": moment(part.last_100ns),
        "interval_s": part.interval_s,
        "phase_s": part.phase_s,
        "jitter_s": part.jitter_s,
        "epochs": part.epochs,
        "power_failures": part.power_failures,
        "gaps": [_gap_json(gap) for gap in part.gaps],
        "satellites": list(part.satellites),
        "signals": list(part.signals),
        "values": {KINDS[kind]: count for kind, count in part.values.items()},
        "clock_offset_s": part.clock_offset_s,
    }


def _gap_json(gap: Gap) -> dict[str, object]:
    return {"after": moment(gap.after_100ns), "before": moment(gap.before_100ns), "missing": gap.missing}


def _header_json(header: Header) -> dict[str, object]:
    return {
        "version": header.version,
        "station": header.marker_name,
        "marker_number": header.marker_number,
        "receiver_type": header.receiver_type,
        "receiver_number": header.receiver_number,
        "receiver_version": header.receiver_version,
        "antenna_type": header.antenna_type,
        "antenna_number": header.antenna_number,
        "position_xyz_m": header.position_xyz_m,
        "antenna_delta_hen_m": header.antenna_delta_hen_m,
        "time_system": header.time_system,
        "interval_stated_s": header.interval_s,
        "types": {system: list(codes) for system, codes in header.obs_types.items()},
    }


def _first_loss(reading: Reading) -> Refusal | None:
    offence = reading.accounting.offence
    return Refusal(offence.reason, offence.detail, offence.line, offence.first_bytes) if offence else None


def _part(part: Observations) -> Part:
    times = np.sort(part.time_100ns)
    step = interval_of(times * 100) // 100
    phase, jitter = _marks(times, step)
    return Part(
        header=part.header,
        first_100ns=int(times[0]),
        last_100ns=int(times[-1]),
        interval_s=step / _TICKS_PER_S,
        epochs=int(times.size),
        power_failures=int((part.epoch_flag == 1).sum()),
        gaps=_gaps(times, step),
        phase_s=phase / _TICKS_PER_S,
        jitter_s=jitter / _TICKS_PER_S,
        satellites=tuple(sorted(part.svs)),
        signals=signals(part),
        values=_values(part),
        clock_offset_s=_clock_offset_s(part.rx_clock_offset_ps),
    )


def _marks(times: npt.NDArray[np.int64], step: int) -> tuple[int, int]:
    """Phase of the epochs and the largest distance from it, in units of 100 ns; a phase just below zero is negative."""
    if not step:
        return 0, 0
    from_first = (times - times[0] + step // 2) % step - step // 2
    middle = int(np.median(from_first))
    phase = (int(times[0]) + middle + step // 2) % step - step // 2
    return phase, int(np.abs(from_first - middle).max())


def _gaps(times: npt.NDArray[np.int64], step: int) -> tuple[Gap, ...]:
    if not step:
        return ()
    steps = np.diff(times)
    places = np.flatnonzero(steps > _GAP_STEPS * step).tolist()
    return tuple(Gap(int(times[i]), int(times[i + 1]), round(int(steps[i]) / step) - 1) for i in places)


def _values(part: Observations) -> dict[str, int]:
    """Observations that are there, by first letter of their code."""
    counts = dict.fromkeys(KINDS, 0)
    systems = np.array([sv[0] for sv in part.svs], "U1")[part.row_sv] if part.svs else np.empty(0, "U1")
    for system, columns in part.columns.items():
        present = (part.value[systems == system] != MISSING).sum(axis=0)
        for k, column in enumerate(columns):
            if column.kind in counts:
                counts[column.kind] += int(present[k])
    return counts


def _clock_offset_s(offsets_ps: npt.NDArray[np.int64]) -> tuple[float, float] | None:
    known = offsets_ps[offsets_ps != MISSING]
    return (float(known.min()) / _PS_PER_S, float(known.max()) / _PS_PER_S) if known.size else None
