"""A receiver of the store exported into a folder."""

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Final

from gnssice_batch.errors import ConfigError, StoreError
from gnssice_batch.exports.origins import COLUMNS
from gnssice_batch.exports.values import (
    Choice,
    Exported,
    ExportReport,
    Origin,
    Withheld,
)
from gnssice_batch.exports.writing import Exporter, Told
from gnssice_batch.job.target import Target
from gnssice_batch.model.values import HeaderFacts
from gnssice_batch.operate.status import receivers_repository
from gnssice_batch.store.layout.coverage import coverage
from gnssice_batch.store.reading.cells import StoredCells, cells_of_snapshot
from gnssice_batch.store.reading.contents import stored_receivers
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.versions import VersionName, snapshot_of
from gnssice_batch.wording import several

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nobody is told how far an export is."""

    def stage(self, name: str, tasks: int) -> None:
        """Nothing is done."""

    def finished(self, key: str, size_bytes: int) -> None:
        """Nothing is done."""


def export_receiver(
    target: Target,
    receiver: str,
    folder: Path,
    choice: Choice,
    version: VersionName | None = None,
    told: Told | None = None,
) -> ExportReport:
    """Write a receiver as it is at one version, file by file.

    Parameters
    ----------
    folder
        Made where it is missing.
    version
        None: what the branch of the target holds now.

    Raises
    ------
    ConfigError
        When the folder can't be made, or a library for the format is missing.
    StoreError
        When there is no such repository, version or receiver.
    """
    repository = receivers_repository(target)
    snapshot = repository.head(target.branch) if version is None else snapshot_of(repository, version, target.branch)
    stored = _cells(repository, target.branch, snapshot, receiver)
    written_at = repository.handle.lookup_snapshot(snapshot).written_at.astimezone(UTC)
    origin = Origin(repository.url, receiver, snapshot, written_at.isoformat(timespec="seconds"), "", HeaderFacts())
    held = coverage(stored.group, stored.template.grid)
    exporter = Exporter(stored, stored.ledger(COLUMNS), origin, choice, made(folder), told or Quiet())
    files = list(exporter.files(held)) if held else []
    return ExportReport(
        url=repository.url,
        snapshot=snapshot,
        receiver=receiver,
        format=choice.format,
        files=tuple(one for one in files if isinstance(one, Exported)),
        withheld=tuple(one for one in files if isinstance(one, Withheld)),
    )


def _cells(repository: Repository, branch: str, snapshot: str, receiver: str) -> StoredCells:
    try:
        return cells_of_snapshot(repository.location, snapshot, receiver)
    except FileNotFoundError as error:
        there = several(stored_receivers(repository, branch, snapshot), _SHOWN) or "none"
        msg = f"the store has no receiver {receiver!r} in version {snapshot}; it has {there}"
        raise StoreError(msg) from error


def made(folder: Path) -> Path:
    """A folder, made where it is missing.

    Raises
    ------
    ConfigError
        When it can't be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder {folder} can't be made: {error.strerror}"
        raise ConfigError(message) from error
    return folder
