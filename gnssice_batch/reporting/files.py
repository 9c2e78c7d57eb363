"""What has become of the files of a receiver, with what changes from header to header, as the ledger says."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.values import HeaderFacts, Status
from gnssice_batch.operate import quarantine
from gnssice_batch.operate.quarantine import Refused, refused_of
from gnssice_batch.operate.status import latest_rows
from gnssice_batch.planning.changes import changes_along
from gnssice_batch.reporting.facts import Dated, Files, ReasonCount, SamplingPeriod
from gnssice_batch.store.layout.file_rows import NO_TIME, Columns
from gnssice_batch.store.layout.ledger import header_of

COLUMNS: Final = (
    *quarantine.COLUMNS,
    *("size_bytes", "version", "marker", "receiver_type", "antenna_type", "header"),
    *("interval_s", "first_epoch", "last_epoch", "epochs_read"),
)
"""What of the ledger is used here."""
MOST_REFUSED: Final = 200
MOST_CHANGES: Final = 500

_STATION: Final = ("Marker Name", "Receiver Type", "Receiver Version", "Antenna Type")
_NOT_OK: Final = (Status.REJECTED, Status.PARTIAL)


def files_of(receiver: str, columns: Columns, present: str, since_ns: int | None = None) -> Files:
    """What has become of the files of a receiver.

    Parameters
    ----------
    columns
        `COLUMNS` of its ledger.
    present
        The present reader.
    since_ns
        Only files that reach into this time or a later one, and those of which nobody knows.
    """
    columns = _chosen(columns, since_ns)
    taken = columns["status"] != Status.REJECTED.value
    refused = list(refused_of(receiver, columns, _NOT_OK, present))
    along = _in_order(columns)
    changes, periods = tuple(_changes(columns, along)), _sampling(columns, along)
    return Files(
        by_status=_counted(columns["status"], [str(status) for status in Status]),
        archive_bytes=int(columns["size_bytes"].sum()),
        by_version=_counted(columns["version"][taken]),
        epochs_read=int(columns["epochs_read"].sum()),
        by_reason=reason_counts((file.status, file.reason, file.reasons) for file in refused),
        refused=tuple(sorted(refused, key=_rejected_first)[:MOST_REFUSED]),
        changes=changes[:MOST_CHANGES],
        change_count=len(changes),
        sampling=tuple(periods[:MOST_CHANGES]),
        sampling_changes=max(0, len(periods) - 1),
    )


def _chosen(columns: Columns, since_ns: int | None) -> Columns:
    """The last row of each file."""
    rows = latest_rows(columns["uri"])
    if since_ns is not None:
        last = columns["last_epoch"][rows]
        rows = rows[(last >= since_ns) | (last == NO_TIME)]
    return {name: column[rows] for name, column in columns.items()}


def _counted(values: npt.NDArray[np.object_], known: Iterable[str] = ()) -> dict[str, int]:
    counts = Counter(map(str, values.tolist()))
    return {value: counts[value] for value in known or sorted(counts)}


def _rejected_first(file: Refused) -> tuple[bool, str]:
    return file.status != Status.REJECTED.value, file.file


def _in_order(columns: Columns) -> npt.NDArray[np.intp]:
    """The rows of the files that were taken, in the order of time."""
    rows = np.flatnonzero((columns["status"] != Status.REJECTED.value) & (columns["first_epoch"] != NO_TIME))
    return rows[np.argsort(columns["first_epoch"][rows], kind="stable")]


def _changes(columns: Columns, along: npt.NDArray[np.intp]) -> Iterator[Dated]:
    first = dict(zip(columns["uri"][along].tolist(), columns["first_epoch"][along].tolist(), strict=True))
    for change in changes_along(_headers(columns, along)):
        yield Dated(first[change.file], change)


def _headers(columns: Columns, along: npt.NDArray[np.intp]) -> Iterator[tuple[str, HeaderFacts]]:
    """The headers, file by file, without those that say the same as the one before."""
    names = ("header", "marker", "receiver_type", "antenna_type")
    said = zip(*(columns[name][along].tolist() for name in names), strict=True)
    for words, files in groupby(zip(said, columns["uri"][along].tolist(), strict=True), key=lambda each: each[0]):
        yield next(files)[1], _header(*words)


@lru_cache(maxsize=1024)
def _header(header: str, marker: str, receiver: str, antenna: str) -> HeaderFacts:
    """What a row says of its header; rows of older programs say less."""
    known = header_of(json.loads(header)) if header else None
    return known or HeaderFacts(marker=marker, receiver_type=receiver, antenna_type=antenna)


def _sampling(columns: Columns, along: npt.NDArray[np.intp]) -> list[SamplingPeriod]:
    """The files in the order of time, those of one interval together; a file of one epoch has none."""
    interval = columns["interval_s"][along]
    along, interval = along[interval > 0], interval[interval > 0]
    if not along.size:
        return []
    starts = np.append(0, np.flatnonzero(np.diff(interval)) + 1)
    ends = np.append(starts[1:], along.size)
    first, last = columns["first_epoch"][along], np.maximum.reduceat(columns["last_epoch"][along], starts)
    return [
        SamplingPeriod(int(first[start]), int(latest), float(interval[start]), int(end - start))
        for start, end, latest in zip(starts.tolist(), ends.tolist(), last.tolist(), strict=True)
    ]


def reason_counts(refused: Iterable[tuple[str, str, Mapping[str, int]]]) -> tuple[ReasonCount, ...]:
    """The reasons, those of most files first; a partial file counts for each of its reasons.

    Parameters
    ----------
    refused
        Of each file its status, what it was rejected for, all its reasons with their counts.
    """
    rejected, partial, lost = Counter[str](), Counter[str](), Counter[str]()
    for status, reason, reasons in refused:
        if status == Status.REJECTED.value:
            rejected[reason] += 1
            continue
        partial.update(reasons.keys())
        lost.update(reasons)
    order = sorted(rejected | partial, key=lambda each: (-rejected[each] - partial[each], each))
    return tuple(ReasonCount(reason, rejected[reason], partial[reason], lost[reason]) for reason in order)


def station_of(attributes: Mapping[str, object]) -> dict[str, str]:
    """What the attributes of a group say of marker, receiver, antenna, place."""
    found = {name: str(attributes[name]) for name in _STATION if attributes.get(name)}
    xyz = attributes.get("approx_position_xyz")
    return found | ({"Position": f"{' '.join(f'{metres:.1f}' for metres in xyz)} m"} if isinstance(xyz, list) else {})
