"""A store that many small runs write to is kept small: readers see the same, open runs and named versions stay."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch import open_dataset
from gnssice_batch.cli import main
from gnssice_batch.config import Maintain
from gnssice_batch.errors import StoreError
from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.maintenance import maintain
from gnssice_batch.operate.open_runs import open_runs
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.versions import versions
from gnssice_batch.store.writing.garbage import COPIES_KEPT, collect
from tests.support.runs import (
    DAY_ONE_S,
    check_ledger,
    head,
    ledger,
    messages,
    name,
    repository,
    rinex,
    settings,
    span_s,
    write,
)

GROUP = "rec"
ALL = Maintain(keep_days=0, garbage_days=0)
SCATTERED = {"epoch": 1, "file": 1}


class Stop(BaseException):
    """What ends a run in the middle."""


class Stopping(NoProgress):
    """Fails when a partition is done."""

    def stage(self, name, tasks):  # noqa: ARG002 - the coordinator gives it
        self.ingesting = name.startswith("ingest")

    def finished(self, key, size_bytes):  # noqa: ARG002 - the coordinator gives them
        if self.ingesting:
            raise Stop


def hours(*wanted, salt=0):
    return {
        name(start_s, "01H"): rinex(span_s(start_s, 1), salt=salt)
        for start_s in (DAY_ONE_S + 3600 * hour for hour in wanted)
    }


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", hours(0, 7, 13, 20))
    chosen = settings(tmp_path, maintain=ALL.model_dump())
    run(chosen)
    return chosen


def opened(chosen):
    return open_repository(target_of(chosen).location)


def scatter(chosen):
    """Write the manifests as a program does that makes one for each chunk."""
    handle = opened(chosen).handle
    configuration = handle.config
    named = icechunk.ManifestSplitDimCondition.DimensionName
    lengths = {named(dimension): length for dimension, length in SCATTERED.items()}
    splitting = {icechunk.ManifestSplitCondition.AnyArray(): lengths}
    configuration.manifest = icechunk.ManifestConfig(splitting=icechunk.ManifestSplittingConfig.from_dict(splitting))
    handle.reopen(config=configuration).rewrite_manifests("scattered", branch="main")


def cells(chosen, snapshot=None):
    """Every array below the root, whole."""
    handle = opened(chosen).handle
    at = {"snapshot_id": snapshot} if snapshot else {"branch": "main"}
    root = zarr.open_group(handle.readonly_session(**at).store, mode="r")
    arrays = {path: node for path, node in root.members(max_depth=None) if isinstance(node, zarr.Array)}
    return {path: np.asarray(array[...]) for path, array in arrays.items()}, root.attrs.asdict()


def assert_equal(one, other):
    (cells_one, attributes_one), (cells_other, attributes_other) = one, other
    assert cells_one.keys() == cells_other.keys()
    assert attributes_one == attributes_other
    for path, values in cells_one.items():
        np.testing.assert_array_equal(values, cells_other[path], path)


def everything(chosen):
    return {path: path.stat().st_size for path in repository(chosen).rglob("*") if path.is_file()}


def copies(chosen):
    return {path.name for path in (repository(chosen) / "overwritten").iterdir()}


def test_scattered_manifests_are_joined_in_one_version_that_readers_do_not_notice(chosen):
    scatter(chosen)
    before, rows = cells(chosen), ledger(chosen, GROUP)
    kept = chosen.model_copy(update={"maintain": Maintain(keep_days=None, garbage_days=0)})
    told = maintain(kept, dry_run=True)
    assert (told.snapshot, told.manifests.scattered) == (None, True)
    assert len(messages(chosen)) == 2
    done = maintain(kept)
    assert done.manifests == told.manifests
    assert (done.snapshot, len(messages(chosen)), done.collected.expired) == (head(chosen), 3, 0)
    assert len(opened(chosen).handle.list_manifest_files(head(chosen))) == done.manifests.needed
    assert_equal(cells(chosen), before)
    after = ledger(chosen, GROUP)
    assert all(after[column].tolist() == values.tolist() for column, values in rows.items())
    check_ledger(chosen, GROUP)
    again = maintain(kept)
    assert (again.snapshot, again.manifests.found) == (None, again.manifests.needed)


def test_a_dry_run_changes_nothing_and_counts_what_is_done_then(chosen, tmp_path):
    write(tmp_path / "archive", hours(1, 8, salt=1))
    run(chosen)
    before = everything(chosen)
    told = maintain(chosen, dry_run=True)
    assert everything(chosen) == before
    done = maintain(chosen)
    assert done == told
    collected = done.collected
    assert (collected.expired, collected.chunks > 0, collected.copies > 0) == (1, True, True)
    assert len(messages(chosen)) == 1
    assert verify_store(chosen, None).agrees


def test_without_keep_days_every_version_stays(chosen, tmp_path):
    first = head(chosen)
    before = cells(chosen)
    write(tmp_path / "archive", hours(1))
    run(chosen)
    done = maintain(chosen.model_copy(update={"maintain": Maintain(garbage_days=0)}))
    assert (done.collected.expired, len(messages(chosen))) == (0, 2)
    assert_equal(cells(chosen, first), before)


def test_tagged_versions_and_heads_of_branches_stay(chosen, tmp_path):
    handle = opened(chosen).handle
    tagged, before = head(chosen), cells(chosen)
    handle.create_tag("paper", tagged)
    write(tmp_path / "archive", hours(1))
    run(chosen)
    branched, there = head(chosen), cells(chosen)
    handle.create_branch("other", branched)
    scatter(chosen)
    maintain(chosen)
    assert_equal(cells(chosen, tagged), before)
    assert_equal(cells(chosen, branched), there)


def test_young_versions_and_young_garbage_stay(chosen, tmp_path):
    write(tmp_path / "archive", hours(1))
    run(chosen)
    done = maintain(chosen.model_copy(update={"maintain": Maintain(keep_days=1, garbage_days=1)})).collected
    assert (done.expired, done.snapshots, done.manifests, done.chunks, done.copies) == (0, 0, 0, 0, 0)


def interrupted(chosen):
    with pytest.raises(Stop):
        run(chosen, Stopping())
    return open_runs(chosen)[0].run


def test_what_an_open_run_needs_is_not_taken_and_nothing_is_joined(chosen, tmp_path):
    scatter(chosen)
    write(tmp_path / "archive", hours(31, 40))
    name_of_run = interrupted(chosen)
    before = everything(chosen)
    with pytest.raises(StoreError, match=f"run {name_of_run} is open since"):
        maintain(chosen)
    assert everything(chosen) == before
    assert run(chosen).run == name_of_run


def test_the_head_that_is_replaced_is_kept_for_who_reads_it_and_for_a_run_that_was_planned_on_it(chosen, tmp_path):
    scatter(chosen)
    write(tmp_path / "archive", hours(31))
    name_of_run, before = interrupted(chosen), head(chosen)
    aged = chosen.model_copy(update={"maintain": Maintain(keep_days=0, garbage_days=1)})
    done = maintain(aged)
    assert done.snapshot == head(chosen) != before
    assert done.collected.expired == 1
    with open_dataset(done.url, GROUP, version=before) as found:
        assert found.SNR.notnull().any()
    with pytest.raises(StoreError, match=name_of_run):
        maintain(aged)
    assert run(chosen).run == name_of_run
    maintain(aged)
    assert before not in [version.id for version in versions(open_repository(str(repository(chosen))))]


def test_a_run_goes_on_over_manifests_that_were_joined_meanwhile(chosen, tmp_path):
    scatter(chosen)
    write(tmp_path / "archive", hours(2, 31))
    name_of_run = interrupted(chosen)
    young = chosen.model_copy(update={"maintain": Maintain(keep_days=1, garbage_days=1)})
    assert maintain(young).snapshot == head(chosen)
    report = run(chosen)
    assert (report.run, report.resumed) == (name_of_run, 1)
    check_ledger(chosen, GROUP)
    assert verify_store(chosen, None).agrees


def test_the_newest_copies_of_the_state_stay_and_the_log_of_updates_can_be_read(chosen):
    """Also where the log goes on in a copy, which it does after so many updates."""
    handle = opened(chosen).handle
    configuration = handle.config
    configuration.num_updates_per_repo_info_file = 8
    handle = handle.reopen(config=configuration)
    for number in range(30):
        handle.create_tag(f"tag-{number}", head(chosen))
    newest = sorted(copies(chosen))[:COPIES_KEPT]
    named = handle.inspect_repo_info()["repo_before_updates"]
    assert named not in newest
    now = datetime.now(UTC) + timedelta(seconds=1)
    found = collect(opened(chosen), now, None, dry_run=False)
    assert {*newest, named} <= copies(chosen)
    assert found.copies >= 20
    assert len(copies(chosen)) < 30
    updates = list(opened(chosen).handle.ops_log())
    assert len(updates) > 8
    assert all(one.updated_at >= other.updated_at for one, other in pairwise(updates))


def test_a_state_that_is_lost_afterwards_is_the_newest_copy_put_back(chosen, tmp_path):
    write(tmp_path / "archive", hours(1))
    run(chosen)
    maintain(chosen)
    before = cells(chosen)
    state = repository(chosen) / "repo"
    state.unlink()
    shutil.copy2(repository(chosen) / "overwritten" / min(copies(chosen)), state)
    assert_equal(cells(chosen), before)
    check_ledger(chosen, GROUP)


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    def command(chosen, *arguments):
        config = tmp_path / "settings.yaml"
        config.write_text(json.dumps(chosen.model_dump(mode="json")))
        with pytest.raises(SystemExit) as ended:
            main(["maintain", *arguments, "-c", str(config)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return command


def test_the_command(call, chosen, tmp_path):
    scatter(chosen)
    code, out, _ = call(chosen, "--dry-run")
    assert (code, "would be joined" in out, "would be deleted" in out) == (0, True, True)
    code, out, _ = call(chosen, "--json")
    found = json.loads(out)
    assert (code, found["dry_run"], found["snapshot"], found["expired_versions"]) == (0, False, head(chosen), 1)
    assert found["head_manifests"] > found["needed_manifests"] > 0
    code, out, _ = call(chosen)
    assert (code, "needed: kept" in out) == (0, True)
    write(tmp_path / "archive", hours(31))
    interrupted(chosen)
    code, _, err = call(chosen)
    assert (code, "runs abandon" in err) == (5, True)


def test_without_a_repository_or_a_branch_the_command_ends_with_5(call, chosen, tmp_path):
    assert call(chosen, "--set", "run.branch=elsewhere")[0] == 5
    assert call(chosen, "--set", f"store.url={tmp_path / 'nowhere'}")[0] == 5
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.heavy
def test_many_small_runs_leave_hardly_more_than_one(tmp_path):
    """A day in 24 files, one run each, against the same in one run."""
    many = settings(tmp_path / "many", tmp_path / "archive", maintain=ALL.model_dump(), chunks={"epoch": 2880})
    one = settings(tmp_path / "one", tmp_path / "archive", maintain=ALL.model_dump(), chunks={"epoch": 2880})
    satellites = [f"{system}{number:02d}" for system in "GRE" for number in range(1, 21)]
    for number in range(24):
        start_s = DAY_ONE_S + 3600 * number
        write(tmp_path / "archive", {name(start_s, "01H"): rinex(span_s(start_s, 1), satellites)})
        run(many)
    run(one)
    before = sum(everything(many).values())
    data = cells(many)
    done = maintain(many)
    assert_equal(cells(many), data)
    alone, _ = cells(one)
    for path, values in data[0].items():
        if not path.startswith(f"{GROUP}/metadata"):
            np.testing.assert_array_equal(values, alone[path], path)
    assert done.collected.expired == 23
    after, single = (sum(everything(each).values()) for each in (many, one))
    assert (after <= 1.1 * single, after < before / 4) == (True, True), (before, after, single)
    assert verify_store(many, None).agrees
