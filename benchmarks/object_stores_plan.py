"""Plans an archive against a store, each at a distance, or only lists it: ``plan`` or ``list``.

Every file of the archive is the same one, whatever its name says: the sample is fetched and read.
"""

import json
import sys
import time
from typing import Any
from unittest.mock import patch

from benchmarks.ledgers import SITE
from benchmarks.timing import peak_bytes
from gnssice_batch.archive.listing import Listing, list_files
from gnssice_batch.config import Settings
from gnssice_batch.job.preview import preview
from gnssice_batch.planning import backlog


def only_list(question: dict[str, Any]) -> dict[str, float]:
    """Seconds of listing the archive."""
    wanted = _settings(question["archive"], question["store"])
    started = time.perf_counter()
    found = list_files(wanted.archive)
    return {"seconds": time.perf_counter() - started, "files": len(found.files), "peak": peak_bytes()}


def plan(question: dict[str, Any]) -> dict[str, float]:
    """Seconds of all, those of the listing in it, and the peak of the process."""
    listing: list[float] = []

    def timed(*arguments: Any, **options: Any) -> Listing:
        started = time.perf_counter()
        found = list_files(*arguments, **options)
        listing.append(time.perf_counter() - started)
        return found

    wanted = _settings(question["archive"], question["store"])
    started = time.perf_counter()
    with patch.object(backlog, "list_files", timed):
        found = preview(wanted)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "listing": sum(listing), "peak": peak_bytes(), "files": found.totals.files}


def _settings(archive: dict[str, Any], store: dict[str, Any]) -> Settings:
    sections = {
        name: {"url": each["url"], "storage_options": each["options"], "allow_static_credentials": True}
        for name, each in (("archive", archive), ("store", store))
    }
    sections["archive"]["layout"] = "{receiver}/**"
    sections["grid"] = {"max_gap_days": None}
    quiet = {"log": {"level": "error", "progress": False}, "run": {"breaker_fraction": 1}}
    return Settings.model_validate({"site": SITE, **sections, **quiet})


if __name__ == "__main__":
    print(json.dumps({"list": only_list, "plan": plan}[sys.argv[1]](json.loads(sys.argv[2]))))
