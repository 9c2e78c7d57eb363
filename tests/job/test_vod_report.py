"""What a vod run did not come to, and the exit code that says so."""

import json

import pytest

from gnssice_batch.job.vod_report import AnalysisReport, VodReport, vod_exit_code, vod_shortfalls


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
