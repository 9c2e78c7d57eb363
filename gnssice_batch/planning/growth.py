"""Which files may lengthen a group's axis: what a name promises is a hint until the file is read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.ingest.align import Bounds
from gnssice_batch.model.grid import DAY_NS, Grid, gps_datetime
from gnssice_batch.model.values import SourceFile, Span
from gnssice_batch.store.layout.ledger import Ledger

_ROLLOVER_NS: Final = 1024 * 7 * DAY_NS


def promised_span(file: SourceFile, interval_ns: int, bounds: Bounds) -> Span | None:
    """First and last epoch that a file's name promises; None where it promises nothing plausible."""
    if file.start_ns is None or file.end_ns is None:
        return None
    first, end = max(file.start_ns, bounds.earliest_ns), min(file.end_ns, bounds.latest_ns)
    return Span(first, max(first, end - interval_ns)) if first < end else None


def unconfirmed(
    files: Iterable[SourceFile], read: Mapping[str, Span | None], grid: Grid, bounds: Bounds, count: int
) -> list[SourceFile]:
    """The outermost files that would lengthen an axis by what their names alone promise.

    Once none is left, every write unit that the axis gains lies between epochs that were really read.

    Parameters
    ----------
    read
        True span by URI of the files that were read already.
    grid
        The axis as it is; an empty one before a new group is made.
    count
        So many at each end, those that reach out furthest.
    """
    known = [span for span in read.values() if span]
    if known:
        grid = grid.covering(min(span.first_ns for span in known), max(span.last_ns for span in known) + 1)
    left = [(file, span) for file in files if file.uri not in read and (span := promised_span(file, 1, bounds))]
    before = [(span.first_ns, file) for file, span in left if grid.slot(span.first_ns) < 0]
    behind = [(-span.last_ns, file) for file, span in left if grid.slot(span.last_ns) >= grid.size]
    outer = (nsmallest(count, ends, key=lambda end: (end[0], end[1].uri)) for ends in (before, behind))
    return list(dict.fromkeys(file for ends in outer for _, file in ends))


def implausible(
    spans: Mapping[str, Span | None], read: Collection[str], stored: Span | None, gap_ns: int | None
) -> dict[str, Span]:
    """The files that were read and lie an absurd distance from the other data of their receiver, by URI.

    The data are what the store holds; before it holds any, the part without such a distance in it that has most files,
    one at least that was read, and of two equal ones the later.

    Parameters
    ----------
    spans
        By URI, true spans and, of files that are not read yet, promised ones.
    read
        URIs of the files whose spans are true.
    gap_ns
        Longest emptiness that is plausible; None: any is.
    """
    if gap_ns is None:
        return {}
    uris = [uri for uri, span in spans.items() if span]
    held = [span for span in spans.values() if span] + ([stored] if stored else [])
    part = _parts(held, gap_ns)
    home = part[-1] if stored else _largest(part, np.fromiter((uri in read for uri in uris), np.bool_, len(uris)))
    strays = (uri for uri, mine in zip(uris, part.tolist(), strict=False) if mine != home and uri in read)
    return {uri: span for uri in strays if (span := spans[uri])}


def stored_span(ledger: Ledger) -> Span | None:
    """First and last epoch of the files that a ledger says were taken; None where none was."""
    taken = np.flatnonzero((ledger.status != "rejected") & (ledger.first_ns <= ledger.last_ns) & (ledger.first_ns >= 0))
    if not taken.size:
        return None
    return Span(int(ledger.first_ns[taken].min()), int(ledger.last_ns[taken].max()))


def misdated(file: SourceFile, span: Span | None) -> str:
    """What is to be said of a file whose name and content are more than a day apart; empty where they are not."""
    if span is None or file.start_ns is None or file.end_ns is None:
        return ""
    if span.first_ns < file.end_ns + DAY_NS and span.last_ns > file.start_ns - DAY_NS:
        return ""
    weeks = round((file.start_ns - span.first_ns) / _ROLLOVER_NS)
    rest_ns = abs(file.start_ns - span.first_ns - weeks * _ROLLOVER_NS)
    rollover = f", {abs(weeks) * 1024:,} weeks apart: a GPS week rollover" if weeks and rest_ns <= DAY_NS else ""
    return f"the name says {_day(file.start_ns)}, the epochs are of {_day(span.first_ns)}{rollover}"


def distance(file: SourceFile, span: Span, gap_ns: int) -> str:
    """Why an implausible file is refused, in a sentence."""
    named = misdated(file, span)
    days = gap_ns // DAY_NS
    far = f"its epochs, from {_day(span.first_ns)}, lie more than {days:,} days from the receiver's other data"
    return f"{far}; {named}" if named else far


def _parts(spans: Sequence[Span], gap_ns: int) -> npt.NDArray[np.int64]:
    """(N,) which part of the time a span is in, in their order; between two parts lies a longer emptiness than that."""
    first = np.fromiter((span.first_ns for span in spans), np.int64, len(spans))
    last = np.fromiter((span.last_ns for span in spans), np.int64, len(spans))
    order = np.argsort(first, kind="stable")
    reached = np.maximum.accumulate(last[order])
    part = np.zeros(len(spans), np.int64)
    part[order[1:]] = np.cumsum(first[order[1:]] - reached[:-1] > gap_ns)
    return part


def _largest(part: npt.NDArray[np.int64], read: npt.NDArray[np.bool_]) -> int:
    """The part with most spans, of equal ones the last; one without any file that was read only if all are."""
    counts = np.bincount(part, minlength=1)
    counts[np.bincount(part[read], minlength=counts.size) > 0] += part.size
    return int(counts.size - 1 - np.argmax(counts[::-1]))


def _day(time_ns: int) -> str:
    return str(gps_datetime(time_ns).astype("datetime64[D]"))
