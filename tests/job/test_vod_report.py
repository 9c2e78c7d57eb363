"""What a vod run did not come to, and the exit code that says so."""

import json

import pytest

from gnssice_batch.job.vod_report import AnalysisReport, VodProof, VodReport, vod_exit_code, vod_shortfalls
from gnssice_batch.storage.traffic import Traffic


def report(**more):
    return VodReport("run", "file:///vod", "SNAPSHOT", **more)


def analysis(made=0, up_to_date=0, without=0):
    return AnalysisReport("c", "r", made=made, up_to_date=up_to_date, without_orbits=("key",) * without)


def test_nothing_is_short_where_nothing_is_asked_for():
    assert vod_shortfalls(report(), 0, 0) == ()
    assert vod_exit_code(report(orbit_files=10, analyses={"a": analysis(3, 1)}), 0, 0) == 0


@pytest.mark.parametrize(("unreadable", "allowed", "short"), [(1, 0.24, True), (1, 0.25, False), (2, 0.4, True)])
def test_orbit_files_that_can_t_be_read_are_a_part_of_all(unreadable, allowed, short):
    found = report(orbit_files=4, unreadable={f"{number}.sp3": "cut" for number in range(unreadable)})
    said = (f"{unreadable} of 4 orbit files can't be read, e.g. 0.sp3; allowed are {allowed:.1%}",)
    assert vod_shortfalls(found, allowed, 0) == (said if short else ())
    assert vod_exit_code(found, allowed, 0) == int(short)


@pytest.mark.parametrize(("allowed", "short"), [(0.24, True), (0.25, False)])
def test_units_without_orbits_are_a_part_of_all_units_of_all_analyses(allowed, short):
    parts = {"a": analysis(made=1, without=1), "b": analysis(up_to_date=2)}
    said = (f"1 of 4 units have no orbits, allowed are {allowed:.1%}",)
    assert vod_shortfalls(report(analyses=parts), 0, allowed) == (said if short else ())


def test_what_was_set_aside_is_named_and_so_is_what_is_left():
    found = report(set_aside=("key",), analyses={"a": analysis(1, 0, 2)})
    assert vod_shortfalls(found, 1, 1) == ("key was set aside: it killed its workers",)
    told = json.loads(json.dumps(found.as_json()))
    assert (told["set_aside"], told["left"], told["analyses"]["a"]["made"]) == (["key"], {"no_orbits": 2}, 1)
    assert json.loads(json.dumps(report().as_json()))["left"] == {}


def test_a_report_says_all_it_knows_as_plain_values():
    part = AnalysisReport("c", "r", 3, 1, 2, ("key",), 10, 9, {"R": 1}, "why", "moved")
    used = {"tcp://b": Traffic({"GET": 2}, 1, 2), "": Traffic({"PUT": 1}, 5, 0), "tcp://a": Traffic({"GET": 1}, 0, 3)}
    found = VodReport(
        "run", "s3://vod", "SNAPSHOT", "TAGGED", 4, 1.23456, 2, ("dead",), 99, 1000, "s3://reports/run", used,
        "OBSERVED", {"a": part}, 7, {"b": "cut"}, {"d": {"short": 2}}, VodProof("full", 3, 2, 50),
    )  # fmt: skip
    told = json.loads(json.dumps(found.as_json()))
    assert list(told["requests"]["by_worker"]) == ["coordinator", "tcp://a", "tcp://b"]
    assert told == {
        "run": "run",
        "url": "s3://vod",
        "snapshot": "SNAPSHOT",
        "tagged": "TAGGED",
        "kept_at": "s3://reports/run",
        "rinex_snapshot": "OBSERVED",
        "partitions": 4,
        "resumed": 2,
        "set_aside": ["dead"],
        "left": {"no_orbits": 1},
        "bytes_read": 99,
        "seconds": 1.235,
        "peak_memory_bytes": 1000,
        "proof": {"level": "full", "units": 3, "recomputed": 2, "cells": 50},
        "orbit_files": 7,
        "unreadable_orbit_files": {"b": "cut"},
        "damaged_orbit_files": {"d": {"short": 2}},
        "analyses": {
            "a": {
                "canopy": "c",
                "reference": "r",
                "made": 3,
                "again": 1,
                "up_to_date": 2,
                "without_orbits": ["key"],
                "pairs": 10,
                "values": 9,
                "satellites_without_orbits": {"R": 1},
                "everything": "why",
                "moved": "moved",
            }
        },
        "requests": {
            "used": {"GET": 3, "PUT": 1, "received_bytes": 5, "sent_bytes": 6},
            "by_worker": {
                "coordinator": {"PUT": 1, "received_bytes": 0, "sent_bytes": 5},
                "tcp://a": {"GET": 1, "received_bytes": 3, "sent_bytes": 0},
                "tcp://b": {"GET": 2, "received_bytes": 2, "sent_bytes": 1},
            },
        },
    }


@pytest.mark.parametrize(
    ("made", "up_to_date", "without", "short"), [(5, 2, 3, False), (5, 1, 3, True), (2, 5, 3, False)]
)
def test_units_that_were_made_or_were_there_or_are_left_are_all(made, up_to_date, without, short):
    """Of 10 units 3 are without orbits, of 9 too many."""
    found = report(analyses={"a": analysis(made, up_to_date, without)})
    assert bool(vod_shortfalls(found, 0, 0.3)) is short


def test_of_no_orbit_files_and_no_units_none_is_bad():
    assert vod_shortfalls(report(unreadable={"x": "cut"}), 0, 0) == ()
