"""Cases in which a run could not end, a wrong value could be proven right, or a right one wrong."""

import io
import zipfile

import numpy as np
import pytest

from gnssice_batch.config import Settings
from gnssice_batch.errors import StoreError
from gnssice_batch.ingest import partition
from gnssice_batch.job import rounds
from gnssice_batch.job.run import run
from gnssice_batch.operate.verification import verify_store
from tests.support.runs import (
    CODES,
    DAY_ONE_S,
    DAY_S,
    check_ledger,
    name,
    open_group,
    rinex,
    row,
    settings,
    span_s,
    stored,
    write,
)
from tests.support.samples import epoch2, field, header2

LONG_AGO_S = DAY_ONE_S - 600 * DAY_S


def day(number, **content):
    """A file of a day at one hour, named after it."""
    start_s = DAY_ONE_S + number * DAY_S
    return {name(start_s): rinex(span_s(start_s, 24, 3600), **content)}


def liar(number, start_s, step_s=3600, **content):
    """A file that is named after a day and holds another."""
    return {name(DAY_ONE_S + number * DAY_S): rinex(span_s(start_s, 24, step_s), **content)}


def site(folder, files, **sections):
    """Settings of a site with grid epochs of an hour and write units of a day."""
    sections = {"grid": {"interval_s": 3600}, "chunks": {"epoch": 24}, "run": {"sample_files": 2}} | sections
    of_archive = sections.pop("archive", {})
    base = settings(folder, write(folder / "archive", files), **sections).model_dump()
    return Settings.model_validate(base | {"archive": base["archive"] | of_archive})


class Killed(Exception):  # noqa: N818 - it stands for the end of a process
    """The end of a process."""


def days(*numbers):
    return {uri: content for number in numbers for uri, content in day(number).items()}


@pytest.mark.parametrize("start_s", [LONG_AGO_S, DAY_ONE_S + 3 * DAY_S], ids=["implausible", "of another day"])
def test_a_run_killed_before_it_plans_again_goes_on(tmp_path, monkeypatch, start_s):
    chosen = site(tmp_path, days(0, 1, 3, 4) | liar(2, start_s, salt=1))

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(rounds, "plan_all", killed)
        with pytest.raises(Killed):
            run(chosen)
    assert run(chosen).resumed
    check_ledger(chosen, "rec")
    assert verify_store(chosen, None).agrees


def test_an_implausible_file_beside_an_unknown_signal(tmp_path):
    files = days(0, 1, 3, 4) | liar(2, LONG_AGO_S, svs=("G01", "E11"))
    chosen = site(tmp_path, files)
    run(chosen)
    assert row(chosen, "rec", next(iter(liar(2, LONG_AGO_S))))["reason"] == "implausible_date"
    check_ledger(chosen, "rec")


def test_a_rejected_file_does_not_stretch_the_axis(tmp_path):
    fast = liar(2, DAY_ONE_S + 30 * DAY_S, step_s=600)
    chosen = site(tmp_path, days(0, 1, 3, 4) | fast)
    run(chosen)
    assert row(chosen, "rec", next(iter(fast)))["reason"] == "faster_than_grid"
    assert open_group(chosen, "rec")["epoch"].shape == (5 * 24,)


@pytest.mark.parametrize("level", ["units", "full"])
def test_a_system_without_any_signal_is_verified_like_others(tmp_path, level):
    content = header2(types="     2    P1    P2", version="2.11", system="M") + "".join(
        epoch2(second, "G01E05") + (field(21000000.123) + field(21000001.123) + "\n") * 2 for second in (0, 30)
    )
    archive = write(tmp_path / "archive", {"rec/stat0010.25o": content.encode()})
    chosen = settings(tmp_path, archive, run={"verify": level})
    run(chosen)
    assert verify_store(chosen, None).agrees


def test_signals_that_a_join_erases_are_found_by_the_proof(tmp_path, monkeypatch):
    chosen = settings(tmp_path, write(tmp_path / "archive", {name(DAY_ONE_S, "06H"): rinex(span_s(DAY_ONE_S, 6))}))
    run(chosen)
    standing = partition.standing

    def erasing(*arguments):
        its = standing(*arguments)
        its.erased[:] = True
        its.erased[its.source - its.lowest] = False
        return its

    start_s = DAY_ONE_S + 3 * 3600
    write(tmp_path / "archive", {name(start_s, "03H"): rinex(span_s(start_s, 3), svs=("E05",))})
    with monkeypatch.context() as patch:
        patch.setattr(partition, "standing", erasing)
        with pytest.raises(StoreError, match="has lost signals of an earlier file"):
            run(settings(tmp_path, tmp_path / "archive", run={"verify": "full"}))
    assert run(settings(tmp_path, tmp_path / "archive", run={"verify": "full"})).snapshot
    assert np.isfinite(stored(chosen, "rec").arrays["Phase"]).sum() == 720 * 3 + 360


@pytest.mark.parametrize(("other", "epochs"), [(12345, 12), (54321, 12)])
def test_picoseconds_of_members_that_are_joined(tmp_path, other, epochs):
    packed = io.BytesIO()
    times = span_s(DAY_ONE_S, 0.1)
    with zipfile.ZipFile(packed, "w") as archive:
        for sv, picoseconds in (("G01", 12345), ("E05", other)):
            lines = rinex(times, (sv,), version="4.02").decode().split("\n")
            told = [f"{line:57}{picoseconds:5d}" if line.startswith(">") else line for line in lines]
            archive.writestr(f"{sv}.rnx", "\n".join(told))
    files = {name(DAY_ONE_S).replace(".rnx", ".rnx.zip"): packed.getvalue()}
    chosen = settings(tmp_path, write(tmp_path / "archive", files), run={"verify": "full"})
    run(chosen)
    found = stored(chosen, "rec")
    assert found.time_ns.size == epochs
    assert set(found.offset.tolist()) == {1.2345e-08}
    assert ("E05|E1|C" in found.sids) == (other == 12345)
    assert verify_store(chosen, None).agrees


def test_refused_files_do_not_vote_for_the_marker(tmp_path):
    bad = {uri: rinex(span_s(DAY_ONE_S - 9000 * DAY_S, 24, 3600), marker="AAAA") for uri in days(0, 1, 2)}
    chosen = site(
        tmp_path,
        bad | day(3, marker="BBBB") | day(4, marker="BBBB"),
        grid={"interval_s": 3600, "earliest": "2020-01-01"},
        archive={"one_marker": True},
        run={"sample_files": 8},
    )
    run(chosen)
    assert stored(chosen, "rec").time_ns.size == 48


def test_verify_knows_the_wanted_marker(tmp_path):
    start_s = DAY_ONE_S + 12 * 3600
    two = rinex(span_s(start_s, 3), marker="AAAA", salt=5) + rinex(span_s(start_s, 3), marker="BBBB")
    files = {name(DAY_ONE_S, "06H"): rinex(span_s(DAY_ONE_S, 6), marker="BBBB", codes=CODES), name(start_s, "06H"): two}
    files[name(DAY_ONE_S + 6 * 3600, "06H")] = rinex(span_s(DAY_ONE_S + 6 * 3600, 6), marker="BBBB")
    archive = write(tmp_path / "archive", files)
    base = settings(tmp_path, archive).model_dump()
    chosen = Settings.model_validate(base | {"archive": base["archive"] | {"one_marker": True}})
    run(chosen)
    report = verify_store(chosen, None)
    assert report.agrees, report.first
