"""Counts how often each partition is begun, from outside: preloaded into Dask workers, installed in coordinators.

The events lie beside the archive, so that every schedule, with an archive folder of its own, has its own.
"""

import functools
import os
import time
from pathlib import Path

from gnssice_batch.ingest import partition as ingest

EVENTS = "events"
PAUSE_S = "TEST_PAUSE_S"
"""Environment variable: how long each partition takes at least, so that a signal finds a run that is under way."""
WORKERS = "TEST_DASK_WORKERS"
"""Environment variable: the file in which workers note their process ids."""


def note(path, *words):
    """Add a line; lines this short are written whole."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "w") as file:
        file.write(" ".join(map(str, (f"{time.time():.6f}", os.getpid(), *words))) + "\n")


def install():
    """Count every call of `ingest_partition` in this process, whoever imports it from now on."""
    original = ingest.ingest_partition

    @functools.wraps(original)
    def counted(assignment, fork, context):
        events = Path(context.archive.folder.url).parent / EVENTS
        note(events, "begin", assignment.partition.key)
        time.sleep(float(os.environ.get(PAUSE_S, "0")))
        outcome = original(assignment, fork, context)
        note(events, "unknown" if outcome.unknown_sids else "end", assignment.partition.key)
        return outcome

    ingest.ingest_partition = counted


def events(folder):
    """(what, partition key) of a schedule in order; what is begin, end, or unknown for an end that asks for another."""
    path = folder / EVENTS
    lines = path.read_text().splitlines() if path.exists() else []
    return [tuple(line.split()[2:4]) for line in lines]


def keys(noted, what):
    """Partition keys of the events of a kind."""
    return [key for each, key in noted if each == what]


def dask_setup(_worker):
    """Called by Dask in every new worker process."""
    install()
    note(os.environ[WORKERS], "worker")
