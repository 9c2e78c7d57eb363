"""A series that goes over from RINEX 2 to 3 and moves: stored by the receiver's rules, kept in the store, and told."""

import json
import logging
from pathlib import Path

import pytest

from gnssice_batch.job.preview import as_json as plan_json
from gnssice_batch.job.preview import preview
from gnssice_batch.job.report import as_json
from gnssice_batch.job.run import run
from gnssice_batch.signals import MAPPING_VERSION
from tests.support.runs import ledger, open_group, row, settings, stored, write
from tests.support.samples import WHOLE, epoch2, epoch3, field, header2, header3, record

OLD, NEW = "rec/stat0010.25o", "rec/stat0020.25o"


def position(x):
    return record(f"{x:14.4f}{600000.0:14.4f}{4500000.0:14.4f}", "APPROX POSITION XYZ")


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Two days of one receiver, the first in RINEX 2 with C2 that is read as 2L, the second 15 m further on."""
    folder = tmp_path_factory.mktemp("series")
    clock = record("     1", "RCV CLOCK OFFS APPL")
    two = header2(position(4000000.0), clock, types="     3    C1    C2    L2")
    two += "".join(epoch2(s, "G01") + field(1) + field(2, " ", "7") + field(3, " ", "8") + "\n" for s in (0, 30))
    three = header3(position(4000015.0)) + "".join(epoch3(s, 1) + WHOLE for s in (0, 30))
    three = three.replace("2025 01 01", "2025 01 02")
    write(folder / "archive", {OLD: two.encode(), NEW: three.encode()})
    return _settings(folder)


def _settings(folder):
    base = settings(folder).model_dump()
    base["archive"]["receivers"] = {"rec": {"include": ("rec/**",), "signal_overrides": {"G": {"C2": "C2L"}}}}
    return type(settings(folder)).model_validate(base)


@pytest.fixture(scope="module")
def report(series):
    plan = plan_json(preview(series))
    return plan, as_json(run(series))


def test_plan_and_report_tell_of_the_move_and_of_how_the_names_were_joined(report):
    for found in (report[0]["changes_in_sample"], report[1]["changes"]):
        what = {change["what"]: change for change in found["rec"]}
        assert set(what) == {"position", "signal names"}
        assert {change["file"] for change in what.values()} == {NEW}
        assert "G C1=C1C, G C2=C2L, G L2=L2L" in what["signal names"]["before"]
        assert "15 m off" in what["position"]["after"]


@pytest.mark.usefixtures("report")
def test_the_receivers_own_rules_are_followed_and_recorded(series):
    assert {"G01|L1|C", "G01|L2|L"} == set(stored(series, "rec").sids)
    attributes = dict(open_group(series, "rec").attrs)
    assert (attributes["mapping_version"], attributes["mapping_overrides"]) == (MAPPING_VERSION, "G C2=C2L")
    assert set(ledger(series, "rec")["mapping"].tolist()) == {f"{attributes['mapping']} {MAPPING_VERSION}, G C2=C2L"}


@pytest.mark.usefixtures("report")
def test_the_group_says_what_its_first_file_says(series):
    attributes = dict(open_group(series, "rec").attrs)
    assert attributes["Approximate Position"] == "(X = 4000000.0 m, Y = 600000.0 m, Z = 4500000.0 m)"
    x, y, z = (float(part.split("=")[1].strip().split()[0]) for part in attributes["Approximate Position"].split(","))
    assert [x, y, z] == attributes["approx_position_xyz"] == [4000000.0, 600000.0, 4500000.0]
    assert (attributes["Marker Name"], attributes["rx_clock_offset_applied"]) == ("TEST", 1)
    assert "phase_shifts" not in attributes


@pytest.mark.usefixtures("report")
def test_the_ledger_keeps_each_files_header_and_the_indicators_that_had_no_place(series):
    old, new = row(series, "rec", OLD), row(series, "rec", NEW)
    assert json.loads(old["header"])["position_xyz_m"] == [4000000.0, 600000.0, 4500000.0]
    assert json.loads(new["header"])["position_xyz_m"] == [4000015.0, 600000.0, 4500000.0]
    assert (old["skipped"], old["status"]) == ({"ssi_differs": 2}, "ok")


@pytest.mark.usefixtures("report")
def test_a_later_run_is_held_against_what_the_store_knows(series, caplog):
    later = (header3(position(4000015.0)) + epoch3(0, 1) + WHOLE).replace("2025 01 01", "2025 01 03")
    later = later.replace(f"{'TEST':<60}", f"{'ELSE':<60}")
    write(Path(series.archive.url), {"rec/stat0030.25o": later.encode()})
    with caplog.at_level(logging.WARNING):
        again = run(series)
    assert [change.what for change in again.changes["rec"]] == ["marker"]
    assert "rec: marker changes from TEST to ELSE with rec/stat0030.25o" in caplog.text
