"""Runs: what one would do, what it does, whether what is stored is what the archive has."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnssice_batch.api.settings import moment_of, names_of, settings_of

if TYPE_CHECKING:
    from datetime import date

    from gnssice_batch.config import Settings
    from gnssice_batch.job.counting import Progress
    from gnssice_batch.job.preview import PlanSummary
    from gnssice_batch.job.report import RunReport
    from gnssice_batch.operate.verification import StoreReport


def plan(
    settings: "Settings | str | Path",
    progress: "Progress | None" = None,
    *,
    receivers: str | Sequence[str] = (),
    since: "str | date | None" = None,
    limit: int | None = None,
) -> "PlanSummary":
    """Show what a run would do, and what it would cost. Changes nothing.

    Where a receiver has no group yet, a sample of its files is read.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.
    progress
        Told how the work goes on; None tells nobody.
    receivers
        Take only files of these receivers; empty is all of them.
    since
        Take only files that reach into this day (GPS time) or a later one.
    limit
        Take so many files at most, the oldest first.

    Returns
    -------
    PlanSummary
        Totals, and a `ReceiverPlan` for each receiver that has new files.

    Raises
    ------
    ConfigError
        When the settings are wrong.
    ArchiveError
        When the archive can't be listed.
    PlanError
        When archive and store do not fit together; lists every conflict.
    StoreError
        When the store can't be read.

    Examples
    --------
    >>> from gnssice_batch import plan
    >>> todo = plan("settings.yaml")
    >>> todo.totals.files, todo.totals.partitions
    (24, 4)
    >>> [receiver.receiver for receiver in todo.receivers]
    ['canopy_01', 'reference_01']
    """
    from gnssice_batch.job.preview import preview
    from gnssice_batch.planning.part import part_of

    return preview(settings_of(settings), progress, part_of(names_of(receivers), moment_of(since), limit))


def run(
    settings: "Settings | str | Path",
    progress: "Progress | None" = None,
    *,
    receivers: str | Sequence[str] = (),
    since: "str | date | None" = None,
    limit: int | None = None,
) -> "RunReport":
    """Bring the store up to the archive: one commit with data, coordinates and ledger, or none if nothing is new.

    A run that stopped is started again with the same settings and arguments: it resumes from its journal.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.
    progress
        Told how the work goes on; None tells nobody.
    receivers
        Take only files of these receivers; empty is all of them.
    since
        Take only files that reach into this day (GPS time) or a later one.
    limit
        Take so many files at most, the oldest first.

    Returns
    -------
    RunReport
        The snapshot that was published, and the outcome of every file.

    Raises
    ------
    GnssiceError
        When the run stops; readers of the store see nothing of it. The subclass tells what to do, see `errors`.

    Examples
    --------
    >>> from gnssice_batch import run
    >>> report = run("settings.yaml")
    >>> {receiver: len(files) for receiver, files in report.files.items()}
    {'canopy_01': 12, 'reference_01': 12}
    >>> run("settings.yaml").snapshot is None  # nothing new: no commit
    True
    """
    from gnssice_batch.job.run import run as run_job
    from gnssice_batch.planning.part import part_of

    return run_job(settings_of(settings), progress, part_of(names_of(receivers), moment_of(since), limit))


def verify(
    settings: "Settings | str | Path",
    sample: int | None = 20,
    receivers: str | Sequence[str] = (),
    progress: "Progress | None" = None,
) -> "StoreReport":
    """Read files of the archive again and compare the store with them, cell by cell. Changes nothing.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.
    sample
        Files per receiver, the same ones every time; None is all of them.
    receivers
        Receivers to verify; empty is all of them.
    progress
        Told how the work goes on; None tells nobody.

    Returns
    -------
    StoreReport
        What was compared, and every difference counted.

    Raises
    ------
    ConfigError
        When the settings are wrong.
    StoreError
        When there is no repository, or no such receiver in it.

    Examples
    --------
    >>> from gnssice_batch import verify
    >>> found = verify("settings.yaml", sample=2)
    >>> found.agrees, found.proof.files
    (True, 4)
    """
    from gnssice_batch.operate.verification import verify_store

    return verify_store(settings_of(settings), sample, names_of(receivers), progress)
