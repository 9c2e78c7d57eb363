"""Keeps finished partitions in a journal, or finds them again: ``keep`` or ``resume``."""

import json
import sys
import time
from typing import Any

import numpy as np

from gnssice_batch.config import Settings
from gnssice_batch.job.journal import RunRecord, begin, open_journals
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.model.grid import DAY_NS
from gnssice_batch.model.values import (
    Done,
    EpochRows,
    FileFacts,
    FileOutcome,
    Partition,
    PartitionOutcome,
    SourceFile,
    Span,
    Status,
    Tally,
    rank,
)

_RECORD = RunRecord("20250101T000000-abcdef", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "benchmark")
_FORK = bytes(range(256)) * 6
_MOST_S = 30.0
"""Away from the local disk no more partitions are kept than go into this time."""


def keep(question: dict[str, Any]) -> dict[str, float]:
    """Keep partitions as a coordinator does when a worker hands them in, until the last one is written."""
    target = _target(question)
    journal = begin(target.journals, _RECORD)
    done = [_done(number) for number in range(question["partitions"])]
    started, kept = time.perf_counter(), 0
    for each in done:
        journal.keep(each)
        kept += 1
        if question["options"] and time.perf_counter() - started > _MOST_S:
            break
    journal.flush()
    return {"seconds": time.perf_counter() - started, "partitions": kept}


def resume(question: dict[str, Any]) -> dict[str, float]:
    """Find the partitions again."""
    target = _target(question)
    started = time.perf_counter()
    (journal,) = open_journals(target.journals)
    found = journal.partitions()
    return {"seconds": time.perf_counter() - started, "partitions": len(found)}


def _target(question: dict[str, Any]) -> Target:
    store = {"url": question["url"]}
    if question["options"]:
        store |= {"storage_options": question["options"], "allow_static_credentials": True}
    return target_of(Settings.model_validate({"site": "benchmark", "archive": {"url": "archive"}, "store": store}))


def _done(number: int) -> Done:
    """A partition of one day and one file."""
    key, first = f"receiver_{number // 5000:02d}.{number:07d}", number * DAY_NS
    sha256 = f"{number:064x}"
    file = SourceFile(f"receiver/{number:07d}.crx.gz", "receiver", 3_000_000, str(number), first, first + DAY_NS)
    facts = FileFacts(sha256, "3.04", span=Span(first, first + DAY_NS), rank=rank(60, "3.04", 2880, sha256))
    outcome = FileOutcome(file, Status.OK, facts, None, Tally(2880, 400_000), {}, (key,))
    rows = EpochRows.of(0, np.full(2880, -2, np.int32))
    given = PartitionOutcome(key, _FORK, (outcome,), (rows,), (number,), bytes_read=3_000_000, seconds=0.5)
    return Done(Partition(key, "receiver", number, 1), 0, 60, "digest", (file,), (number,), given)


if __name__ == "__main__":
    print(json.dumps({"keep": keep, "resume": resume}[sys.argv[1]](json.loads(sys.argv[2]))))
