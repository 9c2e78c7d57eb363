"""Journals that no start finds are removed only where their start is surely dead, and where they are ours."""

import re
import socket
import time

import pytest

from gnssice_batch.job.lease import NAME, Lease, now
from gnssice_batch.job.orphans import new_name, orphans
from gnssice_batch.job.sealing import seal
from gnssice_batch.records import dump
from gnssice_batch.storage.entries import Entry
from gnssice_batch.storage.folder import Folder

RUN, OTHER = "20250101T000000-00f00d", "20240101T000000-00f00d"
RECORD = "run.json"
HOUR_S = 3600
LONG_AGO = "2020-01-01T00:00:00+00:00"


def entry(age_s=None):
    return Entry(1, "", None if age_s is None else time.time() - age_s)


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


def test_names_of_runs_say_when_they_began_and_are_not_given_twice():
    names = {new_name() for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{6}", name) for name in names)
    assert all(abs(time.time() - time.mktime(time.strptime(name[:15], "%Y%m%dT%H%M%S"))) < 86_400 for name in names)


@pytest.mark.parametrize(
    ("run", "ages_s", "dead"),
    [
        (RUN, [HOUR_S + 60], True),
        (RUN, [HOUR_S - 60], False),
        (RUN, [2 * HOUR_S, HOUR_S - 60], False),
        (RUN, [2 * HOUR_S, 3 * HOUR_S], True),
        (RUN, [None], False),
        (RUN, [2 * HOUR_S, None], False),
        ("given now", [2 * HOUR_S], True),
        ("not-a-run", [2 * HOUR_S], False),
        (f"{RUN}.bak", [2 * HOUR_S], False),
    ],
)
def test_without_a_lease_a_run_is_dead_when_the_youngest_of_its_files_is_old(folder, run, ages_s, dead):
    """What the storage gives no time of is taken for new, and what has no name of a run for somebody else's."""
    run = new_name() if run == "given now" else run
    names = {f"{run}/partitions/{number}": entry(age_s) for number, age_s in enumerate(ages_s)}
    assert orphans(folder, names, RECORD) == [run] * dead


LEASES = {
    "dead elsewhere": lambda: seal(dump(Lease("another", 1, "", LONG_AGO, token="a"))),
    "alive elsewhere": lambda: seal(dump(Lease("another", 1, "", now(), token="a"))),
    "dead here": lambda: seal(dump(Lease(socket.gethostname(), 0, "gone", LONG_AGO, token="a"))),
    "damaged": lambda: b"damaged",
}


@pytest.mark.parametrize("content", LEASES)
@pytest.mark.parametrize("run", [RUN, "not-a-run"])
def test_with_a_lease_that_alone_decides(folder, run, content):
    """However old the files are, and whatever the run is called."""
    dead = content.startswith("dead")
    folder.below(run).write(NAME, LEASES[content]())
    names = {f"{run}/{NAME}": entry(100 * HOUR_S), f"{run}/partitions/1": entry(100 * HOUR_S)}
    assert orphans(folder, names, RECORD) == [run] * dead


def test_a_run_with_its_record_is_found_by_a_start_and_no_orphan(folder):
    old = entry(100 * HOUR_S)
    names = {f"{RUN}/{RECORD}": old, f"{RUN}/structure/1": old, f"{OTHER}/structure/{RECORD}": old}
    assert orphans(folder, names, RECORD) == [OTHER]


def test_all_of_several_are_given_in_the_order_of_their_names(folder):
    old = entry(100 * HOUR_S)
    names = {f"{RUN}/partitions/1": old, f"{OTHER}/partitions/1": old, f"{RUN}/partitions/2": old}
    assert orphans(folder, names, RECORD) == [OTHER, RUN]
