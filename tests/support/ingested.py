"""Small archives ingested by whole runs, and what must stand in the store for the files of `runs.rinex`."""

import numpy as np

from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.run import run
from tests.support.runs import CODES, DAY_ONE_S, name, rinex, settings, span_s, value, write

GROUP = "rec"
SECOND_NS = 10**9


def ingest(folder, files, **sections):
    """Put files into the archive and run."""
    write(folder / "archive", files)
    chosen = settings(folder, **sections)
    return chosen, run(chosen)


def hourly(hour, day_s=DAY_ONE_S, **content):
    start_s = day_s + 3600 * hour
    return {name(start_s, "01H"): rinex(span_s(start_s, 1), **content)}


def seconds(data):
    return (data.time_ns // SECOND_NS).tolist()


def expected(data, salts=None):
    """Hold every value against what the files of `rinex` say; `salts` by file, 0 where none."""
    codes = dict(zip(("Pseudorange", "Phase", "Doppler", "SNR"), CODES, strict=True))
    for index, sid in enumerate(data.sids):
        for variable, code in codes.items():
            said = [
                value(sid[:3], code, time_ns / SECOND_NS, (salts or {}).get(uri, 0)) / 1000
                for time_ns, uri in zip(data.time_ns.tolist(), data.uri, strict=True)
            ]
            found = data.arrays[variable][:, index]
            there = ~np.isnan(found)
            assert there.any()
            np.testing.assert_array_equal(found[there], np.array(said, found.dtype)[there])


class Hook(NoProgress):
    """Does something once, when the first task of a stage is over."""

    def __init__(self, stage, action):
        self.wanted, self.action, self.current = stage, action, ""

    def stage(self, name, tasks):  # noqa: ARG002 - the coordinator gives it
        self.current = name

    def finished(self, key, size_bytes):  # noqa: ARG002 - the coordinator gives them
        if self.current.startswith(self.wanted) and self.action:
            action, self.action = self.action, None
            action()


class Stages(NoProgress):
    """Notes the stages that are told."""

    def __init__(self):
        self.named = []

    def stage(self, name, tasks):  # noqa: ARG002 - the coordinator gives it
        self.named.append(name)
