"""The settings of a run: one YAML file, validated, frozen, every value open to the environment.

The only package that knows pydantic and YAML, and the only one that is handed the environment.
"""

from gnssice_batch.config.cluster import Cluster
from gnssice_batch.config.grid import Grid
from gnssice_batch.config.icechunk import Icechunk
from gnssice_batch.config.loading import json_schema, load
from gnssice_batch.config.maintain import Maintain
from gnssice_batch.config.models import (
    Archive,
    Chunks,
    Encoding,
    Log,
    Reader,
    Receiver,
    Run,
    Settings,
    Store,
)
from gnssice_batch.config.virtual import Virtual
from gnssice_batch.config.vod import Analysis, Orbits, Vod, is_on_earth

__all__ = [
    "Analysis",
    "Archive",
    "Chunks",
    "Cluster",
    "Encoding",
    "Grid",
    "Icechunk",
    "Log",
    "Maintain",
    "Orbits",
    "Reader",
    "Receiver",
    "Run",
    "Settings",
    "Store",
    "Virtual",
    "Vod",
    "is_on_earth",
    "json_schema",
    "load",
]
