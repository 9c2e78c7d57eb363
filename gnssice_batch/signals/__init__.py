"""Satellite systems, bands, tracking codes, signal ids; could be published alone."""

from gnssice_batch.signals.codes import (
    GLONASS_CHANNELS,
    KINDS,
    MAPPING_NAME,
    MAPPING_VERSION,
    SYSTEMS,
    SignalColumn,
    band_of,
    columns,
    frequencies,
    glonass_channel,
    is_pseudo_observable,
    sid,
    split_sid,
)

__all__ = [
    "GLONASS_CHANNELS",
    "KINDS",
    "MAPPING_NAME",
    "MAPPING_VERSION",
    "SYSTEMS",
    "SignalColumn",
    "band_of",
    "columns",
    "frequencies",
    "glonass_channel",
    "is_pseudo_observable",
    "sid",
    "split_sid",
]
