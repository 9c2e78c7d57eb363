"""Moments of GPS time as text."""

from gnssice_batch.rinex.primitives.time import as_datetime


def moment(time_100ns: int) -> str:
    """GPS time as ``2025-01-01 00:00:00``, with a fraction where there is one."""
    text = as_datetime(time_100ns).isoformat(" ")
    return text.rstrip("0") if "." in text else text
