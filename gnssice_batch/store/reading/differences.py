"""Two versions of a repository compared by Icechunk's record of what was written between them."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

import icechunk
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, VARIABLES, GroupTemplate
from gnssice_batch.model.values import Span
from gnssice_batch.store.damage import of_version
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.arrays import read_template
from gnssice_batch.store.layout.documents import groups_in, top_of
from gnssice_batch.store.layout.file_rows import PATH
from gnssice_batch.store.layout.foreign import is_own
from gnssice_batch.store.reading.chunk_changes import (
    NOTHING,
    Change,
    ChunkChange,
    Index,
    Shift,
    all_added,
    array_change,
)
from gnssice_batch.store.reading.ledger_changes import LedgerChange, ledger_change
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.together import together
from gnssice_batch.store.versions import Version, version_at, versions_before

_ALONG_EPOCH: Final = {spec.name: len(spec.dims) for spec in (*VARIABLES, *EPOCH_COORDINATES, *JOINED)}
"""By array its dimensions, the first of which is ``epoch``."""

type State = Literal["added", "changed", "made anew", "removed"]
_OTHER_WAY: Final[Mapping[State, State]] = {"added": "removed", "removed": "added"}


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """What is different in one group."""

    name: str
    """``/`` for arrays that are in no group."""
    state: State
    own: bool
    """Whether it is a receiver's; of a group of another program only the chunks are told."""
    chunks: ChunkChange
    epochs: Change = NOTHING
    """Epochs that hold observations now and did not, that are from another file, that hold none any more: by the
    sums of the ledger's rows, what one file lost and another gained being from another file."""
    signals: Change = NOTHING
    """The changed ones are of GLONASS satellites whose channel is another."""
    files: Change = NOTHING
    """Rows of the ledger: new ones, those that better files took something from, those that are gone."""

    def reversed(self) -> "GroupDifference":
        """The same, seen from the later version."""
        counts = (self.epochs, self.signals, self.files)
        other = (Change(each.removed, each.changed, each.added) for each in counts)
        return GroupDifference(
            self.name, _OTHER_WAY.get(self.state, self.state), self.own, self.chunks.reversed(), *other
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """What the second of two versions has that is different from the first."""

    before: Version
    after: Version
    groups: tuple[GroupDifference, ...]
    """Those that are not the same, by name."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two versions."""

    session: icechunk.Session
    groups: Mapping[str, zarr.Group]
    """By name."""
    arrays: Mapping[str, frozenset[str]]
    """By name of a group the paths of its arrays, ``/`` being that of those in none."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What Icechunk says was done between them, by path."""

    chunks: Mapping[str, list[list[int]]]
    """Written, removed or moved ones."""
    touched: frozenset[str]
    """Groups and arrays."""
    replaced: frozenset[str]
    """Groups and arrays that were removed or moved: what has their name later is another one."""


@repeatable
def difference(repository: Repository, before: str, after: str) -> Difference:
    """Compare two versions, given by their snapshots, of which one leads to the other.

    Raises
    ------
    StoreError
        When neither does, one is damaged, or has a group that this program does not know how to read.
    """
    first, second = version_at(repository, before), version_at(repository, after)
    if before == after:
        return Difference(first, second, ())
    if before in _line(repository, after):
        return Difference(first, second, _groups(repository, before, after))
    if after in _line(repository, before):
        found = _groups(repository, after, before)
        return Difference(first, second, tuple(one.reversed() for one in found))
    raise StoreError(_apart(repository, first, second))


def _line(repository: Repository, snapshot: str) -> list[str]:
    """The snapshots that lead to one, newest first."""
    return [str(entry.id) for entry in repository.handle.ancestry(snapshot_id=snapshot)]


def _apart(repository: Repository, first: Version, second: Version) -> str:
    there = {*_line(repository, second.id)}
    met = next((snapshot for snapshot in _line(repository, first.id) if snapshot in there), None)
    what = f"{first.id} and {second.id} are on different lines of versions, so that Icechunk has no record from one to"
    if met is None or not versions_before(repository, met):
        return f"{what} the other, and they have no version in common"
    return f"{what} the other: compare each with {met}, the last that they have in common"


def _groups(repository: Repository, before: str, after: str) -> tuple[GroupDifference, ...]:
    """The groups that are not the same in two versions, the first of which leads to the second."""
    record = _record(repository.handle.diff(from_snapshot_id=before, to_snapshot_id=after))
    old, new = _side(repository, before), _side(repository, after)
    in_none = old.arrays.get("/", frozenset()) | new.arrays.get("/", frozenset())
    touched = {path.split("/")[1] for path in record.touched} | (old.groups.keys() ^ new.groups.keys())
    names = touched & (old.groups.keys() | new.groups.keys()) | ({"/"} if in_none & record.touched else set())
    with of_version(repository.url, f"{before} or {after}"):
        return tuple(together(partial(_group, name, old, new, record) for name in sorted(names)))


def _record(found: icechunk.Diff) -> _Record:
    moved = {path for move in found.moved_nodes for path in move}
    replaced = moved.union(found.deleted_groups, found.deleted_arrays)
    touched = replaced.union(found.new_groups, found.new_arrays, found.updated_groups, found.updated_arrays)
    chunks = found.updated_chunks
    return _Record(chunks, frozenset(touched.union(chunks)), frozenset(replaced))


def _side(repository: Repository, snapshot: str) -> _Side:
    session = repository.handle.readonly_session(snapshot_id=snapshot)
    arrays: dict[str, set[str]] = {}
    with of_version(repository.url, snapshot):
        for node in repository.handle.inspect_snapshot(snapshot)["nodes"]:
            if node["node_type"] == "array":
                group, _, below = node["path"].strip("/").partition("/")
                arrays.setdefault(group if below else "/", set()).add(node["path"])
        groups = groups_in(top_of(session.store))
    return _Side(session, groups, {name: frozenset(paths) for name, paths in arrays.items()})


def _group(name: str, old: _Side, new: _Side, record: _Record) -> GroupDifference:
    before, after = old.groups.get(name), new.groups.get(name)
    state: State = "made anew" if f"/{name}" in record.replaced else "changed"
    if name != "/":
        state = "added" if before is None else "removed" if after is None else state
    pairs = [(before, None), (None, after)] if state == "made anew" else [(before, after)]
    parts = [_own(name, one, other, record) for one, other in pairs]
    chunks = _chunks(old, new, name, record, parts[0].shifts)
    epochs, signals, files = (sum(each, NOTHING) for each in zip(*(part.counts for part in parts), strict=True))
    return GroupDifference(name, state, any(part.own for part in parts), chunks, epochs, signals, files)


@dataclass(frozen=True, slots=True)
class _Own:
    """What is told of a receiver's group."""

    own: bool
    counts: tuple[Change, Change, Change] = (NOTHING, NOTHING, NOTHING)
    """Epochs, signals, files."""
    shifts: Mapping[str, Shift] = field(default_factory=dict)
    """By path of an array."""


def _own(name: str, before: zarr.Group | None, after: zarr.Group | None, record: _Record) -> _Own:
    before, after = (group if group is not None and is_own(group) else None for group in (before, after))
    if before is None and after is None:
        return _Own(own=False)
    was, now = (read_template(group) if group is not None else None for group in (before, after))
    ledger = ledger_change(before, after, _rows_touched(name, record))
    return _Own(
        own=True, counts=(ledger.epochs, _signals(was, now), ledger.files), shifts=_shifts(was, now, ledger, record)
    )


def _rows_touched(name: str, record: _Record) -> set[int] | None:
    """The chunks of rows of a ledger that were written; None where it is of another form now."""
    path = f"/{name}/{PATH}"
    if path in record.replaced or any(each.startswith(f"{path}/") for each in record.touched):
        return None
    return {index[0] for index in record.chunks.get(path, ())}


def _signals(was: GroupTemplate | None, now: GroupTemplate | None) -> Change:
    old, new = (set(template.axis.sids) if template else set() for template in (was, now))
    channels = (was.channels if was else {}, now.channels if now else {})
    others = [sid for sid in old & new if len({each.get(sid.partition("|")[0]) for each in channels}) > 1]
    return Change(len(new - old), len(others), len(old - new))


def _shifts(
    was: GroupTemplate | None, now: GroupTemplate | None, ledger: LedgerChange, record: _Record
) -> dict[str, Shift]:
    """How the arrays of a receiver moved where its axis did, of which Icechunk says that all of it was written.

    Then only what the ledger tells of was. That the axis has moved, there and back too, shows in its own chunks:
    nothing else touches those that are there.
    """
    if was is None or now is None:
        return {}
    there = was.grid.size // was.grid.read_unit
    if all(index[0] >= there for index in record.chunks.get(f"/{now.receiver}/epoch", ())):
        return {}
    grid = now.grid
    units = (was.grid.origin_ns - grid.origin_ns) // grid.unit_ns
    written = {unit for first, last in ledger.fresh.tolist() for unit in _units(Span(first, last), grid)}
    return {
        f"/{now.receiver}/{name}": _shift(units, written, dims, grid.unit // grid.read_unit)
        for name, dims in _ALONG_EPOCH.items()
    }


def _units(span: Span, grid: Grid) -> range:
    return range(grid.slot(span.first_ns) // grid.unit, grid.slot(span.last_ns) // grid.unit + 1)


def _shift(units: int, written: AbstractSet[int], dims: int, chunks_of_a_unit: int) -> Shift:
    """That of an array: of one dimension it has several chunks in a unit, else one shard a unit."""
    if dims > 1:
        return Shift((units, 0), lambda index: index[0] in written)
    return Shift((units * chunks_of_a_unit,), lambda index: index[0] // chunks_of_a_unit in written)


def _chunks(old: _Side, new: _Side, name: str, record: _Record, shifts: Mapping[str, Shift]) -> ChunkChange:
    was, now = old.arrays.get(name, frozenset()), new.arrays.get(name, frozenset())
    gone, made = (was - now) | (was & record.replaced), (now - was) | (now & record.replaced)
    found = all_added(old.session, gone).reversed() + all_added(new.session, made)
    for path in (was & now & record.touched) - record.replaced:
        found += array_change(old.session, new.session, path, _indices(record, path), shifts.get(path))
    return found


def _indices(record: _Record, path: str) -> Iterable[Index]:
    return map(tuple, record.chunks.get(path, ()))
