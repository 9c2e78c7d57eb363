"""The settings of a run: one YAML file, validated, frozen, every value open to the environment.

The only package that knows pydantic and YAML, and the only one that is handed the environment.
"""

from gnssice_batch.config.cluster import Cluster
from gnssice_batch.config.grid import Grid
from gnssice_batch.config.loading import json_schema, load
from gnssice_batch.config.maintain import Maintain
from gnssice_batch.config.models import (
    Archive,
    Chunks,
    Encoding,
    Icechunk,
    Log,
    Reader,
    Receiver,
    Run,
    Settings,
    Store,
)
from gnssice_batch.config.virtual import Virtual

__all__ = [
    "Archive",
    "Chunks",
    "Cluster",
    "Encoding",
    "Grid",
    "Icechunk",
    "Log",
    "Maintain",
    "Reader",
    "Receiver",
    "Run",
    "Settings",
    "Store",
    "Virtual",
    "json_schema",
    "load",
]
