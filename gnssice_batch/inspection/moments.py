"""Moments of GPS time as text."""

from datetime import timedelta
from typing import Final, cast

from gnssice_batch.model.grid import gps_datetime

_EPOCH: Final = gps_datetime(0).astype("datetime64[us]").item()


def moment(time_100ns: int) -> str:
    """GPS time as ``2025-01-01 00:00:00``, with a fraction where there is one."""
    text = cast("str", (_EPOCH + timedelta(microseconds=time_100ns // 10)).isoformat(" "))
    return text.rstrip("0") if "." in text else text
