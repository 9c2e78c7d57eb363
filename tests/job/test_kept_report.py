"""The report that a run keeps in a folder."""

import json
from dataclasses import replace

import pytest

from gnssice_batch.job.kept_report import kept, report_name
from gnssice_batch.job.vod_report import VodReport
from gnssice_batch.storage.folder import Folder

REPORT = VodReport("20250101T000000-abc", "file:///vod", "SNAPSHOT", unreadable={"Zürich.sp3": "cut"})


def test_it_is_kept_under_the_name_of_its_run_and_says_where(tmp_path):
    folder = tmp_path / "reports"
    found = kept(REPORT, Folder(str(folder)))
    assert found.kept_at.endswith("/reports/20250101T000000-abc.json")
    text = (folder / "20250101T000000-abc.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "Zürich.sp3" in text, "names can be searched for as they are"
    assert json.loads(text) == json.loads(json.dumps(found.as_json()))
    assert kept(REPORT, None) is REPORT


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "20250101T000000-abc"),
        ({"snapshot": None, "partitions": 1}, "20250101T000000-abc"),
        ({"snapshot": None}, "20250101T000000"),
    ],
)
def test_one_of_nothing_is_named_by_its_time(changes, name):
    assert report_name(replace(REPORT, **changes)) == f"{name}.json"


def test_where_it_can_t_be_written_the_report_says_nothing_of_a_place(tmp_path, caplog):
    (tmp_path / "reports").write_text("a file")
    assert kept(REPORT, Folder(str(tmp_path / "reports"))) is REPORT
    assert "the report can't be written to" in caplog.text
