"""The functions of the public Python interface; each loads what it uses when it is called."""

from gnssice_batch.api.files import inspect
from gnssice_batch.api.runs import plan, run, verify
from gnssice_batch.api.settings import load_settings, settings_at
from gnssice_batch.api.stores import diff, export, migrate, report, status

__all__ = [
    "diff",
    "export",
    "inspect",
    "load_settings",
    "migrate",
    "plan",
    "report",
    "run",
    "settings_at",
    "status",
    "verify",
]
