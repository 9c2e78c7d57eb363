"""Whole objects by obstore, which takes a fifth of the processor time that the clients of fsspec take.

It is asked once, as long as all is well; whatever goes wrong is for the others, which know how to wait.
"""

import os
import time
from functools import lru_cache
from typing import Any, Final

from gnssice_batch.storage.object_lists import object_store
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.patience import PATIENCE
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.storage.urls import Kind, Place

_ONCE: Final = {"max_retries": 0}
_MOST: Final = "60s"
"""For one object, from the request to its last byte."""


def whole_object(where: Place, options: StorageOptions, name: str) -> bytes | None:
    """The bytes of an object; None where they did not come at once, or where requests have failed just now.

    Raises
    ------
    PermissionError
        When there are no credentials.
    """
    if where.kind not in {Kind.S3, Kind.AZURE} or not PATIENCE.calm:
        return None
    from obstore.exceptions import GenericError  # noqa: PLC0415 - only where objects are read

    TRAFFIC.note("GET")
    try:
        content = bytes(_store(os.getpid(), where, options).get(name).bytes())
    except GenericError as error:
        time.sleep(PATIENCE.pause_s(1, error) or 0)
        return None
    except Exception:  # noqa: BLE001 - whatever it is, the other client meets it too, and says it in its words
        return None
    TRAFFIC.note("GET", 0, received_bytes=len(content))
    return content


@lru_cache(maxsize=16)
def _store(_process: int, where: Place, options: StorageOptions) -> Any:
    """One client for all threads of a process, so that connections are shared."""
    return object_store(where, options, retry_config=_ONCE, timeout=_MOST)
