"""Write units to make again from nothing, matched with the files of the archive that reach into them."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ArchiveError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import SourceFile, Status
from gnssice_batch.store.layout.ledger import Ledger
from gnssice_batch.wording import several

_MOST_NAMED: Final = 5
_REWRITE: Final = "rewrite "


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Write units that a run makes again from the files that reach into them, and nothing else with them."""

    units: Mapping[str, frozenset[int]]
    """By receiver where each begins, in ns since 1980-01-06: numbers change when an axis begins earlier."""
    accept_loss: bool = False
    """Whether it goes on without what the archive does not give any more."""

    def __str__(self) -> str:
        """Return the same words for the same units, in any process."""
        listed = "; ".join(f"{name} {sorted(starts)}" for name, starts in sorted(self.units.items()))
        number = sum(map(len, self.units.values()))
        return f"{_REWRITE}{number} write units {hashlib.sha256(listed.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What a receiver's units are made again of."""

    starts: frozenset[int]
    """Where each begins, in ns since 1980-01-06."""
    files: tuple[SourceFile, ...] = ()
    """As listed, but that they say when their epochs are, as it was read."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """By URI their content when they were taken."""
    gone: tuple[str, ...] = ()
    """Files that the units hold something of and that the archive lacks."""
    changed: tuple[str, ...] = ()
    """Files that the units hold something of and that the archive has with other content now."""

    def units(self, grid: Grid) -> frozenset[int]:
        """The numbers of the units on a grid, those that lie on it."""
        numbers = ((start - grid.origin_ns) // grid.unit_ns for start in self.starts)
        return frozenset(number for number in numbers if 0 <= number < grid.units)


def is_rewrite(wish: str) -> bool:
    """Whether these are the words of a `Rewrite`."""
    return wish.startswith(_REWRITE)


def rewriting(
    starts: frozenset[int],
    grid: Grid,
    files: Iterable[SourceFile],
    ledger: Ledger,
    written: npt.NDArray[np.int64],
    same: Callable[[SourceFile, str], bool],
) -> Rewriting:
    """Find what a receiver's units are to be made of.

    Parameters
    ----------
    starts
        Where each begins.
    grid
        The receiver's grid.
    files
        The receiver's files in the archive.
    ledger, written
        The receiver's ledger; of each row the epochs that the store holds of it.
    same
        Whether a file that has another time or ETag than it had has the content of that digest still: a copied or
        touched archive has.
    """
    listed = {file.uri: file for file in files}
    latest = {uri: row for row, uri in enumerate(ledger.uri.tolist())}
    reaching = _reaching(ledger, grid, Rewriting(starts).units(grid))
    known = [row for row in reaching if latest[ledger.uri[row]] == row and _as_taken(ledger, row, listed, same)]
    contents = {ledger.sha256[row] for row in known}
    lost = [row for row in reaching if written[row] > 0 and ledger.sha256[row] not in contents]
    chosen = sorted(known, key=lambda row: str(ledger.uri[row]))
    names = list(dict.fromkeys(str(ledger.uri[row]) for row in lost))
    return Rewriting(
        starts,
        tuple(_with_epochs(listed[ledger.uri[row]], ledger, row, grid) for row in chosen),
        {str(ledger.uri[row]): str(ledger.sha256[row]) for row in chosen},
        gone=tuple(name for name in names if name not in listed),
        changed=tuple(name for name in names if name in listed),
    )


def check_losses(found: Iterable[Rewriting]) -> None:
    """Refuse to make units again without files that they hold something of.

    Raises
    ------
    ArchiveError
        Naming them.
    """
    found = list(found)
    for names, what in (
        ([name for one in found for name in one.gone], "the archive lacks"),
        ([name for one in found for name in one.changed], "the archive has other content now of"),
    ):
        if names:
            msg = (
                f"{what} {len(names):,} file{'s' * (len(names) > 1)} that the units to repair hold something of"
                f" ({several(names, _MOST_NAMED)}), which would be lost; nothing was changed: bring them back,"
                " or go on without them with --accept-loss (the next run takes changed files as they are now)"
            )
            raise ArchiveError(msg)


def reaching_units(ledger: Ledger, grid: Grid, rows: Iterable[int]) -> frozenset[int]:
    """The write units that the files of some rows reach."""
    units: set[int] = set()
    for row in rows:
        first, last = (grid.slot(int(times[row])) // grid.unit for times in (ledger.first_ns, ledger.last_ns))
        units.update(range(max(0, first), min(last, grid.units - 1) + 1))
    return frozenset(units)


def older_rows(ledger: Ledger, present: str) -> list[int]:
    """The latest rows of files that were taken, and that another version of the reader has read.

    Parameters
    ----------
    present
        Program and reader of now; the version of the program says nothing of what it reads.
    """
    latest = {uri: row for row, uri in enumerate(ledger.uri.tolist())}
    taken = (row for row in sorted(latest.values()) if ledger.status[row] != Status.REJECTED.value)
    return [row for row in taken if _reader(ledger.reader[row]) != _reader(present)]


def _reader(name: str) -> str:
    return name.partition(", ")[2]


def _as_taken(
    ledger: Ledger, row: int, listed: Mapping[str, SourceFile], same: Callable[[SourceFile, str], bool]
) -> bool:
    """Whether a file is in the archive as it was when it was taken."""
    file = listed.get(ledger.uri[row])
    if file is None or ledger.size_bytes[row] != file.size_bytes:
        return False
    return bool(ledger.etag[row] == file.etag) or same(file, str(ledger.sha256[row]))


def _reaching(ledger: Ledger, grid: Grid, units: frozenset[int]) -> list[int]:
    """The rows of files that were taken and reach any of some units."""
    taken = np.flatnonzero(ledger.status != Status.REJECTED.value)
    ordered = np.array(sorted(units), np.int64)
    first = np.searchsorted(ordered, grid.slots(ledger.first_ns[taken]) // grid.unit, "left")
    end = np.searchsorted(ordered, grid.slots(ledger.last_ns[taken]) // grid.unit, "right")
    rows: list[int] = taken[first < end].tolist()
    return rows


def _with_epochs(file: SourceFile, ledger: Ledger, row: int, grid: Grid) -> SourceFile:
    first_ns, last_ns = int(ledger.first_ns[row]), int(ledger.last_ns[row])
    return replace(file, start_ns=first_ns, end_ns=last_ns + grid.interval_ns)
