"""What a job publishes in a virtual repository: references or native chunks, with the rows of the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import icechunk
import zarr

from gnssice_batch.model.virtual import VirtualRow
from gnssice_batch.store.layout.virtual_files import PATH, read_rows, write_rows
from gnssice_batch.store.layout.virtual_groups import MARK, SOURCE_FORMAT, VERSION
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.changes import Units
from gnssice_batch.store.writing.references import Written
from gnssice_batch.store.writing.structure import Structure


@dataclass(frozen=True, slots=True)
class VirtualPublication:
    """Everything one job publishes; a `store.writing.commit.Change`."""

    run: str
    structure: Structure
    written: Written
    rows: Sequence[VirtualRow]
    message: str
    metadata: Mapping[str, object]
    moved: Units = field(default_factory=dict)
    forks: Sequence[bytes] = ()
    source_format: str = SOURCE_FORMAT

    def misfits(self, repository: Repository, session: icechunk.Session) -> Sequence[str]:
        """Say where another has published since: references are laid out anew then, which parses nothing again."""
        del repository
        return () if session.snapshot_id == self.structure.base else ("arrays over time may have changed",)

    def differences(self, found: Units) -> Sequence[str]:
        """Where the merged changes are not the planned chunks."""
        return tuple(self.written.wrong(found, self.moved))

    def completing(self, session: icechunk.Session) -> Callable[[], Units]:
        """Take down the ledger at the head; what is given writes the new rows."""
        before = read_rows(zarr.open_group(session.store, mode="r", zarr_format=3))

        def complete() -> Units:
            root = zarr.open_group(session.store, mode="r+", zarr_format=3)
            if MARK not in root.attrs:
                root.attrs[MARK] = {"kind": "root", "version": VERSION}
            chunks = write_rows(root, before, self.rows)
            return {f"/{PATH}": frozenset((chunk,) for chunk in chunks)}

        return complete
