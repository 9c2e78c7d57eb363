"""Which files become one array over time: a place for each."""

import hashlib
import re
from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from gnssice_batch.model.virtual import (
    NetcdfFacts,
    NetcdfFile,
    Profile,
    SeriesGrid,
    StoredSeries,
    VirtualContents,
    VirtualReason,
    VirtualRow,
    VirtualState,
)
from gnssice_batch.records import dump, encode

OWN_GROUPS: Final = ".files"
"""Behind the receiver's name: the group that holds a group for each file that fits no array over time."""

_FAR_NS: Final = 3_660 * 86_400 * 10**9
"""Files further from all others than this are taken for misdated: ten years of emptiness."""
_GPS_EPOCH: Final = datetime(1980, 1, 6, tzinfo=UTC)
_DIFFERENCES: Final = (
    ("time", VirtualReason.AXIS_DIFFERS),
    ("variables", VirtualReason.VARIABLES_DIFFER),
    ("dtypes", VirtualReason.DTYPE_DIFFERS),
    ("scales", VirtualReason.SCALE_DIFFERS),
    ("codecs", VirtualReason.CODEC_DIFFERS),
    ("interval_ns", VirtualReason.INTERVAL_DIFFERS),
    ("axis", VirtualReason.AXIS_DIFFERS),
    ("chunks", VirtualReason.CHUNKS_DIFFER),
    ("chunk_epochs", VirtualReason.CHUNKS_DIFFER),
)
"""What is compared, in this order, and what a difference is called."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a listing has that the ledger has not."""

    new: tuple[NetcdfFile, ...] = ()
    changed: tuple[NetcdfFile, ...] = ()
    """Those of another size or tag than the ledger says."""
    missing: tuple[VirtualRow, ...] = ()
    """Rows of virtual files that are not listed any more: what they gave can't be read."""
    up_to_date: int = 0

    @property
    def wanted(self) -> tuple[NetcdfFile, ...]:
        """What is to be parsed."""
        return (*self.new, *self.changed)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a file goes."""

    facts: NetcdfFacts
    group: str
    """Empty for one that is rejected."""
    reason: VirtualReason | None
    """Why it is not in the array over time; None where it is."""

    @property
    def in_series(self) -> bool:
        """Whether it is a part of the array over time of its receiver."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class SeriesChange:
    """What an array over time becomes."""

    current: StoredSeries | None
    """As it stands; None for a new one."""
    wanted: StoredSeries


@dataclass(frozen=True, slots=True)
class VirtualPlan:
    """What a run does to a virtual repository."""

    head: str | None
    """Snapshot that it was planned on."""
    series: Mapping[str, SeriesChange] = field(default_factory=dict)
    """By receiver, of those that files are put into."""
    placements: tuple[Placement, ...] = ()
    removed: tuple[VirtualRow, ...] = ()
    """Rows whose references are taken away before others are made: of files that changed, or move to an array."""


def backlog_of(contents: VirtualContents, listed: Sequence[NetcdfFile]) -> Backlog:
    """Compare a listing with the ledger."""
    rows = contents.rows
    there = {file.uri for file in listed}
    new = tuple(file for file in listed if file.uri not in rows)
    known = [file for file in listed if file.uri in rows]
    changed = tuple(file for file in known if _differs(rows[file.uri], file))
    virtual = (row for row in rows.values() if row.state is VirtualState.VIRTUAL)
    missing = tuple(row for row in virtual if row.file.uri not in there)
    return Backlog(new, changed, missing, len(known) - len(changed))


def promoted(contents: VirtualContents, facts: Iterable[NetcdfFacts]) -> tuple[NetcdfFile, ...]:
    """Files in groups of their own that become one array with new ones: these have to be parsed again."""
    new = {(one.file.receiver, digest(one.profile)) for one in facts if one.profile is not None}
    parsed = {one.file.uri for one in facts}
    return tuple(
        row.file
        for row in contents.rows.values()
        if row.state is VirtualState.VIRTUAL
        and row.file.receiver not in contents.series
        and (row.file.receiver, row.profile) in new
        and row.file.uri not in parsed
    )


def plan_files(contents: VirtualContents, facts: Sequence[NetcdfFacts]) -> VirtualPlan:
    """Give every file its place; equal whatever order the files are given in."""
    by_receiver: defaultdict[str, list[NetcdfFacts]] = defaultdict(list)
    for one in sorted(facts, key=lambda each: (each.file.receiver, each.first_ns, each.file.uri)):
        by_receiver[one.file.receiver].append(one)
    uris = {one.file.uri for one in facts}
    kept: defaultdict[str, list[VirtualRow]] = defaultdict(list)
    for uri, row in contents.rows.items():
        if uri not in uris:
            kept[row.file.receiver].append(row)
    removed = tuple(row for uri, row in sorted(contents.rows.items()) if uri in uris and row.group)
    series: dict[str, SeriesChange] = {}
    placements: list[Placement] = []
    for receiver, found in by_receiver.items():
        change, placed = _planned(receiver, found, contents.series.get(receiver), kept[receiver])
        placements += placed
        if change is not None:
            series[receiver] = change
    return VirtualPlan(contents.snapshot, series, tuple(placements), removed)


def rows_of(plan: VirtualPlan, run: str) -> tuple[VirtualRow, ...]:
    """The rows of the ledger that a plan makes, one a file."""
    return tuple(_row(placement, run) for placement in plan.placements)


def digest(profile: Profile | None) -> str:
    """A name for what files of a profile have in common; empty for none."""
    return hashlib.sha256(encode(dump(profile))).hexdigest() if profile else ""


def difference(one: Profile, other: Profile) -> VirtualReason | None:
    """The first thing in which two profiles differ; None where files of them agree."""
    return next((reason for name, reason in _DIFFERENCES if getattr(one, name) != getattr(other, name)), None)


def _differs(row: VirtualRow, file: NetcdfFile) -> bool:
    again = row.reason == VirtualReason.UNREADABLE
    return again or (row.file.size_bytes, row.file.etag) != (file.size_bytes, file.etag)


def _row(placement: Placement, run: str) -> VirtualRow:
    facts = placement.facts
    return VirtualRow(
        file=facts.file,
        state=VirtualState.VIRTUAL if placement.group else VirtualState.REJECTED,
        group=placement.group,
        reason=placement.reason.value if placement.reason else "",
        detail=facts.detail,
        sha256=facts.sha256,
        profile=digest(facts.profile),
        first_ns=facts.first_ns,
        last_ns=facts.last_ns,
        epochs=facts.epochs,
        run=run,
    )


def _planned(
    receiver: str, found: Sequence[NetcdfFacts], stored: StoredSeries | None, rows: Sequence[VirtualRow]
) -> tuple[SeriesChange | None, list[Placement]]:
    """The array over time of one receiver, and a place for each of its files, these in the order of time."""
    fitting = [one for one in found if one.profile is not None]
    profile = stored.profile if stored else _profile_of_most(fitting)
    taken, reasons = _taken(fitting, profile, stored, [row for row in rows if row.group == receiver])
    if stored is None and len(taken) == 1:
        reasons[taken.pop().file.uri] = VirtualReason.ALONE
    names = {row.group for row in rows}
    placements = [_placement(one, receiver, reasons, names) for one in found]
    if not taken or profile is None:
        return None, placements
    grid = _grid(taken, profile, stored.grid if stored else None)
    return SeriesChange(stored, StoredSeries(receiver, profile, grid)), placements


def _placement(one: NetcdfFacts, receiver: str, reasons: Mapping[str, VirtualReason], names: set[str]) -> Placement:
    reason = one.reason or reasons.get(one.file.uri)
    if one.rejected:
        return Placement(one, "", reason)
    if reason is None:
        return Placement(one, receiver, None)
    return Placement(one, _own_group(one, receiver, names), reason)


def _own_group(one: NetcdfFacts, receiver: str, names: set[str]) -> str:
    """The group of a file by itself, named by its first epoch, else by its name; added to the names that are taken."""
    begin = _GPS_EPOCH + timedelta(microseconds=one.first_ns // 1000)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", one.file.uri.rpartition("/")[2].rpartition(".")[0]) or "file"
    name = f"{receiver}{OWN_GROUPS}/{f'{begin:%Y%m%dT%H%M%S}' if one.epochs else stem}"
    number = 1
    while (numbered := name if number == 1 else f"{name}_{number}") in names:
        number += 1
    names.add(numbered)
    return numbered


def _profile_of_most(found: Sequence[NetcdfFacts]) -> Profile | None:
    """The profile of most files; of several the one that begins earliest."""
    profiles = {digest(one.profile): one.profile for one in reversed(found)}
    counted = Counter(digest(one.profile) for one in found)
    return profiles[counted.most_common(1)[0][0]] if counted else None


def _taken(
    found: Sequence[NetcdfFacts], profile: Profile | None, stored: StoredSeries | None, rows: Sequence[VirtualRow]
) -> tuple[list[NetcdfFacts], dict[str, VirtualReason]]:
    """The files that the array over time takes, and why it does not take the others."""
    reasons: dict[str, VirtualReason] = {}
    agreeing: list[NetcdfFacts] = []
    for one in found:
        if profile is None or one.profile is None:
            continue
        if (reason := difference(profile, one.profile)) is not None:
            reasons[one.file.uri] = reason
        else:
            agreeing.append(one)
    near = _near(agreeing, rows)
    reasons |= {one.file.uri: VirtualReason.TOO_FAR for one in agreeing if one.file.uri not in near}
    taken = [one for one in agreeing if one.file.uri in near]
    if not taken or profile is None:
        return [], reasons
    chunk_ns = profile.interval_ns * profile.chunk_epochs
    phases = Counter(one.first_ns % chunk_ns for one in taken)
    phase_ns = stored.grid.origin_ns % chunk_ns if stored else phases.most_common(1)[0][0]
    return _without_clashes(taken, reasons, phase_ns, chunk_ns, rows), reasons


def _without_clashes(
    found: Sequence[NetcdfFacts],
    reasons: dict[str, VirtualReason],
    phase_ns: int,
    chunk_ns: int,
    rows: Sequence[VirtualRow],
) -> list[NetcdfFacts]:
    """The files that begin with a chunk and share no epoch with an earlier one."""
    spans = sorted((row.first_ns, row.last_ns) for row in rows)
    taken = []
    for one in found:
        if one.first_ns % chunk_ns != phase_ns:
            reasons[one.file.uri] = VirtualReason.OFF_CHUNK
        elif _meets(spans, one):
            reasons[one.file.uri] = VirtualReason.OVERLAPS
        else:
            insort(spans, (one.first_ns, one.last_ns))
            taken.append(one)
    return taken


def _meets(spans: Sequence[tuple[int, int]], one: NetcdfFacts) -> bool:
    """Whether a file shares an epoch with one of some disjoint spans, sorted."""
    at = bisect_right(spans, (one.first_ns, one.last_ns))
    return any(first <= one.last_ns and one.first_ns <= last for first, last in spans[max(at - 1, 0) : at + 1])


def _near(found: Sequence[NetcdfFacts], rows: Sequence[VirtualRow]) -> frozenset[str]:
    """The files that lie no absurd distance from what is stored, or, where nothing is, from most of each other."""
    spans = [(one.first_ns, one.last_ns, one.file.uri) for one in found]
    spans += [(row.first_ns, row.last_ns, "") for row in rows]
    spans.sort()
    clusters: list[list[str]] = [[spans[0][2]]] if spans else []
    for (_, last, _), (first, _, uri) in pairwise(spans):
        if first - last > _FAR_NS:
            clusters.append([])
        clusters[-1].append(uri)
    stored = [cluster for cluster in clusters if "" in cluster]
    best = stored or sorted(clusters, key=len, reverse=True)[:1]
    return frozenset(uri for cluster in best for uri in cluster if uri)


def _grid(taken: Sequence[NetcdfFacts], profile: Profile, stored: SeriesGrid | None) -> SeriesGrid:
    """The axis that holds what is stored and what is taken."""
    first = min(one.first_ns for one in taken)
    end = max(one.last_ns for one in taken) + profile.interval_ns
    if stored is None:
        grid = SeriesGrid(first, profile.interval_ns, profile.chunk_epochs, 0)
    else:
        first, end = min(first, stored.origin_ns), max(end, stored.origin_ns + stored.size * stored.interval_ns)
        grid = replace(stored, origin_ns=first)
    return replace(grid, size=(end - first) // grid.interval_ns)
