"""The time coverage of a group, kept as attributes so that nobody has to search a long axis."""

from collections.abc import Iterable, Mapping

import numpy as np
import zarr

from gnssice_batch.model.grid import Grid, gps_datetime
from gnssice_batch.model.template import RINEX
from gnssice_batch.model.values import NO_SOURCE, EpochRows, Span
from gnssice_batch.store.layout.arrays import array, contents_of
from gnssice_batch.store.layout.damage import cells_of
from gnssice_batch.store.layout.ledger import written_span

_EPOCHS_AT_ONCE = 1 << 21


def coverage(group: zarr.Group, grid: Grid) -> Span | None:
    """First and last epoch that a group holds; None where it holds none.

    As its attributes say; a group of an older program has none, and is told by its ledger.
    """
    told = told_coverage(group)
    return told if told or contents_of(group.path, group.attrs) is not RINEX else _on_axis(written_span(group), grid)


def told_coverage(group: zarr.Group) -> Span | None:
    """First and last epoch that a group holds, as its attributes say; None where they say nothing."""
    return coverage_of(group.attrs)


def coverage_of(attributes: Mapping[str, object]) -> Span | None:
    """First and last epoch that a group with these attributes holds; None where they say nothing."""
    first_ns, last_ns = attributes.get("first_epoch_ns"), attributes.get("last_epoch_ns")
    return Span(first_ns, last_ns) if isinstance(first_ns, int) and isinstance(last_ns, int) else None


def coverage_attributes(span: Span | None) -> dict[str, object]:
    """The attributes that keep a coverage, those of ACDD among them: GPS time, as all epochs are."""
    if span is None:
        return {}
    return {
        "time_coverage_start": str(gps_datetime(span.first_ns)),
        "time_coverage_end": str(gps_datetime(span.last_ns)),
        "first_epoch_ns": span.first_ns,
        "last_epoch_ns": span.last_ns,
    }


def covered(before: Span | None, rows: Iterable[EpochRows], grid: Grid) -> Span | None:
    """The coverage after these rows of epochs were written."""
    parts = sorted(rows, key=lambda part: part.start)
    first = next((slot for part in parts if (slot := _first_held(part)) is not None), None)
    last = next((slot for part in reversed(parts) if (slot := _last_held(part)) is not None), None)
    if first is None or last is None:
        return before
    found = Span(grid.time_ns(first), grid.time_ns(last))
    return Span(min(found.first_ns, before.first_ns), max(found.last_ns, before.last_ns)) if before else found


def searched_coverage(group: zarr.Group, grid: Grid) -> Span | None:
    """The coverage as `source_file` says, searched from both ends."""
    source = array(group, "source_file")
    starts = range(0, grid.size, max(1, _EPOCHS_AT_ONCE // grid.unit) * grid.unit)

    def part(start: int) -> EpochRows:
        return EpochRows.of(start, cells_of(source, slice(start, start + starts.step)))

    first = next((slot for start in starts if (slot := _first_held(part(start))) is not None), None)
    if first is None:
        return None
    last = next((slot for start in starts[::-1] if (slot := _last_held(part(start))) is not None), first)
    return Span(grid.time_ns(first), grid.time_ns(last))


def _first_held(part: EpochRows) -> int | None:
    held = np.flatnonzero(part.run_sources != NO_SOURCE)
    return part.start + int(np.append(0, part.run_ends)[held[0]]) if held.size else None


def _last_held(part: EpochRows) -> int | None:
    held = np.flatnonzero(part.run_sources != NO_SOURCE)
    return part.start + int(part.run_ends[held[-1]]) - 1 if held.size else None


def _on_axis(span: Span | None, grid: Grid) -> Span | None:
    """The grid epochs nearest to a span, cut off at the ends of the axis."""
    if span is None:
        return None
    first, last = max(0, grid.slot(span.first_ns)), min(grid.slot(span.last_ns), grid.size - 1)
    return Span(grid.time_ns(first), grid.time_ns(last)) if first <= last else None
