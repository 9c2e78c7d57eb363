"""The functions of the public Python interface; each loads what it uses when it is called."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

    from gnssice_batch.config import Settings
    from gnssice_batch.exports.values import ExportReport
    from gnssice_batch.inspection.facts import Inspection
    from gnssice_batch.job.counting import Progress
    from gnssice_batch.job.preview import PlanSummary
    from gnssice_batch.job.report import RunReport
    from gnssice_batch.job.virtual_report import VirtualReport
    from gnssice_batch.operate.status import StoreStatus
    from gnssice_batch.operate.verification import StoreReport


def load_settings(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> "Settings":
    """Read the settings of a run from a YAML file, the environment and overrides.

    What comes later wins: defaults, file, environment, overrides.

    Parameters
    ----------
    path
        YAML file; None reads no file.
    overrides
        ``key=value`` each, e.g. ``cluster.workers=4``. Lists, mappings, booleans and null are written as in YAML.
    environment
        Variables to read, ``GNSSICE_CLUSTER__WORKERS`` for ``cluster.workers``; None is the environment of the process.

    Returns
    -------
    Settings
        Validated and frozen.

    Raises
    ------
    ConfigError
        With one sentence per fault.

    Examples
    --------
    >>> from gnssice_batch import load_settings
    >>> settings = load_settings("settings.yaml", ["cluster.workers=4"])
    >>> settings.site, settings.cluster.workers
    ('rosalia', 4)
    """
    from gnssice_batch.config import load

    return load(path, os.environ if environment is None else environment, overrides)


def plan(
    settings: "Settings | str | Path",
    progress: "Progress | None" = None,
    *,
    receivers: Sequence[str] = (),
    since: "date | None" = None,
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

    return preview(settings_at(settings), progress, part_of(receivers, since, limit))


def run(
    settings: "Settings | str | Path",
    progress: "Progress | None" = None,
    *,
    receivers: Sequence[str] = (),
    since: "date | None" = None,
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

    return run_job(settings_at(settings), progress, part_of(receivers, since, limit))


def status(settings: "Settings | str | Path") -> "StoreStatus":
    """Show what the store holds: span, epochs, signals, files and size of each receiver.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.

    Returns
    -------
    StoreStatus
        The repository at the head of ``run.branch``.

    Raises
    ------
    ConfigError
        When the settings are wrong.
    StoreError
        When there is no repository, or it can't be read.

    Examples
    --------
    >>> from gnssice_batch import status
    >>> canopy, reference = status("settings.yaml").receivers
    >>> canopy.receiver, canopy.interval_s, canopy.filled
    ('canopy_01', 30.0, 360)
    """
    from gnssice_batch.operate.status import store_status

    return store_status(settings_at(settings))


def verify(
    settings: "Settings | str | Path",
    sample: int | None = 20,
    receivers: Sequence[str] = (),
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

    return verify_store(settings_at(settings), sample, receivers, progress)


def export(  # noqa: PLR0913 - what is exported, which version of it, in what form, where to
    settings: "Settings | str | Path",
    receiver: str,
    folder: str | Path,
    *,
    file_format: str = "rinex3",
    compress: str = "none",
    each: str = "day",
    since: "date | datetime | None" = None,
    until: "date | datetime | None" = None,
    version: "str | int | date | datetime | None" = None,
    overwrite: bool = False,
    progress: "Progress | None" = None,
) -> "ExportReport":
    """Write a receiver as files: RINEX that reads as the very same observations, NetCDF, or Parquet.

    Memory stays bounded whatever the span. A file is written under another name and renamed when it is whole. What its
    format can't hold is not written: such a file is among the withheld ones, with the value.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.
    receiver
        Its name in the store.
    folder
        Where the files go; made where it is missing.
    file_format
        ``rinex3`` (3.05), ``rinex2`` (2.11, where its types are read as the signals), ``netcdf`` or ``parquet``.
    compress
        Of RINEX: ``none``, ``gz``, ``crx`` or ``crx.gz``.
    each
        What one file holds: ``day``, ``hour`` or ``all``.
    since, until
        The epochs wanted, GPS time; `until` itself is left out. None: all there are.
    version
        What `open_dataset` takes; None: what ``run.branch`` holds now.
    overwrite
        Replace files of the same names; otherwise they are withheld.
    progress
        Told how the work goes on; None tells nobody.

    Returns
    -------
    ExportReport
        The files that were written, and those that were not.

    Raises
    ------
    ConfigError
        When the settings or arguments are wrong, or a library for the format is missing.
    StoreError
        When there is no such repository, version or receiver, or a file can't be read or written.

    Examples
    --------
    >>> from gnssice_batch import export
    >>> report = export("settings.yaml", "canopy_01", "rinex", compress="crx.gz")
    >>> [(file.path.name, file.epochs) for file in report.files]
    [('C00100SIM_R_20250010000_01D_30S_MO.crx.gz', 360)]
    """
    from gnssice_batch.exports.values import choice_of
    from gnssice_batch.job.target import target_of
    from gnssice_batch.operate.export import export_receiver

    choice = choice_of(file_format, compress, each, since, until, overwrite=overwrite)
    return export_receiver(target_of(settings_at(settings)), receiver, Path(folder), choice, version, progress)


def inspect(file: str | Path | bytes, name: str = "") -> "Inspection":
    """Show what the reader sees in one RINEX file, and what to be warned of.

    Parameters
    ----------
    file
        Path or fsspec URL of a file, or its bytes: any RINEX version, compressed or not.
    name
        Name of the file, compared with the content; taken from the path if not given.

    Returns
    -------
    Inspection
        With status ``rejected`` for a file that can't be read.

    Raises
    ------
    ArchiveError
        When there is no such file, or it can't be fetched.

    Examples
    --------
    >>> from gnssice_batch import inspect
    >>> seen = inspect("archive/canopy_01/25001/C00100SIM_R_20250010000_15M_30S_MO.crx.gz")
    >>> str(seen.status), seen.container, seen.parts[0].epochs
    ('ok', 'gzip', 30)
    >>> inspect(b"<html>").refusal.reason
    <Reason.NOT_RINEX: 'not_rinex'>
    """
    from gnssice_batch.inspection.facts import inspect as inspect_content
    from gnssice_batch.inspection.warnings import warnings_of

    path = "" if isinstance(file, bytes) else str(file)
    content = file if isinstance(file, bytes) else _content(path)
    seen = inspect_content(content, name or path.rpartition("/")[2])
    return replace(seen, warnings=warnings_of(seen))


def virtualize(settings: "Settings | str | Path", progress: "Progress | None" = None) -> "VirtualReport":
    """Reference what is new in the archive of NetCDF4 files that ``virtual.url`` names, in at most one commit.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.
    progress
        Told how the work goes on; None tells nobody.

    Returns
    -------
    VirtualReport
        What became of each file; `open_virtual` opens what was made.

    Raises
    ------
    GnssiceError
        As `run` says.

    Examples
    --------
    >>> from gnssice_batch import virtualize
    >>> report = virtualize("settings.yaml")
    >>> [(series.receiver, series.files, series.grid.size) for series in report.series]
    [('canopy_01', 3, 288)]
    """
    from gnssice_batch.job.virtualize import virtualize as virtualize_archive

    return virtualize_archive(settings_at(settings), progress)


def _content(path: str) -> bytes:
    from gnssice_batch.archive.listing import ArchiveAccess
    from gnssice_batch.storage.folder import Folder

    folder, _, name = path.rpartition("/")
    return ArchiveAccess(Folder(folder or ("/" if path.startswith("/") else "."))).fetch(name)


def settings_at(settings: "Settings | str | Path") -> "Settings":
    """The settings, read from a file where its path is given."""
    return load_settings(settings) if isinstance(settings, str | Path) else settings
