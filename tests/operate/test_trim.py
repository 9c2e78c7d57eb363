"""Stretched axes cut back to their data: in one version, without touching a cell, and what readers get by default."""

import json
from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch import open_dataset
from gnssice_batch.cli import main
from gnssice_batch.errors import StoreError
from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.open_runs import abandon
from gnssice_batch.operate.status import store_status
from gnssice_batch.operate.trim import trim
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.layout.arrays import COVERAGE_ATTRIBUTES
from gnssice_batch.store.reading.contents import stored_groups
from gnssice_batch.store.repository import open_existing, open_repository
from gnssice_batch.store.writing.structure import StructureChange, discard_staging, make_structure
from tests.support.marks import most_heavy
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    assert_same,
    check_ledger,
    head,
    ledger,
    messages,
    name,
    open_group,
    repository,
    rinex,
    settings,
    span_s,
    stored,
    write,
)

GROUP = "rec"
HOURS = (5, 9, 30)
UNIT_S = 720 * 30


def hour(number):
    start_s = DAY_ONE_S + 3600 * number
    return {name(start_s, "01H"): rinex(span_s(start_s, 1))}


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", {path: text for number in HOURS for path, text in hour(number).items()})
    chosen = settings(tmp_path)
    run(chosen)
    return chosen


def opened(chosen, **options):
    return open_dataset(str(repository(chosen)), GROUP, **options)


def stretch(chosen, before_days, behind_days):
    """Lengthen the axis as a file of a wrong date did: a structure without a cell, published."""
    store = open_repository(target_of(chosen).location, target_of(chosen).options)
    template = stored_groups(store)[GROUP].template
    grid = template.grid
    day_ns = DAY_S * 10**9
    longer = grid.covering(grid.origin_ns - before_days * day_ns, grid.end_ns + behind_days * day_ns)
    change = StructureChange([replace(template, grid=longer)], "rinex3")
    structure = make_structure(store, store.head(), "staging-old-1-ab", change)
    store.handle.reset_branch("main", store.handle.lookup_branch(structure.branch))
    discard_staging(store, "old")
    return longer


def held(chosen):
    epochs = stored(chosen, GROUP).time_ns
    return epochs.min(), epochs.max()


class TestTrim:
    @pytest.mark.parametrize(("before_days", "behind_days"), most_heavy([(11, 17), (400, 300), (400, 0), (0, 300)]))
    def test_gives_back_what_was_there(self, chosen, before_days, behind_days):
        files, cells, tight = ledger(chosen, GROUP), stored(chosen, GROUP), open_group(chosen, GROUP)
        longer = stretch(chosen, before_days, behind_days)
        stretched = head(chosen)
        report = trim(chosen)
        assert report.snapshot == head(chosen) != stretched
        axis = report.receivers[GROUP]
        assert (axis.before, axis.epochs) == (longer, longer.size - tight["SNR"].shape[0])
        group = open_group(chosen, GROUP)
        for key, array in group.arrays():
            assert array.shape == tight[key].shape
            np.testing.assert_array_equal(array[:], tight[key][:], key)
        assert dict(group.attrs) == dict(tight.attrs)
        assert_same(stored(chosen, GROUP), cells)
        for column, values in ledger(chosen, GROUP).items():
            np.testing.assert_array_equal(values, files[column], column)
        check_ledger(chosen, GROUP)
        assert messages(chosen)[0].startswith(f"axes trimmed to the data: {axis.epochs} epochs of rec")
        assert open_dataset(str(repository(chosen)), GROUP, stretched, trim=False).sizes["epoch"] == longer.size

    @pytest.mark.heavy
    def test_holds_against_the_archive_and_goes_on(self, chosen, tmp_path):
        stretch(chosen, 40, 40)
        trim(chosen)
        report = verify_store(chosen, None)
        assert (report.differences, report.absent, report.proof.files) == (0, (), len(HOURS))
        assert run(chosen).snapshot is None
        write(tmp_path / "archive", hour(6) | hour(80) | hour(-30))
        assert run(chosen).snapshot == head(chosen)
        check_ledger(chosen, GROUP)
        fresh = settings(tmp_path / "fresh", tmp_path / "archive")
        run(fresh)
        assert_same(stored(chosen, GROUP), stored(fresh, GROUP))
        assert not verify_store(chosen, None).differences

    def test_is_nothing_where_nothing_is_too_long(self, chosen):
        before = head(chosen)
        assert trim(chosen).snapshot is None
        assert (head(chosen), trim(chosen).receivers[GROUP].epochs) == (before, 0)

    def test_only_says_so_in_a_dry_run(self, chosen):
        longer, before = stretch(chosen, 40, 0), head(chosen)
        report = trim(chosen, dry_run=True)
        assert (report.snapshot, head(chosen)) == (None, before)
        assert report.receivers[GROUP].epochs >= 40 * DAY_S // 30
        assert opened(chosen, trim=False).sizes["epoch"] == longer.size

    @pytest.mark.heavy
    def test_is_refused_while_a_run_is_open(self, chosen):
        stretch(chosen, 40, 0)
        before = head(chosen)
        record = RunRecord("20250101T000000-aaaaaa", "other", "main", before, "2025-01-01T00:00:00+00:00", "x")
        begin(target_of(chosen).journals, record)
        with pytest.raises(StoreError, match=r"run 20250101T000000-aaaaaa is open .*runs abandon .*nothing was"):
            trim(chosen)
        assert head(chosen) == before
        assert trim(chosen, dry_run=True).receivers[GROUP].epochs
        abandon(chosen, record.run, force=True)
        assert trim(chosen).snapshot == head(chosen)

    def test_keeps_the_coverage_that_an_older_program_has_not(self, chosen):
        forget_coverage(chosen)
        assert trim(chosen).snapshot == head(chosen)
        attributes = open_group(chosen, GROUP).attrs
        assert (attributes["first_epoch_ns"], attributes["last_epoch_ns"]) == held(chosen)

    def test_a_missing_repository(self, tmp_path):
        with pytest.raises(StoreError, match="no repository"):
            trim(settings(tmp_path))

    def test_as_a_command(self, chosen, tmp_path, capsys):
        longer = stretch(chosen, 40, 0)
        config = tmp_path / "settings.yaml"
        config.write_text(chosen.model_dump_json(), encoding="utf-8")
        for dry_run in (["--dry-run"], []):
            with pytest.raises(SystemExit) as ended:
                main(["trim", "-c", str(config), "--json", *dry_run])
            told = json.loads(capsys.readouterr().out)
            assert (ended.value.code, told["dry_run"]) == (0, bool(dry_run))
            assert told["receivers"][GROUP]["epochs_before"] == longer.size
            assert told["receivers"][GROUP]["first_epoch"] == "2025-01-01T05:00:00.000000000"
            assert (told["snapshot"] is None) == bool(dry_run)
        with pytest.raises(SystemExit) as ended:
            main(["trim", "-c", str(config)])
        assert (ended.value.code, "as long as it has to be" in capsys.readouterr().out) == (0, True)


def forget_coverage(chosen):
    session = open_existing(str(repository(chosen))).handle.writable_session("main")
    group = zarr.open_group(session.store, path=GROUP, mode="r+")
    kept = {key: value for key, value in group.attrs.items() if key not in COVERAGE_ATTRIBUTES}
    group.attrs.put(kept)
    session.commit("as an older program left it")


class TestSpanOfTheData:
    @pytest.mark.parametrize("forgotten", [False, True])
    @pytest.mark.parametrize("limit", most_heavy([0, 10**6]))
    def test_is_what_opening_gives(self, chosen, forgotten, limit):
        stretch(chosen, 40, 40)
        if forgotten:
            forget_coverage(chosen)
        dataset, whole = opened(chosen, pandas_limit=limit), opened(chosen, trim=False, pandas_limit=limit)
        assert dataset.attrs["time_coverage_start"] == "2025-01-01T05:00:00.000000000" == str(dataset.epoch.values[0])
        assert dataset.attrs["time_coverage_end"] == "2025-01-02T06:59:30.000000000" == str(dataset.epoch.values[-1])
        assert whole.attrs == dataset.attrs
        assert whole.sizes["epoch"] > 80 * 2880 > dataset.sizes["epoch"] == 26 * 120
        assert (dataset.source_file.values[[0, -1]] >= 0).all()
        assert (whole.source_file.values >= 0).sum() == (dataset.source_file.values >= 0).sum()
        for variable in dataset.data_vars:
            part = whole[variable].sel(epoch=dataset.epoch.values)
            np.testing.assert_array_equal(dataset[variable].values, part.values)

    @pytest.mark.heavy
    def test_is_what_status_resampling_and_means_give(self, chosen):
        stretch(chosen, 40, 40)
        found = store_status(chosen).receivers[0]
        assert (found.span.first_ns, found.span.last_ns) == held(chosen)
        assert (found.possible, found.filled) == (26 * 120, 3 * 120)
        dataset = opened(chosen)
        hourly = dataset.SNR.resample(epoch="1h").count()
        assert hourly.sizes["epoch"] == 26
        assert str(hourly.epoch.values[0]) == "2025-01-01T05:00:00.000000000"
        assert dataset.SNR.notnull().any("sid").mean().values == pytest.approx(found.filled / found.possible)
        assert dataset.SNR.mean().values == pytest.approx(float(opened(chosen, trim=False).SNR.mean()))

    def test_grows_with_what_runs_write_and_only_with_that(self, chosen, tmp_path):
        write(tmp_path / "archive", hour(50) | {name(DAY_ONE_S + 9 * DAY_S): b"", **hour(7)})
        run(chosen)
        assert str(opened(chosen).epoch.values[-1]) == "2025-01-03T02:59:30.000000000"
        write(tmp_path / "archive", hour(-20))
        run(chosen)
        dataset = opened(chosen)
        assert str(dataset.epoch.values[0]) == "2024-12-31T04:00:00.000000000"
        attributes = open_group(chosen, GROUP).attrs
        assert (attributes["first_epoch_ns"], attributes["last_epoch_ns"]) == held(chosen)

    @pytest.mark.heavy
    def test_two_receivers_of_other_lengths_are_subtracted(self, chosen, tmp_path):
        path = name(DAY_ONE_S).replace("rec/", "other/")
        write(tmp_path / "archive", {path: rinex(span_s(DAY_ONE_S, 48))})
        run(chosen)
        for limits in ((0, 10**6), (10**6, 0), (0, 0), (10**6, 10**6)):
            one, other = (
                open_dataset(str(repository(chosen)), group, pandas_limit=limit)
                for group, limit in zip((GROUP, "other"), limits, strict=True)
            )
            difference = (one.SNR - other.SNR).load()
            assert difference.sizes["epoch"] == 26 * 120
            assert set(np.unique(difference.values[np.isfinite(difference.values)])) == {0.0}
            merged = one[["SNR"]].merge(other[["SNR"]].rename(SNR="theirs"), join="outer", compat="override")
            assert merged.sizes["epoch"] == 48 * 120
