"""NetCDF files referenced instead of copied."""

from pathlib import Path
from typing import TYPE_CHECKING

from gnssice_batch.api.settings import settings_of

if TYPE_CHECKING:
    from gnssice_batch.config import Settings
    from gnssice_batch.job.counting import Progress
    from gnssice_batch.job.virtual_report import VirtualReport


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

    return virtualize_archive(settings_of(settings), progress)
