"""Write units made again from nothing: what their files must come to, what older ledger rows no longer hold."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ArchiveError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import FileOutcome, Status, Tally
from gnssice_batch.planning.backlog import Backlog
from gnssice_batch.store.reading.cells import StoredCells, cells_of_snapshot
from gnssice_batch.store.repository import Repository
from gnssice_batch.verification.comparison import Cells, held
from gnssice_batch.wording import several

_COLUMNS = ("status", "first_epoch", "last_epoch", "epochs_written", "observations_written", "epochs_joined")
_MOST_NAMED = 5


def check_read_again(backlog: Backlog, files: Mapping[str, tuple[FileOutcome, ...]]) -> None:
    """Refuse to publish units without a file that they were made of, but whose content could not be had again.

    Raises
    ------
    ArchiveError
        Naming the files.
    """
    if backlog.accept_loss:
        return
    lost = [
        f"{outcome.file.uri}: {why}"
        for receiver, found in backlog.rewriting.items()
        for outcome in files.get(receiver, ())
        if outcome.file.uri in found.sha256 and (why := _lost(outcome, found.sha256[outcome.file.uri]))
    ]
    if lost:
        msg = (
            f"{len(lost):,} files that the units to repair hold something of could not be had again"
            f" ({several(lost, _MOST_NAMED, '; ')}); nothing was published: start again when they are there, or go"
            " on without them with --accept-loss"
        )
        raise ArchiveError(msg)


def _lost(outcome: FileOutcome, sha256: str) -> str:
    """Why a file that the units were made of gives nothing now, whatever refuses it; empty where it gives the same."""
    if outcome.facts.sha256 not in {sha256, ""}:
        return "has other content than when it was taken"
    if outcome.status is Status.REJECTED:
        return f"{outcome.refusal.reason}, {outcome.refusal.detail}" if outcome.refusal else "is rejected now"
    return ""


def taken_off(repository: Repository, backlog: Backlog, receiver: str) -> tuple[dict[int, Tally], dict[int, int]]:
    """What the rows of a receiver's ledger held in its rewritten units, and how much of that as joined epochs.

    It is what they hold in all less what they hold beside these units, which alone are read: the others may be damaged.
    """
    if receiver not in backlog.rewriting or backlog.snapshot is None:
        return {}, {}
    stored = cells_of_snapshot(repository.location, backlog.snapshot, receiver)
    units = backlog.rewriting[receiver].units(stored.template.grid)
    ledger = stored.ledger(_COLUMNS)
    lost: dict[int, Tally] = {}
    joined: dict[int, int] = {}
    for row in np.flatnonzero((ledger["status"] != Status.REJECTED.value) & (ledger["epochs_written"] > 0)).tolist():
        reached = _reached(ledger, row, stored.template.grid)
        if not units.intersection(reached):
            continue
        beside, beside_joined = _beside(stored, ledger, row, [unit for unit in reached if unit not in units])
        lost[row] = Tally(int(ledger["epochs_written"][row]), int(ledger["observations_written"][row])) - beside
        joined[row] = beside_joined - int(ledger["epochs_joined"][row])
    return lost, joined


def _reached(ledger: Mapping[str, npt.NDArray[np.int64]], row: int, grid: Grid) -> range:
    first, last = (grid.slot(int(ledger[name][row])) // grid.unit for name in ("first_epoch", "last_epoch"))
    return range(max(0, first), min(last, grid.units - 1) + 1)


def _beside(
    stored: StoredCells, ledger: Mapping[str, npt.NDArray[np.int64]], row: int, units: list[int]
) -> tuple[Tally, int]:
    """What a row holds in some units, and how many epochs of that are joined ones."""
    grid, tally, joined = stored.template.grid, Tally(), 0
    first, last = (grid.slot(int(ledger[name][row])) for name in ("first_epoch", "last_epoch"))
    for unit in units:
        for start in range(unit * grid.unit, (unit + 1) * grid.unit, grid.read_unit):
            span = range(start, start + grid.read_unit)
            if first >= span.stop or last < span.start:
                continue
            found = stored.read(span, without=("epoch",))
            cells = Cells(start, found["source_file"], found, stored.joined(span))
            part = held(cells, row)
            tally += part
            joined += part.epochs - int((cells.source == row).sum())
    return tally, joined
