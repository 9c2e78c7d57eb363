"""Turns an archive of GNSS RINEX observation files into one versioned Icechunk array store per site."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gnssice_batch.store.reading.opening import open_dataset

__version__ = "0.1.0"

__all__ = ["__version__", "open_dataset"]


def __getattr__(name: str) -> object:
    """Load xarray when a store is opened, not when a worker or the command line starts."""
    if name == "open_dataset":
        return import_module("gnssice_batch.store.reading.opening").open_dataset
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
