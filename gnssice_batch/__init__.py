"""Turns an archive of GNSS RINEX observation files into one versioned Icechunk array store per site."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gnssice_batch.api import (
        diff,
        export,
        inspect,
        load_settings,
        migrate,
        plan,
        plan_vod,
        report,
        run,
        run_vod,
        status,
        verify,
        virtualize,
        vod_status,
    )
    from gnssice_batch.archive.skipped import SkippedFile
    from gnssice_batch.config import Settings
    from gnssice_batch.errors import (
        AccessDeniedError,
        ArchiveError,
        ConfigError,
        GnssiceError,
        InterruptedRunError,
        NoSchedulerError,
        PlanError,
        ReadError,
        Reason,
        RefusedError,
        RunConflictError,
        StoreError,
    )
    from gnssice_batch.exports.values import Exported, ExportReport, Withheld
    from gnssice_batch.inspection.facts import Gap, Inspection, Part
    from gnssice_batch.job.counting import Counts, Progress
    from gnssice_batch.job.preview import PlanSummary, ReceiverPlan
    from gnssice_batch.job.report import Proof, RunReport
    from gnssice_batch.job.virtual_report import VirtualReport
    from gnssice_batch.job.vod_preview import AnalysisPlan, VodPlanSummary
    from gnssice_batch.job.vod_report import AnalysisReport, VodProof, VodReport
    from gnssice_batch.model.grid import Grid
    from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Span, Status, Tally
    from gnssice_batch.operate.migration import MigrationReport
    from gnssice_batch.operate.status import ReceiverStatus, StoreStatus
    from gnssice_batch.operate.verification import StoreReport
    from gnssice_batch.operate.vod_status import AnalysisStatus, VodStatus
    from gnssice_batch.planning.plan import Totals
    from gnssice_batch.reporting.facts import StoreFacts
    from gnssice_batch.rinex.header.values import Header
    from gnssice_batch.store.icechunk_store import IcechunkStore
    from gnssice_batch.store.reading.accessor import GnssAccessor
    from gnssice_batch.store.reading.chunk_changes import Change, ChunkChange
    from gnssice_batch.store.reading.contents import Snapshot
    from gnssice_batch.store.reading.differences import Difference, GroupDifference
    from gnssice_batch.store.reading.ledger_frame import ledger
    from gnssice_batch.store.reading.opening import open_dataset
    from gnssice_batch.store.reading.virtual_opening import open_virtual
    from gnssice_batch.store.transaction import Transaction
    from gnssice_batch.store.versions import Version
    from gnssice_batch.store.writing.migration import Migration

__version__ = "0.1.0"

__all__ = [
    "AccessDeniedError",
    "AnalysisPlan",
    "AnalysisReport",
    "AnalysisStatus",
    "ArchiveError",
    "Change",
    "ChunkChange",
    "ConfigError",
    "Counts",
    "Difference",
    "ExportReport",
    "Exported",
    "FileFacts",
    "FileOutcome",
    "Gap",
    "GnssAccessor",
    "GnssiceError",
    "Grid",
    "GroupDifference",
    "Header",
    "IcechunkStore",
    "Inspection",
    "InterruptedRunError",
    "Migration",
    "MigrationReport",
    "NoSchedulerError",
    "Part",
    "PlanError",
    "PlanSummary",
    "Progress",
    "Proof",
    "ReadError",
    "Reason",
    "ReceiverPlan",
    "ReceiverStatus",
    "Refusal",
    "RefusedError",
    "RunConflictError",
    "RunReport",
    "Settings",
    "SkippedFile",
    "Snapshot",
    "SourceFile",
    "Span",
    "Status",
    "StoreError",
    "StoreFacts",
    "StoreReport",
    "StoreStatus",
    "Tally",
    "Totals",
    "Transaction",
    "Version",
    "VirtualReport",
    "VodPlanSummary",
    "VodProof",
    "VodReport",
    "VodStatus",
    "Withheld",
    "__version__",
    "diff",
    "export",
    "inspect",
    "ledger",
    "load_settings",
    "migrate",
    "open_dataset",
    "open_virtual",
    "plan",
    "plan_vod",
    "report",
    "run",
    "run_vod",
    "status",
    "verify",
    "virtualize",
    "vod_status",
]

_PLACES = {
    "api": "diff export inspect load_settings migrate plan plan_vod report run run_vod status verify virtualize "
    "vod_status",
    "archive.skipped": "SkippedFile",
    "config": "Settings",
    "errors": "AccessDeniedError ArchiveError ConfigError GnssiceError InterruptedRunError NoSchedulerError PlanError "
    "ReadError Reason RefusedError RunConflictError StoreError",
    "exports.values": "ExportReport Exported Withheld",
    "inspection.facts": "Gap Inspection Part",
    "job.counting": "Counts Progress",
    "job.preview": "PlanSummary ReceiverPlan",
    "job.report": "Proof RunReport",
    "job.vod_preview": "AnalysisPlan VodPlanSummary",
    "job.vod_report": "AnalysisReport VodProof VodReport",
    "job.virtual_report": "VirtualReport",
    "model.grid": "Grid",
    "model.values": "FileFacts FileOutcome Refusal SourceFile Span Status Tally",
    "operate.migration": "MigrationReport",
    "operate.status": "ReceiverStatus StoreStatus",
    "operate.verification": "StoreReport",
    "operate.vod_status": "AnalysisStatus VodStatus",
    "planning.plan": "Totals",
    "reporting.facts": "StoreFacts",
    "rinex.header.values": "Header",
    "store.icechunk_store": "IcechunkStore",
    "store.reading.accessor": "GnssAccessor",
    "store.reading.chunk_changes": "Change ChunkChange",
    "store.reading.contents": "Snapshot",
    "store.reading.differences": "Difference GroupDifference",
    "store.reading.ledger_frame": "ledger",
    "store.reading.opening": "open_dataset",
    "store.reading.virtual_opening": "open_virtual",
    "store.transaction": "Transaction",
    "store.versions": "Version",
    "store.writing.migration": "Migration",
}
"""Module to the public names that it gives; a module is imported when the first of its names is used."""


def __getattr__(name: str) -> object:
    """Import a public name when it is used: a worker or the command line must not wait for what it does not need."""
    for module, names in _PLACES.items():
        if name in names.split():
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
