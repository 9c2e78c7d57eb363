"""The report of a run, kept in a folder before the process ends."""

import json
from dataclasses import replace

from gnssice_batch.job.report import JobReport
from gnssice_batch.log import logger
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.urls import below

_log = logger(__name__)


def kept[R: JobReport](report: R, folder: Folder | None) -> R:
    """A report that says where it is kept.

    What was published stands whether its report can be written or not: that it can't is said in the log, and by the
    report itself, which is kept nowhere then.
    """
    if folder is None:
        return report
    found = replace(report, kept_at=below(folder.url, report_name(report)))
    try:
        folder.write(report_name(report), (json.dumps(found.as_json(), ensure_ascii=False) + "\n").encode())
    except OSError as error:
        _log.warning("the report can't be written to %s: %s", found.kept_at, error)
        return report
    return found


def report_name(report: JobReport) -> str:
    """``<run>.json``; of a run that had nothing to do, which keeps its name to itself, ``<start time>.json``."""
    idle = report.snapshot is None and not report.partitions
    return f"{report.run.partition('-')[0] if idle else report.run}.json"
