"""Repair: damaged and differing write units made again from the archive, in one commit, and nothing else touched."""

import os

import numpy as np
import pytest

from gnssice_batch.errors import ArchiveError
from gnssice_batch.job.preview import preview
from gnssice_batch.job.run import run
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.operate.integrity import scan_store
from gnssice_batch.operate.open_runs import open_runs
from gnssice_batch.operate.repair import Wanted, plan_repair, repair
from gnssice_batch.operate.status import store_status
from gnssice_batch.operate.verification import verify_store
from tests.failures.small import (
    Hook,
    Interrupt,
    check_as_in_one_run,
    hourly,
    interrupt,
    journal_files,
    other_group,
    site,
)
from tests.support.damage import KINDS, chunks, everything, spoil
from tests.support.marks import most_heavy
from tests.support.published import change
from tests.support.runs import DAY_ONE_S, head, ledger, messages, name, open_group, rinex, row, span_s, write

GROUP = "rec"
LONG = name(DAY_ONE_S + 5 * 3600, "03H")
"""Crosses the border of two write units, and is joined with the hourly files of both."""
FILES = {
    **hourly(0, 5, 6, 12),
    LONG: rinex(span_s(DAY_ONE_S + 5 * 3600, 3), svs=("G01", "E04", "R03"), salt=1),
    name(DAY_ONE_S + 3600, "01H"): rinex(span_s(DAY_ONE_S + 3600, 1), svs=("G01",), flags={7: 1}),
}
COUNTS = ("epochs_read", "epochs_written")
MORE = hourly(2, 8, 13)
"""A file for each write unit."""


@pytest.fixture
def chosen(tmp_path):
    """Settings of a store of three write units, with files that cross their borders and files that are joined."""
    settings = site(tmp_path, FILES)
    run(settings)
    return settings


def mended(chosen, **wanted):
    """Plan a repair and do it."""
    plan = plan_repair(chosen, Wanted(**wanted))
    return plan, repair(chosen, plan)


@pytest.mark.parametrize("number", most_heavy([0, 5, *range(1, 5), *range(6, 12)], 2))
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_listed_then_named_then_mended(tmp_path, chosen, kind, number, caplog):
    path = chunks(chosen)[number]
    spoil(path, kind)
    before, kept = head(chosen), everything(chosen)

    (found,) = scan_store(chosen).damaged
    report = verify_store(chosen, None)
    assert not report.agrees
    assert {(each.damage.receiver, each.damage.array, each.damage.unit) for each in report.damaged} == {
        (GROUP, found.damage.array, found.damage.unit)
    }
    assert set(found.files) >= {file for each in report.damaged for file in each.files} > set()
    assert report.differences == 0
    assert "a chunk" in found.damage.why

    write(tmp_path / "archive", MORE)
    with pytest.raises(DamagedError) as ended:
        run(chosen)
    assert f"{GROUP} " in str(ended.value)
    assert f"(write unit {found.damage.unit}): a chunk" in str(ended.value)
    assert "gnssice-batch repair" in str(ended.value)
    assert ended.value.exit_code == 5
    assert not [record for record in caplog.records if "attempt" in record.message or "asked again" in record.message]
    assert head(chosen) == before

    plan, outcome = mended(chosen)
    assert [one.unit for one in plan.units] == [found.damage.unit]
    assert outcome.snapshot == head(chosen) != before
    assert len(outcome.files[GROUP]) == plan.files[GROUP]
    now = everything(chosen)
    assert all(now[name] == content for name, content in kept.items() if name.startswith(("chunks/", "manifests/")))
    run(chosen)
    assert verify_store(chosen, None).agrees
    assert scan_store(chosen).damaged == ()
    check_as_in_one_run(tmp_path, chosen, FILES | MORE)


def test_the_older_version_stays_as_it_was(tmp_path, chosen):
    first = head(chosen)
    spoil(chunks(chosen)[0], "missing")
    before = everything(chosen)
    _, outcome = mended(chosen)
    now = everything(chosen)
    assert all(now[name] == content for name, content in before.items() if name.startswith(("chunks/", "snapshots/")))
    assert len(messages(chosen)) == 2
    old, new = (open_group(chosen, GROUP, snapshot=snapshot) for snapshot in (first, outcome.snapshot))
    for array in ("SSI", "LLI", "epoch_flag"):
        np.testing.assert_array_equal(old[array][:], new[array][:])
    check_as_in_one_run(tmp_path, chosen, FILES)


def test_a_dry_run_changes_nothing(chosen):
    spoil(chunks(chosen)[0], "flipped")
    before = everything(chosen)
    plan = plan_repair(chosen, Wanted())
    assert [(one.receiver, one.reasons) for one in plan.units] == [(GROUP, ("damaged",))]
    assert everything(chosen) == before
    assert plan.files[GROUP] == len(plan.damaged[0].files)


def test_a_store_without_damage_is_left_alone(chosen):
    before = everything(chosen)
    plan = plan_repair(chosen, Wanted(differing=True, older_reader=True))
    assert (plan.units, plan.damaged, plan.not_mendable) == ((), (), ())
    assert everything(chosen) == before
    assert scan_store(chosen).chunks > 12


def test_everything_may_be_damaged(tmp_path, chosen):
    for path in chunks(chosen):
        spoil(path, "missing")
    plan, _ = mended(chosen)
    assert [one.unit for one in plan.units] == [0, 1, 2]
    assert verify_store(chosen, None).agrees
    check_as_in_one_run(tmp_path, chosen, FILES)


@pytest.mark.parametrize("overlap", ["append", "skip", "overwrite"])
def test_any_overlap_rule(tmp_path, overlap):
    chosen = site(tmp_path, FILES, run={"overlap": overlap})
    run(chosen)
    spoil(chunks(chosen)[0], "missing")
    mended(chosen)
    check_as_in_one_run(tmp_path, chosen, FILES)


@pytest.mark.heavy
@pytest.mark.parametrize("sections", [{"encoding": {"profile": "compact"}}, {"run": {"partition_units": 2}}])
def test_any_profile_proven(tmp_path, sections):
    sections = {**sections, "run": {"verify": "full", **sections.get("run", {})}}
    chosen = site(tmp_path, FILES, **sections)
    run(chosen)
    for path in chunks(chosen):
        spoil(path, "truncated")
    _, outcome = mended(chosen)
    assert outcome.proof.level == "full"
    check_as_in_one_run(tmp_path, chosen, FILES)


@pytest.mark.parametrize("units", [None, 1])
def test_what_a_file_gives_beside_the_unit_stays_of_its_older_row(tmp_path, units):
    chosen = site(tmp_path, FILES, run={"partition_units": units, "verify": "full"})
    run(chosen)
    change(chosen, "Phase", (0, 0), 1.0)
    plan, outcome = mended(chosen, differing=True)
    assert [(one.unit, one.reasons) for one in plan.units] == [(0, ("differs from the archive",))]
    rows = np.flatnonzero(ledger(chosen, GROUP)["uri"] == LONG)
    older, newer = ({key: int(ledger(chosen, GROUP)[key][at]) for key in COUNTS} for at in rows)
    assert older["epochs_read"] == newer["epochs_read"] == 360
    assert older["epochs_written"] == 240
    assert newer["epochs_written"] == 120
    assert row(chosen, GROUP, LONG)["refused"]["duplicate_content"][0] == 240
    assert LONG in {each.file.uri for each in outcome.files[GROUP]}
    assert verify_store(chosen, None).agrees
    check_as_in_one_run(tmp_path, chosen, FILES)


class TestFilesThatAreNotThereAnyMore:
    def test_a_file_that_is_gone(self, tmp_path, chosen):
        spoil(chunks(chosen)[0], "missing")
        plan = plan_repair(chosen, Wanted())
        uri = plan.damaged[0].files[0]
        (tmp_path / "archive" / uri).unlink()
        before = head(chosen)
        plan = plan_repair(chosen, Wanted())
        assert (plan.gone, plan.changed) == ((uri,), ())
        with pytest.raises(ArchiveError, match=f"lacks 1 file .*{uri}.*--accept-loss"):
            repair(chosen, plan)
        assert head(chosen) == before
        assert repair(chosen, plan, accept_loss=True).snapshot
        assert verify_store(chosen, None).agrees
        check_as_in_one_run(tmp_path, chosen, {name: text for name, text in FILES.items() if name != uri})

    def test_a_file_that_has_changed_is_left_to_the_next_run(self, tmp_path, chosen):
        spoil(chunks(chosen)[0], "missing")
        uri = plan_repair(chosen, Wanted()).damaged[0].files[0]
        changed = {uri: FILES[uri].replace(b" 7", b" 6")}
        write(tmp_path / "archive", changed)
        plan = plan_repair(chosen, Wanted())
        assert (plan.gone, plan.changed) == ((), (uri,))
        with pytest.raises(ArchiveError, match=f"other content now of 1 file .*{uri}"):
            repair(chosen, plan)
        repair(chosen, plan, accept_loss=True)
        run(chosen)
        assert verify_store(chosen, None).agrees
        check_as_in_one_run(tmp_path, chosen, FILES | changed)

    def test_a_copy_under_another_name_gives_it(self, tmp_path):
        twice = FILES | {"rec/again.rnx": FILES[LONG]}
        chosen = site(tmp_path, twice)
        run(chosen)
        holder = max((LONG, "rec/again.rnx"), key=lambda uri: row(chosen, GROUP, uri)["epochs_written"])
        (tmp_path / "archive" / holder).unlink()
        for path in chunks(chosen):
            spoil(path, "missing")
        plan, _ = mended(chosen)
        assert (plan.gone, plan.changed) == ((), ())
        assert verify_store(chosen, None).agrees

    def test_content_that_the_listing_does_not_tell_from_the_former(self, tmp_path, chosen):
        spoil(chunks(chosen)[0], "missing")
        uri = plan_repair(chosen, Wanted()).damaged[0].files[0]
        path = tmp_path / "archive" / uri
        times = path.stat()
        path.write_bytes(FILES[uri].replace(b" 7", b" 6"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        before, plan = head(chosen), plan_repair(chosen, Wanted())
        assert (plan.gone, plan.changed) == ((), ())
        with pytest.raises(ArchiveError, match=f"{uri}: has other content than when it was taken"):
            repair(chosen, plan)
        assert head(chosen) == before

    def test_files_that_were_only_touched_are_the_same(self, tmp_path, chosen):
        spoil(chunks(chosen)[0], "missing")
        for uri in FILES:
            os.utime(tmp_path / "archive" / uri, (10**9, 10**9))
        plan, report = mended(chosen)
        assert (plan.gone, plan.changed, plan.not_mendable) == ((), (), ())
        assert report.snapshot
        assert verify_store(chosen, None).agrees
        check_as_in_one_run(tmp_path, chosen, FILES)

    @pytest.mark.parametrize(
        "narrower",
        [{"grid": {"interval_s": 30, "phase_s": 0, "latest": "2024-12-01"}}, {"reader": {"max_unpacked_bytes": 9}}],
    )
    def test_files_that_are_rejected_now_are_not_lost(self, chosen, narrower):
        spoil(chunks(chosen)[0], "missing")
        before = head(chosen)
        other = type(chosen).model_validate({**chosen.model_dump(), **narrower})
        with pytest.raises(ArchiveError, match=r"could not be had again .*nothing was published"):
            mended(other)
        assert head(chosen) == before

    def test_what_stops_a_run_stops_no_repair(self, tmp_path, chosen):
        """Files are gone that no damaged unit holds anything of."""
        write(tmp_path / "archive", other_group(MORE))
        run(chosen)
        for uri in other_group(MORE):
            (tmp_path / "archive" / uri).unlink()
        spoil(chunks(chosen)[0], "missing")
        archive = chosen.archive.model_copy(update={"max_gone_fraction": 0.01})
        plan, report = mended(chosen.model_copy(update={"archive": archive}))
        assert len(plan.units) == 1
        assert report.snapshot

    def test_a_receiver_without_any_file(self, tmp_path, chosen):
        spoil(chunks(chosen)[0], "missing")
        for uri in FILES:
            (tmp_path / "archive" / uri).unlink()
        write(tmp_path / "archive", other_group(MORE))
        plan = plan_repair(chosen, Wanted())
        assert plan.units == ()
        assert plan.not_mendable == (f"{GROUP}: the archive has no file of these write units any more",)


class TestTheReader:
    def test_files_of_an_older_reader_are_read_again(self, tmp_path):
        chosen = site(tmp_path, FILES, reader={"decoder": "hatanaka"})
        run(chosen)
        chosen = site(tmp_path, MORE)
        run(chosen)
        older = {one.receiver: one.older_reader for one in store_status(chosen).receivers}
        assert older == {GROUP: len(FILES)}
        assert preview(chosen).older_reader == len(FILES)
        plan, _ = mended(chosen, older_reader=True)
        assert {one.reasons for one in plan.units} == {("read by an older reader",)}
        assert [one.older_reader for one in store_status(chosen).receivers] == [0]
        assert preview(chosen).older_reader == 0
        check_as_in_one_run(tmp_path, chosen, FILES | MORE)

    def test_what_it_alone_has_read_does_not_stay(self, tmp_path, chosen):
        """A value that the store has and the present reader does not give, of a file that has not changed."""
        change(chosen, "Pseudorange", (10, 3), 2e7)
        change(chosen, "source_file", 700, 0)
        chosen = site(tmp_path, {}, reader={"decoder": "hatanaka"})
        mended(chosen, older_reader=True)
        check_as_in_one_run(tmp_path, chosen, FILES)


class TestARunOfItsOwn:
    def test_one_that_died_is_gone_on_with(self, tmp_path):
        chosen = site(tmp_path, FILES, run={"partition_units": 1})
        run(chosen)
        for path in chunks(chosen):
            spoil(path, "missing")
        plan = plan_repair(chosen, Wanted())
        with pytest.raises(Interrupt):
            run(chosen, Hook("ingest", interrupt, 2), plan.rewrite)
        assert journal_files(chosen)
        (left,) = open_runs(chosen)
        assert left.goes_on_with == "repair"
        again = Hook()
        report = repair(chosen, plan_repair(chosen, Wanted()), again)
        assert report.resumed > 0
        assert len(again.ingested) + report.resumed == 3
        check_as_in_one_run(tmp_path, chosen, FILES)

    def test_another_run_publishes_meanwhile(self, tmp_path, chosen):
        spoil(chunks(chosen)[0], "missing")
        plan = plan_repair(chosen, Wanted())
        unit = plan.units[0].unit
        more = hourly((unit + 1) * 6 + 3)

        def publish():
            write(tmp_path / "archive", more)
            run(chosen)

        repair(chosen, plan, Hook("ingest", publish))
        assert len(messages(chosen)) == 3
        check_as_in_one_run(tmp_path, chosen, FILES | more)


class TestWhatNoFileGives:
    @pytest.fixture
    def beside(self, tmp_path):
        """A store whose every chunk is an object; what spoils the one of an array that has but one."""
        chosen = site(tmp_path, FILES, icechunk={"inline_threshold": 0})
        run(chosen)

        def lose(array, unit=None):
            for path in chunks(chosen):
                whole = spoil(path, "missing")
                if [(each.damage.array, each.damage.unit) for each in scan_store(chosen).damaged] == [(array, unit)]:
                    return
                path.write_bytes(whole)

        return chosen, lose

    @pytest.mark.heavy
    def test_signal_names(self, beside, tmp_path):
        chosen, lose = beside
        lose("sid")
        (damaged,) = verify_store(chosen, None).damaged
        assert str(damaged.damage) == f"{GROUP} sid: a chunk is missing"
        plan = plan_repair(chosen, Wanted())
        assert (plan.units, plan.not_mendable) == ((), (f"{GROUP} sid: a chunk is missing; no file gives it",))
        write(tmp_path / "archive", MORE)
        with pytest.raises(DamagedError, match="an earlier version may still have it"):
            run(chosen)

    @pytest.mark.heavy
    @pytest.mark.parametrize("unit", [0, 1, 2])
    def test_what_a_run_does_not_need_hinders_no_repair(self, beside, unit):
        chosen, lose = beside
        lose("epoch", unit)
        spoil(chunks(chosen)[0], "missing")
        plan, _ = mended(chosen)
        assert len(plan.units) == len(plan.not_mendable) == 1
        assert [each.damage.array for each in scan_store(chosen).damaged] == ["epoch"]
