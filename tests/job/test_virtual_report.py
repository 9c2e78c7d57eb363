"""What the report of a job on a virtual repository says, and the exit code that it calls for."""

import pytest

from gnssice_batch.job.virtual_report import SeriesTold, VirtualReport, counted, exit_code, shortfalls
from gnssice_batch.model.virtual import NetcdfFile, SeriesGrid, VirtualRow, VirtualState
from gnssice_batch.storage.traffic import Traffic


def row(uri, state=VirtualState.VIRTUAL, group="one", reason="", detail=""):
    return VirtualRow(NetcdfFile(uri, "one", 5, ""), state, group, reason, detail)


ROWS = (
    row("a.nc"),
    row("b.nc", group="one.files/b", reason="alone", detail="of its own"),
    row("c.nc", VirtualState.REJECTED, "", "not_hdf5", "it is text"),
    row("d.nc", VirtualState.NATIVE),
)


def report(**more):
    return VirtualReport("run", "file:///virtual", "SNAPSHOT", **more)


def refused(rejected, taken=0):
    return tuple(
        row(f"{number}.nc", VirtualState.REJECTED if number < rejected else VirtualState.VIRTUAL)
        for number in range(rejected + taken)
    )


def test_the_json_of_a_report_says_all_there_is_by_these_names():
    found = report(
        tagged="tagged",
        partitions=1,
        resumed=2,
        set_aside=("e.nc",),
        seconds=3.45678,
        bytes_read=4,
        rows=ROWS,
        series=(SeriesTold("one", SeriesGrid(5, 6, 7, 8), 9),),
        up_to_date=10,
        missing=("gone.nc",),
        skipped=("x.txt", "y.txt"),
        repointed="file:///before/",
        failed=(("f.nc", "why"),),
        used={"w": Traffic({"GET": 1}, 2, 3), "": Traffic({"GET": 4}, 5, 6)},
    )
    assert found.as_json() == {
        "run": "run",
        "url": "file:///virtual",
        "snapshot": "SNAPSHOT",
        "tagged": "tagged",
        "partitions": 1,
        "resumed": 2,
        "set_aside": ["e.nc"],
        "seconds": 3.457,
        "bytes_read": 4,
        "up_to_date": 10,
        "files": {"virtual": 2, "native": 1, "rejected": 1},
        "series": [
            {
                "receiver": "one",
                "grid": {"origin_ns": 5, "interval_ns": 6, "chunk_epochs": 7, "size": 8},
                "files": 9,
            }
        ],
        "own_groups": [{"file": "b.nc", "group": "one.files/b", "reason": "alone", "detail": "of its own"}],
        "rejected": [{"file": "c.nc", "group": "", "reason": "not_hdf5", "detail": "it is text"}],
        "missing": ["gone.nc"],
        "skipped": 2,
        "repointed": "file:///before/",
        "failed": [{"file": "f.nc", "why": "why"}],
        "requests": {"GET": 5, "received_bytes": 9, "sent_bytes": 7},
    }


def test_files_are_counted_by_every_state():
    assert counted(ROWS) == {"virtual": 2, "native": 1, "rejected": 1}
    assert counted(()) == {"virtual": 0, "native": 0, "rejected": 0}


def test_nothing_is_short_where_nothing_was_to_be_done():
    assert shortfalls(report(), 0) == ()
    assert exit_code(report(), 0) == 0


@pytest.mark.parametrize(
    ("rejected", "taken", "allowed", "short"),
    [(1, 3, 0.25, False), (1, 3, 0.24, True), (2, 0, 1.0, False), (2, 0, 0.9, True), (0, 2, 0.0, False)],
)
def test_rejected_files_are_a_part_of_all(rejected, taken, allowed, short):
    found = report(rows=refused(rejected, taken))
    said = (
        f"{rejected} of {rejected + taken} files were rejected, more than run.max_refused_fraction allows ({allowed:g})"
    )
    assert shortfalls(found, allowed) == ((said,) if short else ())
    assert exit_code(found, allowed) == int(short)


def test_files_that_stay_virtual_and_partitions_that_killed_workers_are_told():
    found = report(rows=refused(0, 1), failed=(("f.nc", "why"), ("g.nc", "else")), set_aside=("h.nc",))
    assert shortfalls(found, 0.5) == (
        "2 files could not be made native, f.nc for one",
        "1 partitions killed their workers and were set aside",
    )
    assert exit_code(found, 0.5) == 1
