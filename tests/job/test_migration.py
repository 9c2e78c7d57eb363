"""A store of an older layout is read, gone on with, migrated and verified; it equals one that was made new."""

import json
import subprocess
import sys

import numpy as np
import pytest
import zarr

from gnssice_batch import ledger as ledger_of
from gnssice_batch import open_dataset
from gnssice_batch.cli import main
from gnssice_batch.errors import StoreError
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.differences import compare
from gnssice_batch.operate.migration import migrate
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.reading.chunk_changes import Change
from tests.cli.test_runs import interrupted
from tests.conftest import ROOT
from tests.support.older_layout import put_back, put_back_oldest, put_back_stored
from tests.support.runs import (
    DAY_ONE_S,
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
QUARTER_S = 6 * 3600


def file_at(start_s, hours=1, **words):
    return {name(start_s, f"{hours:02d}H"): rinex(span_s(start_s, hours), **words)}


FIRST = file_at(DAY_ONE_S, 2) | file_at(DAY_ONE_S + QUARTER_S) | {name(DAY_ONE_S + 5 * 3600, "01H"): b"rubbish"}
SECOND = file_at(DAY_ONE_S + 2 * QUARTER_S) | file_at(DAY_ONE_S + 3600, 2, svs=("G01", "G02", "E05"))
THIRD = file_at(DAY_ONE_S + 3 * QUARTER_S, svs=("G01", "E07")) | file_at(DAY_ONE_S - QUARTER_S)


def made(folder):
    write(folder / "archive", FIRST)
    chosen = settings(folder, run={"max_refused_fraction": 1})
    run(chosen)
    return chosen


@pytest.fixture
def older(tmp_path):
    chosen = made(tmp_path)
    put_back_stored(chosen, GROUP, put_back_oldest)
    return chosen


def loaded(chosen, version=None):
    with open_dataset(str(repository(chosen)), GROUP, version) as dataset:
        return dataset.load()


def cells(chosen):
    """Every array of the group but the tables, as bytes."""
    arrays = dict(open_group(chosen, GROUP).arrays())
    return {path: np.asarray(array[:]).tolist().__repr__() for path, array in arrays.items()}


def check_equal(chosen, other):
    assert_same(stored(chosen, GROUP), stored(other, GROUP))
    assert loaded(chosen).drop_attrs().identical(loaded(other).drop_attrs())
    check_ledger(chosen, GROUP)
    for column in ("uri", "status", "reason", "refused", "epochs_written", "epochs_joined", "header"):
        assert ledger(chosen, GROUP)[column].tolist() == ledger(other, GROUP)[column].tolist(), column


@pytest.mark.heavy
@pytest.mark.parametrize("how", [put_back, put_back_oldest])
@pytest.mark.parametrize("when", [0, 1])
def test_the_way_of_an_older_store(tmp_path, how, when):
    """Migrated before a run goes on with it, or after."""
    older, new = made(tmp_path / "older"), made(tmp_path / "new")
    put_back_stored(older, GROUP, how)
    was, first = loaded(older), head(older)
    assert was.drop_attrs().identical(loaded(new).drop_attrs())
    for number, files in enumerate((SECOND, THIRD)):
        if number == when:
            migrate(older)
        for folder, chosen in (("older", older), ("new", new)):
            write(tmp_path / folder / "archive", files)
            run(chosen)
        check_equal(older, new)
    assert verify_store(older, None).agrees
    assert open_group(older, GROUP).attrs["layout_version"] == 2
    assert loaded(older, first).identical(was)
    assert len(ledger_of(str(repository(older)), GROUP, first)) == 3
    assert not migrate(older).needed


def test_no_cell_is_touched(older):
    before, at = cells(older), head(older)
    rows = ledger_of(str(repository(older)), GROUP)
    done = migrate(older)
    assert cells(older) == before
    assert done.snapshot == head(older)
    assert [len(one.steps) for one in done.receivers] == [5]
    assert ledger_of(str(repository(older)), GROUP).equals(rows)
    (found,) = compare(target_of(older), at).groups
    assert (found.epochs, found.signals, found.files) == (Change(), Change(), Change())
    assert messages(older)[0] == "brought to layout 2: rec"


def test_a_second_call_has_nothing_to_do(older):
    migrate(older)
    at = head(older)
    again = migrate(older)
    assert (again.snapshot, again.needed, head(older)) == (None, False, at)


def test_a_store_made_new_has_nothing_to_do(tmp_path):
    chosen = made(tmp_path)
    at = head(chosen)
    assert not migrate(chosen).needed
    assert head(chosen) == at


def test_what_would_be_done_is_only_told(older, tmp_path, capsys):
    config, at = tmp_path / "settings.yaml", head(older)
    config.write_text(json.dumps(older.model_dump(mode="json")))

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            main(["migrate", "-c", str(config), *words])
        assert not ended.value.code
        return capsys.readouterr().out

    out = call("--dry-run")
    assert out.startswith("rec: layout 1, ledger of 3 files in one array; column preprocessing and epochs")
    assert out.endswith("would be migrated in one version\n")
    told = json.loads(call("--dry-run", "--json"))
    assert (told["snapshot"], told["receivers"]["rec"]["layout"], len(told["receivers"]["rec"]["steps"])) == (
        None,
        1,
        5,
    )
    assert head(older) == at
    assert call().endswith(f"migrated in {head(older)}\n")
    assert head(older) != at
    assert call() == "rec: layout 2, nothing to do\nnothing to do: every receiver has layout 2\n"


@pytest.mark.heavy
def test_it_is_refused_while_a_run_is_open(older, tmp_path):
    write(tmp_path / "archive", SECOND)
    named, at = interrupted(older, partitions=1), head(older)
    with pytest.raises(StoreError, match=f"run {named} is open.*nothing was migrated"):
        migrate(older)
    assert head(older) == at
    assert migrate(older, dry_run=True).needed
    run(older)
    migrate(older)
    check_ledger(older, GROUP)


DIES = """
import os, sys, icechunk
from gnssice_batch.config import Settings
from gnssice_batch.operate.migration import migrate

class Dying:
    def __init__(self, session): self.session = session
    def __getattr__(self, name): return getattr(self.session, name)
    def commit(self, *words, **named):
        os.kill(os.getpid(), 9)

from gnssice_batch.store.writing import migration
committed = migration._committed
migration._committed = lambda session, *others: committed(Dying(session), *others)
migrate(Settings.model_validate_json(sys.stdin.read()))
"""


@pytest.mark.heavy
@pytest.mark.processes
def test_a_migration_that_is_killed_has_changed_nothing(older):
    was, at = loaded(older), head(older)
    ended = subprocess.run(
        [sys.executable, "-c", DIES], input=older.model_dump_json(), text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == -9
    assert (head(older), loaded(older).identical(was)) == (at, True)
    assert migrate(older).snapshot == head(older)
    check_ledger(older, GROUP)


def test_a_group_of_another_program_is_left_alone(older):
    def weather(group):
        root = zarr.open_group(group.store, mode="r+")
        root.create_group("weather").create_array("t", shape=(3,), dtype="f4", chunks=(3,))[:] = 1

    put_back_stored(older, GROUP, weather)
    done = migrate(older)
    assert (done.other_groups, [one.receiver for one in done.receivers]) == (("weather",), ["rec"])
    assert np.asarray(open_group(older, "weather")["t"][:]).tolist() == [1, 1, 1]
