"""Small files with holes, and a plain model of what a store holds of them, cell by cell."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hypothesis import strategies as st

from tests.support.runs import DAY_ONE_S, calendar, first_obs

STEP_S = 600
CODES = {"G": ("C1C", "L1C", "S1C", "C2W", "L2W"), "E": ("C1X", "L1X")}
SIDS = {"1C": "L1|C", "2W": "L2|W", "1X": "E1|X"}
SLIP = 0
"""Stands for a phase that is missing beside a loss-of-lock indicator of 1."""

type Epoch = Mapping[str, Mapping[str, int]]
"""Satellite to code to value in thousandths."""
type Cell = Mapping[str, int]
"""Of one signal: kind of observable to value."""


@dataclass(frozen=True, eq=False)
class Sparse:
    """A file of epochs of ten minutes."""

    epochs: Mapping[int, Epoch]
    """By number, counted from the day's begin."""
    version: str = "3.04"
    damaged: bool = False
    """Whether the reader loses a value of it."""

    @cached_property
    def content(self) -> bytes:
        """RINEX 3."""
        lines = [
            f"{self.version:>9}{'':11}{'OBSERVATION DATA':20}{'M':20}RINEX VERSION / TYPE",
            f"{'STAT':60}MARKER NAME",
            *(f"{f'{s}  {len(c):3d} ' + ' '.join(c):60}SYS / # / OBS TYPES" for s, c in CODES.items()),
            f"{first_obs(DAY_ONE_S + STEP_S * min(self.epochs)):60}TIME OF FIRST OBS",
            f"{'':60}END OF HEADER",
        ]
        for number, epoch in sorted(self.epochs.items()):
            spoilt = self.damaged and number == min(self.epochs)
            lines.append(f"> {calendar(DAY_ONE_S + STEP_S * number)}  0{len(epoch) + spoilt:3d}")
            lines.extend(sv + "".join(_field(of.get(code)) for code in CODES[sv[0]]) for sv, of in epoch.items())
            lines.extend(["G32  20000x00.123"] * spoilt)
        return ("\n".join(line.rstrip() for line in lines) + "\n").encode()

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def rank(self) -> tuple[bool, int, str, int, list[int]]:
        """What it is compared by."""
        of_all = [(sv[0], code[1:]) for e in self.epochs.values() for sv, of in e.items() for code in of if of[code]]
        smaller_is_better = [-byte for byte in bytes.fromhex(self.sha256)]
        return (not self.damaged, len(set(of_all)), self.version, len(self.epochs), smaller_is_better)

    def cells(self, number: int) -> dict[str, Cell]:
        """By signal, what it gives to an epoch: nothing of those that it has no value of, in this epoch or another."""
        cells: dict[str, dict[str, int]] = {}
        for sv, of in self.epochs[number].items():
            for code, value in of.items():
                cells.setdefault(_sid(sv, code), {})[code[0]] = value
        return {sid: cell for sid, cell in cells.items() if sid in self.sids}

    @cached_property
    def sids(self) -> frozenset[str]:
        """Signals that it has a value of."""
        satellites = [each for epoch in self.epochs.values() for each in epoch.items()]
        return frozenset(_sid(sv, code) for sv, of in satellites for code, value in of.items() if value != SLIP)


def _sid(sv: str, code: str) -> str:
    return f"{sv}|{SIDS[code[1:]]}"


def _field(value: int | None) -> str:
    if value is None:
        return " " * 16
    return f"{'':14}1 " if value == SLIP else f"{value / 1000:14.3f}  "


@dataclass
class Held:
    """What the model holds of an epoch."""

    source: Sparse
    cells: dict[str, tuple[Sparse, Cell]] = field(default_factory=dict)


@dataclass
class Model:
    """What a store holds by the rules of docs/overlap.md."""

    strategy: str
    held: dict[int, Held] = field(default_factory=dict)
    not_mixed: Counter[str] = field(default_factory=Counter)
    """By content, values that no file gives: the file of their signal lacks that kind of value."""
    not_appended: Counter[str] = field(default_factory=Counter)
    """By content, epochs that no file gives."""

    def run(self, files: Sequence[Sparse], replaced: Sequence[Sparse] = ()) -> None:
        """Take the files of a run; `replaced` are those that are in the archive no more."""
        last = max(self.held, default=-1) if self.strategy == "append" else -1
        gone = {file.sha256 for file in replaced} - {file.sha256 for file in files}
        for number in sorted({number for file in files for number in file.epochs}):
            before = self.held.get(number)
            mine = [file for file in files if number in file.epochs]
            if number <= last and not before:
                self.not_appended.update(file.sha256 for file in mine)
            if number <= last or (before and self.strategy in {"skip", "append"}):
                continue
            self.held[number] = self._joined(number, before, mine, gone)

    def _joined(self, number: int, before: Held | None, mine: Sequence[Sparse], gone: set[str]) -> Held:
        given = [(file, sid, cell) for file in mine for sid, cell in file.cells(number).items()]
        sources = list(mine)
        if before:
            again = {file.sha256 for file in mine}
            stays = [f for f in [before.source, *(f for f, _ in before.cells.values())] if self._stays(f, gone, again)]
            sources += [file for file in stays if file is before.source]
            if not given:
                stays = [before.source, *(file for file, _ in before.cells.values())]
            given += [(file, sid, cell) for sid, (file, cell) in before.cells.items() if file in stays]
        cells: dict[str, tuple[Sparse, Cell]] = {}
        for file, sid, cell in given:
            if sid not in cells or _strength(file, cell) > _strength(*cells[sid]):
                cells[sid] = (file, cell)
        self._count_not_mixed(given, cells)
        of_cells = [file for file, _ in cells.values()]
        return Held(max(of_cells or sources, key=lambda file: file.rank), cells)

    def _count_not_mixed(
        self, given: Sequence[tuple[Sparse, str, Cell]], cells: Mapping[str, tuple[Sparse, Cell]]
    ) -> None:
        losers: dict[tuple[str, str], Sparse] = {}
        for file, sid, cell in given:
            for kind in (kind for kind, value in cell.items() if value and not cells[sid][1].get(kind)):
                losers[sid, kind] = max(losers.get((sid, kind), file), file, key=lambda one: one.rank)
        self.not_mixed.update(file.sha256 for file in losers.values())

    def _stays(self, file: Sparse, gone: set[str], again: set[str]) -> bool:
        return file.sha256 in again or (self.strategy == "best" and file.sha256 not in gone)


def _strength(file: Sparse, cell: Cell) -> tuple[object, ...]:
    return (any(cell.values()), file.rank)


def _epochs(drawn: list[tuple[int, str, str]], salt: int) -> dict[int, Epoch]:
    epochs: dict[int, dict[str, dict[str, int]]] = {}
    for number, sv, code in drawn:
        given = epochs.setdefault(number, {}).setdefault(sv, {})
        slips = code[0] == "L" and (salt + number + int(sv[1:])) % 5 == 0
        base = 30_000 if code[0] == "S" else 20_000_000 + 1000 * ord(code[0])
        given[code] = SLIP if slips else base + 100 * int(sv[1:]) + 10 * number + salt
    return epochs


OBSERVATIONS = st.tuples(
    st.integers(0, 3),
    *[st.sampled_from([(sv, code) for sv in ("G01", "G02", "E05") for code in CODES[sv[0]]])],
).map(lambda drawn: (drawn[0], *drawn[1]))

FILES = st.builds(
    lambda drawn, salt, version, damaged: Sparse(_epochs(drawn, salt), version, damaged),
    st.lists(OBSERVATIONS, min_size=1, max_size=14),
    st.integers(1, 9),
    st.sampled_from(["3.04", "3.05"]),
    st.booleans(),
).filter(lambda file: file.rank[1] > 0)
