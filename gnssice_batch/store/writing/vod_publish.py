"""What a vod run publishes: the cells of its units, rows of its ledgers, what the groups were brought up to."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import icechunk
import numpy.typing as npt
import zarr

from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import Span
from gnssice_batch.model.vod_contents import CALCULATOR
from gnssice_batch.model.vod_values import OrbitFacts, VodMade
from gnssice_batch.store.layout.coverage import coverage_attributes, coverage_of
from gnssice_batch.store.layout.documents import documents, put_documents
from gnssice_batch.store.layout.ledger import TABLE
from gnssice_batch.store.layout.vod_ledger import ORBITS, RINEX_SNAPSHOT, UNIT_COLUMNS, WAITING, orbit_texts
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.changes import Units, coordinate_differences, differences, without_coordinates
from gnssice_batch.store.writing.conflicts import conflicts
from gnssice_batch.store.writing.ledger_rows import append_cells, column_cells
from gnssice_batch.store.writing.signals import complete_signals
from gnssice_batch.store.writing.structure import Structure, ensure_root

_OVERWRITE: Final = "overwrite"


@dataclass(frozen=True, slots=True)
class MadeRow:
    """A unit that was made, as the ledger tells of it."""

    unit: int
    """Its index on the axis."""
    start_ns: int
    """Start of the unit, ns since 1980-01-06."""
    end_ns: int
    """End (exclusive)."""
    again: bool
    """Whether it had been made before."""
    made: VodMade


@dataclass(frozen=True, slots=True)
class VodGroupChange:
    """What a run changes in one analysis besides the cells that the forks carry."""

    template: GroupTemplate
    """The group as the structure makes it, or as it is."""
    current: GroupTemplate | None
    """The group as it stood at the structure's base; None where the structure makes it."""
    rows: int
    """Rows of ``metadata/orbits`` that the plan was made on."""
    orbits: Sequence[OrbitFacts | None]
    """New rows, in their order; None for one that stands for no file."""
    units: Sequence[MadeRow]
    """In their order."""
    rinex_snapshot: str
    """What the group is brought up to."""
    waiting: Sequence[int]
    """Starts of units that are left as they are for want of orbits."""
    attributes: Mapping[str, object]
    """What else the group says from now on."""

    @property
    def empty(self) -> frozenset[int]:
        """The units that hold nothing any more."""
        return frozenset(row.unit for row in self.units if not row.made.epochs)

    @property
    def span(self) -> Span | None:
        """First and last epoch of the units."""
        first = [row.made.first_ns for row in self.units if row.made.first_ns is not None]
        last = [row.made.last_ns for row in self.units if row.made.last_ns is not None]
        return Span(min(first), max(last)) if first else None


@dataclass(frozen=True, slots=True)
class VodPublication:
    """Everything one vod run publishes; a `Change` of groups of analyses."""

    run: str
    structure: Structure
    forks: Sequence[bytes]
    groups: Mapping[str, VodGroupChange]
    planned: Units
    """The write units that were written, per array path."""
    message: str
    metadata: Mapping[str, object]
    """Commit metadata, under 1 KB."""
    written_at: str
    """ISO 8601."""
    source_url: str
    """Repository of the observations."""
    source_format: str = ""
    """The root says nothing of a source."""

    def misfits(self, repository: Repository, session: icechunk.Session) -> tuple[str, ...]:
        """What of the work does not fit the head that a session was opened on, a sentence each."""
        wanted = {name: (change.template, change.current) for name, change in self.groups.items()}
        fit = conflicts(repository, session, self.structure.base, wanted, {self.run: self.planned})
        return (*fit.structure, *fit.units[self.run], *self._other_rows(session))

    def differences(self, found: Units) -> list[str]:
        """Where the merged changes are not the planned write units, a sentence each."""
        structure, planned = self.structure.units, self.planned
        parts = (without_coordinates(units, self.groups) for units in (found, structure, planned))
        wrong = list(differences(*parts))
        for change in self.groups.values():
            wrong += coordinate_differences(found, structure, planned, change.template, change.empty)
        return wrong

    def completing(self, session: icechunk.Session) -> Callable[[], Units]:
        """Take down what the head covers; what writes the rows of the ledgers, the attributes, more of signals."""
        ensure_root(session, self.source_format, self.groups)
        there = documents(zarr.open_group(session.store, mode="r"), (), self.groups)
        held = {name: coverage_of(document.get("attributes", {})) for name, document in there.items()}
        return lambda: {**complete_signals(session, self.structure.units), **self._completed(session, held)}

    def _other_rows(self, session: icechunk.Session) -> list[str]:
        """Orbit files are numbered as they are added: another run must not have added any."""
        names = {name: f"{name}/{ORBITS}" for name, change in self.groups.items() if change.current}
        if not names:
            return []
        there = documents(zarr.open_group(session.store, mode="r"), (), names.values())
        rows = {name: there[path]["shape"][0] if path in there else 0 for name, path in names.items()}
        return [f"{name} was made by another run too" for name in names if rows[name] != self.groups[name].rows]

    def _completed(self, session: icechunk.Session, held: Mapping[str, Span | None]) -> Units:
        root = zarr.open_group(session.store, mode="r+")
        written: dict[str, frozenset[tuple[int, ...]]] = {}
        told = documents(root, self.groups)
        for name, change in self.groups.items():
            written |= self._append(root, name, change)
            span = _joined(held.get(name), change.span)
            attributes = {**told[name].get("attributes", {}), **coverage_attributes(span), **change.attributes}
            attributes |= {RINEX_SNAPSHOT: change.rinex_snapshot, WAITING: list(change.waiting)}
            told[name] = {**told[name], "attributes": attributes}
        put_documents(root, told)
        return written

    def _append(self, root: zarr.Group, name: str, change: VodGroupChange) -> Units:
        orbits, table = f"{name}/{ORBITS}", {f"{name}/{TABLE}/{column}": column for column in UNIT_COLUMNS}
        there = documents(root, [orbits, *table])
        news: dict[str, tuple[int, npt.NDArray[Any]]] = {}
        if change.orbits:
            news[orbits] = there[orbits]["shape"][0], column_cells(orbit_texts(change.orbits, self.run), "str")
        first = there[f"{name}/{TABLE}/index"]["shape"][0]
        rows = [{"index": first + place, **self._row(row)} for place, row in enumerate(change.units)]
        for path, column in table.items() if rows else ():
            values = column_cells([row[column] for row in rows], UNIT_COLUMNS[column])
            news[path] = there[path]["shape"][0], values
        return append_cells(root, there, news)

    def _row(self, row: MadeRow) -> dict[str, object]:
        made = row.made
        told = {
            "unit_start_ns": row.start_ns,
            "orbits_digest": made.orbits_digest,
            "orbits": made.source,
            "rinex_snapshot": made.snapshot,
            "pairs": made.pairs,
            "values": made.values,
            "without_orbits": dict(made.without_orbits),
        }
        return {
            "source_file_hashes": _canvodpy_json(made.hashes),
            "source_gnss_stores": _canvodpy_json(dict.fromkeys(made.hashes, self.source_url)),
            "start": row.start_ns if made.first_ns is None else made.first_ns,
            "end": row.end_ns - 1 if made.last_ns is None else made.last_ns,
            "snapshot_id": "",
            "action": _OVERWRITE if row.again else "write",
            "commit_msg": self.message,
            "run_id": self.run,
            "written_at": self.written_at,
            "write_strategy": _OVERWRITE,
            "calculator_name": CALCULATOR,
            "attrs": json.dumps(told, separators=(",", ":")),
            "preprocessing": "",
            "epochs": made.epochs,
        }


def _joined(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one or other
    return Span(min(one.first_ns, other.first_ns), max(one.last_ns, other.last_ns))


def _canvodpy_json(value: Mapping[str, str]) -> str:
    """As canvodpy writes it, which compares the text."""
    return json.dumps(dict(value), sort_keys=True)
