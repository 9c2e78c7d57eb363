"""Runs over archives of which something is not there, or not to be listed."""

import os
import shutil
from collections import Counter

import pytest

from gnssice_batch import Settings, ledger, plan, run
from gnssice_batch.errors import ArchiveError, PlanError
from tests.support.runs import DAY_ONE_S, name, repository, rinex, settings, span_s, write

FILES = {name(DAY_ONE_S + hour * 3600, "01H"): rinex(span_s(DAY_ONE_S + hour * 3600, 1)) for hour in range(4)}


def statuses(report):
    """Return the number of files by what became of them."""
    return Counter(str(outcome.status) for outcomes in report.files.values() for outcome in outcomes)


def with_archive(tmp_path, **changes):
    """Return settings whose archive section has other values."""
    tree = settings(tmp_path).model_dump()
    return Settings.model_validate(tree | {"archive": tree["archive"] | changes})


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", FILES)
    chosen = settings(tmp_path)
    run(chosen)
    return chosen


def test_an_archive_that_is_not_mounted_is_not_up_to_date(chosen, tmp_path):
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    (tmp_path / "archive").mkdir()
    for work in (plan, run):
        with pytest.raises(ArchiveError, match="holds no file: is it mounted"):
            work(chosen)


@pytest.mark.usefixtures("chosen")
def test_a_layout_that_fits_nothing_is_told(tmp_path):
    with pytest.raises(ArchiveError, match="none of them is an observation file of a receiver"):
        plan(with_archive(tmp_path, layout="elsewhere/{receiver}/**"))


def test_files_that_are_gone_are_counted(chosen, tmp_path):
    first = min(FILES)
    (tmp_path / "archive" / first).unlink()
    assert plan(chosen).gone == (first,)
    report = run(chosen)
    assert (report.gone, report.snapshot) == ((first,), None)
    assert report.as_json()["gone_files"] == [first]
    with pytest.raises(ArchiveError, match="lacks 1 of the 4 files"):
        run(with_archive(tmp_path, max_gone_fraction=0.1))


@pytest.mark.usefixtures("chosen")
def test_another_layout_does_not_take_the_archive_again(tmp_path):
    moved = with_archive(tmp_path, layout="auto")
    with pytest.raises(PlanError, match=r"as those of another receiver already .* and 1 more"):
        plan(moved)
    moved = with_archive(tmp_path, layout="auto", take_again=True)
    assert [each.receiver for each in plan(moved).receivers] == ["stat00sim"]


def test_a_receiver_behind_a_link_is_taken(tmp_path):
    write(tmp_path / "disk2", {name.partition("/")[2]: content for name, content in FILES.items()})
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "rec").symlink_to(tmp_path / "disk2")
    chosen = settings(tmp_path)
    assert statuses(run(chosen)) == {"ok": 4}
    assert run(chosen).snapshot is None


def test_a_file_larger_than_it_may_be_is_not_read(tmp_path):
    write(tmp_path / "archive", FILES)
    large = tmp_path / "archive" / name(DAY_ONE_S + 9 * 3600, "01H")
    with large.open("wb") as file:
        file.truncate(5 << 30)
    chosen = settings(tmp_path, run={"max_refused_fraction": 1})
    run(chosen)
    rows = ledger(str(repository(chosen)), "rec").set_index("uri")
    row = rows.loc[name(DAY_ONE_S + 9 * 3600, "01H")]
    assert (row.status, row.reason) == ("rejected", "unpack_limit")
    assert "5,368,709,120 bytes; reader.max_unpacked_bytes allows 1,073,741,824" in row.detail


def test_a_pipe_in_the_archive_is_left_alone(tmp_path):
    write(tmp_path / "archive", FILES)
    os.mkfifo(tmp_path / "archive" / name(DAY_ONE_S + 9 * 3600, "01H"))
    report = run(settings(tmp_path))
    assert report.as_json()["skipped_by_kind"] == {"no_file": 1}


def test_a_name_that_is_no_utf8_is_taken_and_verified(tmp_path):
    write(tmp_path / "archive", FILES)
    first = tmp_path / "archive" / min(FILES)
    shutil.move(first, first.with_name(os.fsdecode(b"caf\xe9.rnx")))
    chosen = settings(tmp_path, run={"verify": "full"})
    report = run(chosen)
    assert statuses(report) == {"ok": 4}
    assert "rec/caf\\xe9.rnx" in set(ledger(str(repository(chosen)), "rec").uri)
    assert run(chosen).snapshot is None


def test_a_plan_without_news_needs_no_workers(tmp_path):
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1))})
    run(settings(tmp_path))
    nobody = {"kind": "address", "address": "tcp://127.0.0.1:9", "connect_timeout_s": 1}
    found = plan(settings(tmp_path, cluster=nobody))
    assert (found.totals.files, found.up_to_date) == (0, 1)
