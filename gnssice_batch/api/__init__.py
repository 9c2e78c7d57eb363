"""The functions of the public Python interface; each loads what it uses when it is called."""

from gnssice_batch.api.files import inspect
from gnssice_batch.api.runs import plan, run, verify
from gnssice_batch.api.settings import load_settings, settings_at
from gnssice_batch.api.stores import diff, export, migrate, report, status
from gnssice_batch.api.virtual import virtualize
from gnssice_batch.api.vod import plan_vod, run_vod, vod_status

__all__ = [
    "diff",
    "export",
    "inspect",
    "load_settings",
    "migrate",
    "plan",
    "plan_vod",
    "report",
    "run",
    "run_vod",
    "settings_at",
    "status",
    "verify",
    "virtualize",
    "vod_status",
]
