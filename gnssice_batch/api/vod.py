"""Vegetation optical depth: made, planned, shown."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnssice_batch.api.settings import settings_of

if TYPE_CHECKING:
    from gnssice_batch.config import Settings
    from gnssice_batch.job.counting import Progress
    from gnssice_batch.job.vod_preview import VodPlanSummary
    from gnssice_batch.job.vod_report import VodReport
    from gnssice_batch.operate.vod_status import VodStatus


def plan_vod(
    settings: "Settings | str | Path", *, analyses: Sequence[str] = (), full: bool = False
) -> "VodPlanSummary":
    """Show which units of vegetation optical depth a vod run would make. Changes nothing.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.
    analyses
        Only these analyses; empty is all of them.
    full
        As if all units were made again.

    Returns
    -------
    VodPlanSummary
        The units of each analysis.

    Raises
    ------
    GnssiceError
        When orbit files or stores can't be read, or do not fit together.

    Examples
    --------
    >>> from gnssice_batch import plan_vod
    >>> {name: len(analysis.units) for name, analysis in plan_vod("settings.yaml").analyses.items()}
    {'canopy_01_vs_reference_01': 2}
    """
    from gnssice_batch.job.vod_preview import preview_vod

    return preview_vod(settings_of(settings), analyses=analyses, everything=full)


def run_vod(
    settings: "Settings | str | Path",
    progress: "Progress | None" = None,
    *,
    analyses: Sequence[str] = (),
    full: bool = False,
) -> "VodReport":
    """Make vegetation optical depth of what is new in observations and orbit files: one commit, or none.

    A run that stopped is started again with the same settings and arguments: it resumes from its journal.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.
    progress
        Told how the work goes on; None tells nobody.
    analyses
        Only these analyses; empty is all of them.
    full
        Make all units again.

    Returns
    -------
    VodReport
        The snapshot that was published, and what became of each analysis.

    Raises
    ------
    GnssiceError
        When the run stops; readers of the store see nothing of it. The subclass tells what to do, see `errors`.

    Examples
    --------
    >>> from gnssice_batch import run_vod
    >>> report = run_vod("settings.yaml")
    >>> report.analyses["canopy_01_vs_reference_01"].made
    2
    >>> run_vod("settings.yaml").snapshot is None  # nothing new: no commit
    True
    """
    from gnssice_batch.job.vod import vod

    return vod(settings_of(settings), progress, analyses=analyses, everything=full)


def vod_status(settings: "Settings | str | Path") -> "VodStatus":
    """Show what the vod repository holds: span, units, orbit files of each analysis.

    Parameters
    ----------
    settings
        Settings, or the path of a settings file.

    Returns
    -------
    VodStatus
        The repository at the head of ``run.branch``.

    Raises
    ------
    ConfigError
        When the settings are wrong.
    StoreError
        When there is no repository, or it can't be read.

    Examples
    --------
    >>> from gnssice_batch import run_vod, vod_status
    >>> report = run_vod("settings.yaml")
    >>> [(analysis.group, analysis.units) for analysis in vod_status("settings.yaml").analyses]
    [('tau_omega/canopy_01_vs_reference_01', 2)]
    """
    from gnssice_batch.operate.vod_status import vod_status as found

    return found(settings_of(settings))
