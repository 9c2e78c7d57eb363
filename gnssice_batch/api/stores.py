"""What a store holds: shown, compared, written as files, brought to the present layout."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnssice_batch.api.settings import moment_of, names_of, settings_of, store_of

if TYPE_CHECKING:
    from datetime import date, datetime

    from gnssice_batch.config import Settings
    from gnssice_batch.exports.values import ExportReport
    from gnssice_batch.job.counting import Progress
    from gnssice_batch.operate.migration import MigrationReport
    from gnssice_batch.operate.status import StoreStatus
    from gnssice_batch.reporting.facts import StoreFacts
    from gnssice_batch.store.reading.differences import Difference


def status(store: "Settings | str | Path", *, storage_options: Mapping[str, Any] | None = None) -> "StoreStatus":
    """Show what the store holds: span, epochs, signals, files and size of each receiver.

    Parameters
    ----------
    store
        Settings, the path of a settings file, or a repository: its URL or its folder.
    storage_options
        Of a repository given by its URL, as in `open_dataset`.

    Returns
    -------
    StoreStatus
        The repository at the head of ``run.branch``, of one given by its URL at that of ``main``.

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
    >>> status("stores/rosalia/rinex").receivers[0].receiver
    'canopy_01'
    """
    from gnssice_batch.operate.status import store_status

    return store_status(*store_of(store, storage_options))


def diff(
    store: "Settings | str | Path",
    before: "str | int | date | datetime",
    after: "str | int | date | datetime | None" = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> "Difference":
    """Show what one version of the store has that another has not. No observation is read.

    Parameters
    ----------
    store
        Settings, the path of a settings file, or a repository: its URL or its folder.
    before, after
        What `open_dataset` takes; None: what ``run.branch`` holds now. One has to lead to the other.
    storage_options
        Of a repository given by its URL, as in `open_dataset`.

    Returns
    -------
    Difference
        By group epochs, signals, files, chunks and bytes: added, changed, removed.

    Raises
    ------
    ConfigError
        When the settings are wrong.
    StoreError
        When there is no such version, the two are on different lines, or one can't be read.

    Examples
    --------
    >>> from gnssice_batch import diff
    >>> found = diff("settings.yaml", 1)
    >>> found.before.number, found.after.number, found.groups  # there is one version yet
    (1, 1, ())
    """
    from gnssice_batch.operate.differences import compare

    return compare(store_of(store, storage_options)[1], before, after)


def report(
    store: "Settings | str | Path",
    to: str | Path | None = None,
    *,
    receivers: str | Sequence[str] = (),
    since: "str | date | None" = None,
    version: "str | int | date | datetime | None" = None,
    storage_options: Mapping[str, Any] | None = None,
) -> "StoreFacts":
    """Gather what the archive held and what the store holds, and write it as a page to look at, or as JSON.

    Parameters
    ----------
    store
        Settings, the path of a settings file, or a repository: its URL or its folder.
    to
        File to write: a page where its name ends with ``.html``, JSON where it ends with ``.json``. None: none.
    receivers
        Only these; empty is all of them.
    since
        Only from the begin of this day on (GPS time).
    version
        What `open_dataset` takes; None: what ``run.branch`` holds now.
    storage_options
        Of a repository given by its URL, as in `open_dataset`.

    Returns
    -------
    StoreFacts
        What the page shows; `as_json` gives it as plain values.

    Raises
    ------
    ConfigError
        When the settings are wrong, the file has another ending or can't be written, or a library for the page is
        missing.
    StoreError
        When there is no such repository, version or receiver, or it can't be read.

    Examples
    --------
    >>> from gnssice_batch import report
    >>> facts = report("settings.yaml", "report.html")
    >>> [receiver.receiver for receiver in facts.receivers]
    ['canopy_01', 'reference_01']
    """
    from gnssice_batch.reporting.gathering import Wanted, store_facts
    from gnssice_batch.reporting.saving import check_name, save

    if to is not None:
        check_name(str(to))
    settings, target = store_of(store, storage_options)
    facts = store_facts(settings, target, Wanted(names_of(receivers), moment_of(since), version))
    if to is not None:
        save(facts, Path(to))
    return facts


def export(  # noqa: PLR0913 - what is exported, which version of it, in what form, where to
    store: "Settings | str | Path",
    receiver: str,
    folder: str | Path,
    *,
    file_format: str = "rinex3",
    compress: str = "none",
    each: str = "day",
    since: "str | date | datetime | None" = None,
    until: "str | date | datetime | None" = None,
    version: "str | int | date | datetime | None" = None,
    overwrite: bool = False,
    progress: "Progress | None" = None,
    storage_options: Mapping[str, Any] | None = None,
) -> "ExportReport":
    """Write a receiver as files: RINEX that reads as the very same observations, NetCDF, or Parquet.

    Memory stays bounded whatever the span. A file is written under another name and renamed when it is whole. What its
    format can't hold is not written: such a file is among the withheld ones, with the value.

    Parameters
    ----------
    store
        Settings, the path of a settings file, or a repository: its URL or its folder.
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
        Replace files of the same names that were exported of the same receiver; otherwise they are withheld.
    progress
        Told how the work goes on; None tells nobody.
    storage_options
        Of a repository given by its URL, as in `open_dataset`.

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
    from gnssice_batch.operate.export import export_receiver

    choice = choice_of(file_format, compress, each, moment_of(since), moment_of(until), overwrite=overwrite)
    _, target = store_of(store, storage_options)
    return export_receiver(target, receiver, Path(folder), choice, version, progress)


def migrate(settings: "Settings | str | Path", *, dry_run: bool = False) -> "MigrationReport":
    """Bring a store that an older version of the program made to the present layout, in one version of its own.

    Observations and earlier versions stay as they are.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.
    dry_run
        Only say what would be done.

    Returns
    -------
    MigrationReport
        What was done to each receiver, and the new version, if anything was.

    Raises
    ------
    ConfigError
        When the settings are wrong.
    StoreError
        When there is no repository, when another program or a later one made it, or when a run is open.

    Examples
    --------
    >>> from gnssice_batch import migrate
    >>> done = migrate("settings.yaml")
    >>> done.needed, done.snapshot
    (False, None)
    """
    from gnssice_batch.operate.migration import migrate as migrated

    return migrated(settings_of(settings), dry_run=dry_run)
