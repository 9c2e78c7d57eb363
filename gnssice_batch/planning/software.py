"""The version of the program with its reader, as the ledger says who has read a file."""

from importlib.metadata import version
from typing import Final

from gnssice_batch import config
from gnssice_batch.rinex import READER_VERSION

SOFTWARE: Final = f"gnssice_batch {version('gnssice-batch')}"


def reader_name(settings: config.Settings) -> str:
    """Program and reader with their versions."""
    reader = settings.reader
    return f"{SOFTWARE}, reader {READER_VERSION} {reader.kind}, decoder {reader.decoder}"
