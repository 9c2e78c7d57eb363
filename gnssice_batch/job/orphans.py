"""Journals that no start finds: what is left of runs whose record was never written, or is removed already."""

import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from gnssice_batch.job.lease import NAME as LEASE
from gnssice_batch.job.lease import read_lease
from gnssice_batch.storage.entries import Entry
from gnssice_batch.storage.folder import Folder

_OLD_S: Final = 3600.0
"""No start is at work for that long between its first file and its lease, whatever the clocks of two machines say."""
_NAME: Final = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")


def new_name() -> str:
    """A name for a new run: when it began, and what tells it from others of that second."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def orphans(folder: Folder, names: Mapping[str, Entry], record: str) -> list[str]:
    """The runs without a record whose start is dead: it died before it wrote one, or wrote after its removal.

    Parameters
    ----------
    folder
        Where the journals are.
    names
        What is in it, by path.
    record
        Name of a run's record.
    """
    runs: dict[str, dict[str, Entry]] = {}
    for name, entry in names.items():
        run, _, within = name.partition("/")
        runs.setdefault(run, {})[within] = entry
    return sorted(run for run, left in runs.items() if record not in left and _dead(folder, run, left))


def _dead(folder: Folder, run: str, left: Mapping[str, Entry]) -> bool:
    """Whether the start that has written files is dead; without a lease the name of the run says that they are ours."""
    if LEASE in left:
        lease = read_lease(folder.below(run))[0]
        return lease is not None and not lease.alive()
    now = time.time()
    written = [now if entry.modified_s is None else entry.modified_s for entry in left.values()]
    return _NAME.fullmatch(run) is not None and now - max(written) > _OLD_S
