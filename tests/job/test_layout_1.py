"""A store of layout 1, whose ledger has an array for each column, is read, gone on with and migrated by that."""

import icechunk
import pytest
import zarr

from gnssice_batch.job import coordinator
from gnssice_batch.job.preview import preview
from gnssice_batch.job.run import run
from gnssice_batch.operate.quarantine import refused
from gnssice_batch.operate.status import store_status
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.layout.arrays import COVERAGE_ATTRIBUTES
from tests.support.older_layout import put_back_stored
from tests.support.published import FILES, GROUP, ingested
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    assert_same,
    check_ledger,
    head,
    ledger,
    name,
    open_group,
    repository,
    rinex,
    settings,
    span_s,
    stored,
    write,
)

BAD = {name(DAY_ONE_S + 3 * DAY_S, "01H"): b"rubbish"}
NEWS = {name(DAY_ONE_S + 4 * 3600, "02H"): rinex(span_s(DAY_ONE_S + 4 * 3600, 4), svs=("G01", "G02", "E05"), salt=2)}


BEFORE = {name(DAY_ONE_S - 2 * DAY_S, "02H"): rinex(span_s(DAY_ONE_S - 2 * DAY_S, 2))}


@pytest.fixture
def older(tmp_path):
    chosen, _ = ingested(tmp_path, FILES | BAD, run={"max_refused_fraction": 1})
    put_back_stored(chosen, GROUP)
    return chosen


def test_it_is_read_as_it_is(older):
    assert open_group(older, GROUP).attrs["layout_version"] == 1
    before = head(older)
    assert store_status(older).receivers[0].files == {"ok": 3, "partial": 0, "rejected": 1}
    assert [file.reason for file in refused(older)] == ["not_rinex"]
    assert verify_store(older, None).agrees
    assert preview(older).totals.partitions == 0
    assert run(older).snapshot is None
    assert head(older) == before


@pytest.mark.heavy
def test_a_run_goes_on_with_it(older, tmp_path):
    write(tmp_path / "archive", NEWS)
    run(older)
    assert open_group(older, GROUP).attrs["layout_version"] == 2
    assert len(ledger(older, GROUP)["uri"]) == 5
    check_ledger(older, GROUP)
    assert verify_store(older, None).agrees
    other, _ = ingested(tmp_path / "other", FILES | BAD, run={"max_refused_fraction": 1})
    write(tmp_path / "other" / "archive", NEWS)
    run(other)
    assert_same(stored(older, GROUP), stored(other, GROUP))
    for column in ("uri", "status", "reason", "refused", "epochs_written", "observations_written", "header"):
        assert ledger(older, GROUP)[column].tolist() == ledger(other, GROUP)[column].tolist(), column


@pytest.mark.heavy
def test_two_runs_go_on_with_it_at_once(older, tmp_path, monkeypatch):
    """The second finds it migrated when it has its own work done, and publishes on that."""
    rival = settings(tmp_path, tmp_path / "rival", run={"max_refused_fraction": 1})
    write(tmp_path / "rival", {name(DAY_ONE_S + 10 * DAY_S, "01H"): rinex(span_s(DAY_ONE_S + 10 * DAY_S, 1))})
    write(tmp_path / "archive", NEWS)
    publish, theirs = coordinator.publish, []

    def after_theirs(*arguments):
        if not theirs:
            theirs.append(None)
            theirs.append(run(rival).snapshot)
        return publish(*arguments)

    monkeypatch.setattr(coordinator, "publish", after_theirs)
    run(older)
    assert theirs[1]
    assert len(ledger(older, GROUP)["uri"]) == 6
    check_ledger(older, GROUP)
    assert open_group(older, GROUP).attrs["layout_version"] == 2


@pytest.mark.heavy
def test_its_axis_begins_earlier_in_the_same_run(older, tmp_path):
    write(tmp_path / "archive", BEFORE)
    run(older)
    check_ledger(older, GROUP)
    assert verify_store(older, None).agrees
    other, _ = ingested(tmp_path / "other", FILES | BAD | BEFORE, run={"max_refused_fraction": 1})
    one, both = stored(older, GROUP), stored(other, GROUP)
    assert one.time_ns.tolist() == both.time_ns.tolist()
    assert one.uri == both.uri


def test_a_group_that_does_not_say_its_coverage_keeps_what_it_has(tmp_path):
    """Older programs said none: it is searched when the group gets more."""
    chosen, _ = ingested(tmp_path, FILES)
    handle = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    before = dict(open_group(chosen, GROUP).attrs)
    session = handle.writable_session("main")
    group = zarr.open_group(session.store, path=GROUP, mode="r+")
    group.attrs.put({name: value for name, value in before.items() if name not in COVERAGE_ATTRIBUTES})
    session.commit("as older programs left it")
    write(tmp_path / "archive", NEWS)
    run(chosen)
    after = open_group(chosen, GROUP).attrs
    assert after["first_epoch_ns"] == before["first_epoch_ns"]
    assert after["last_epoch_ns"] >= before["last_epoch_ns"]
    assert stored(chosen, GROUP).time_ns[[0, -1]].tolist() == [after["first_epoch_ns"], after["last_epoch_ns"]]
