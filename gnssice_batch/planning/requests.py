"""The requests that a run will make, as far as a plan can tell."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType
from typing import Final

from gnssice_batch.model.template import OBSERVED_COORDINATES, OWN_SID_COORDINATES, SID_COORDINATES, VARIABLES
from gnssice_batch.planning.plan import GroupPlan, totals
from gnssice_batch.store.layout.file_rows import FILE_CHUNK_ROWS
from gnssice_batch.store.layout.ledger import CONSTANT_COLUMNS, TABLE_COLUMNS
from gnssice_batch.store.repository import LEDGER_CHUNKS_OF_A_MANIFEST

_NAMES_OF_A_PAGE: Final = 1000
_COMMIT: Final = 4
"""Snapshot, transaction log, repository state, and the copy of the state before."""
_BRANCH: Final = 2
"""A branch made or removed: repository state, and the copy of the state before."""
_NEW_REPOSITORY: Final = 3 + 2
"""Made with its configuration, and the proof kept that its server honours conditional writes."""
_PROBE: Final = 21
"""Conditional writes tried on a server: four in a row, and races of eight, with one write between."""
_JOURNAL: Final = 4
"""Lease, its renewal before the commit, run and structure."""
_ROWS_OF_FILES: Final = 1
_GETS_OF_A_RUN: Final = 40


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests by what they are for: some are exact, some the most or about so many; `docs/requests-and-cost.md`.

    Exact are those of files and commits where no file brings a second round (a signal or a date that the sample did
    not show) and nothing has to be tried again.
    """

    file_gets: int = 0
    """Source files fetched.

    Each worker of a cluster may fetch one that several of its partitions read.
    """
    archive_lists: int = 0
    chunk_puts: int = 0
    """Chunks of data variables, as wide and long as a write unit, where the files hold all variables.

    One below 512 bytes stays in its manifest.
    """
    commit_puts: int = 0
    """Snapshots, branches and what a new repository takes."""
    manifest_puts: int = 0
    """One for each array that a commit gives a chunk."""
    journal_puts: int = 0
    """The most, as partitions that finish together go together; without renewals of the lease, which are by time."""
    store_gets: int = 0
    """About so many."""
    received_bytes: int = 0
    """From the archive."""
    sent_bytes: int = 0
    """To the store, about so many: with the default encoding chunks are as large as files that are compressed well."""

    @property
    def gets(self) -> int:
        """All GETs."""
        return self.file_gets + self.store_gets

    @property
    def puts(self) -> int:
        """All PUTs."""
        return self.chunk_puts + self.commit_puts + self.manifest_puts + self.journal_puts

    def as_json(self) -> dict[str, int]:
        """Requests by kind, bytes each way, then the parts of both."""
        parts = ("file_gets", "store_gets", "chunk_puts", "commit_puts", "manifest_puts", "journal_puts")
        return {
            "GET": self.gets,
            "PUT": self.puts,
            "LIST": self.archive_lists,
            "received_bytes": self.received_bytes,
            "sent_bytes": self.sent_bytes,
            **{part: getattr(self, part) for part in parts},
        }


def foreseen(  # noqa: PLR0913 - what a plan knows, in one place
    plans: Sequence[GroupPlan],
    listed: int,
    ledgers: Sequence[int],
    *,
    new: bool,
    filled: Mapping[str, frozenset[str] | None] = MappingProxyType({}),
    refused: int = 0,
    kept_bytes: int = 0,
) -> Requests:
    """The requests of a run that has these plans, of one round.

    Parameters
    ----------
    listed
        Files in the archive.
    ledgers
        Rows of the ledger of each receiver that the store has.
    new
        Whether there is no repository yet.
    filled
        By receiver the arrays that its files give values to, as far as a sample tells; else all of them.
    refused
        Files that the sample has refused.
    kept_bytes
        A larger file is fetched for each partition that reads it.
    """
    whole, lists = totals(plans), max(1, -(-listed // _NAMES_OF_A_PAGE))
    reading = sum(-(-rows // (FILE_CHUNK_ROWS * LEDGER_CHUNKS_OF_A_MANIFEST)) for rows in ledgers)
    if not whole.partitions:
        return Requests(archive_lists=lists, store_gets=reading)
    fetched = list(_fetched(plans, kept_bytes))
    changed = any(plan.changes_structure for plan in plans)
    return Requests(
        file_gets=len(fetched),
        archive_lists=lists,
        chunk_puts=sum(_chunks(plan, filled.get(plan.template.receiver)) for plan in plans),
        commit_puts=_COMMIT * (1 + changed) + 2 * _BRANCH + (_PROBE + _NEW_REPOSITORY if new else 0),
        manifest_puts=sum(_manifests(plan, filled.get(plan.template.receiver)) for plan in plans),
        journal_puts=_JOURNAL + bool(refused) + whole.partitions,
        store_gets=_GETS_OF_A_RUN + reading,
        received_bytes=sum(fetched),
        sent_bytes=whole.size_bytes,
    )


def _fetched(plans: Sequence[GroupPlan], kept_bytes: int) -> Iterator[int]:
    """The sizes of all files, each as often as it is fetched."""
    read = Counter(file for plan in plans for assignment in plan.assignments for file in assignment.files)
    for file, partitions in read.items():
        yield from repeat(file.size_bytes, partitions if file.size_bytes > kept_bytes else 1)


def _chunks(plan: GroupPlan, filled: frozenset[str] | None) -> int:
    columns = -(-len(plan.template.axis.sids) // plan.template.shard_sids)
    units = sum(len(assignment.partition.stored_units) for assignment in plan.assignments)
    return units * columns * _count([spec.name for spec in VARIABLES], filled)


def _count(names: Sequence[str], filled: frozenset[str] | None) -> int:
    return len(names) if filled is None else len(filled.intersection(names))


def _manifests(plan: GroupPlan, filled: frozenset[str] | None) -> int:
    """Arrays that change: the axes that grow, on the staging branch and when published, then all that files fill.

    What follows from the names of signals is not on the staging branch.
    """
    if not plan.assignments:
        return 0
    signals = plan.current is None or plan.current.axis != plan.template.axis
    epochs = plan.current is None or plan.current.grid != plan.template.grid
    structure = signals * (len(SID_COORDINATES) + len(OWN_SID_COORDINATES)) + 2 * epochs
    written = _count([*(spec.name for spec in VARIABLES), *OBSERVED_COORDINATES], filled)
    return structure + written + _ROWS_OF_FILES + len(TABLE_COLUMNS) - len(CONSTANT_COLUMNS)
