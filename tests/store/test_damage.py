"""A repository of which something is missing or has other contents: every reading end says which, and what to do."""

import os
import shutil
from pathlib import Path

import icechunk
import pytest

from gnssice_batch import IcechunkStore, open_dataset, status, verify
from gnssice_batch import plan as plan_run
from gnssice_batch.errors import StoreError
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.status import existing_repository
from gnssice_batch.store.damage import of_version
from gnssice_batch.store.reading.contents import history
from tests.support.published import GROUP, ingested
from tests.support.runs import DAY_ONE_S, name, repository, rinex, settings, span_s, write


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Settings of a small published store, and the id of its one version."""
    chosen, report = ingested(tmp_path_factory.mktemp("damage"))
    folder = Path(str(repository(chosen)))
    shutil.copytree(folder, folder.with_name("good"))
    return chosen, report.snapshot


@pytest.fixture
def damage(stored):
    """The folder of the repository, whole; what a test does to it is undone."""
    folder = Path(str(repository(stored[0])))
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(folder.with_name("good"), folder)
    return folder


def history_of(chosen):
    target = target_of(chosen)
    return list(history(existing_repository(target), target.branch))


def refusals(chosen, *, opened=True):
    """What the reading ends say."""
    ends = [lambda: status(chosen), lambda: plan_run(chosen), lambda: run(chosen)]
    if opened:
        ends.append(lambda: open_dataset(str(repository(chosen)), GROUP))
    for end in ends:
        with pytest.raises(StoreError) as raised:
            end()
        yield str(raised.value)


@pytest.mark.parametrize("content", [None, b"", b"x" * 30, "cut"])
def test_the_file_that_the_versions_are_in(stored, damage, content):
    chosen, snapshot = stored
    state = damage / "repo"
    if content is None:
        state.unlink()
    else:
        state.write_bytes(state.read_bytes()[:100] if content == "cut" else content)
    for said in (*refusals(chosen), *_said(lambda: history_of(chosen))):
        assert f"the repository {repository(chosen)} is damaged, its file repo " in said
        assert "\n" not in said
        assert "overwritten/" in said
    newest = min((damage / "overwritten").iterdir())
    shutil.copy(newest, state)
    assert snapshot in {entry.id for entry in history_of(chosen)}
    run(chosen)
    assert open_dataset(str(repository(chosen)), GROUP).sizes["epoch"]


def _said(call):
    with pytest.raises(StoreError) as raised:
        call()
    return [str(raised.value)]


@pytest.mark.parametrize("cut", [None, 50])
def test_the_newest_version(stored, damage, cut):
    chosen, snapshot = stored
    lost = damage / "snapshots" / snapshot
    lost.unlink() if cut is None else lost.write_bytes(lost.read_bytes()[:cut])
    for said in refusals(chosen):
        assert f"the repository {repository(chosen)} is damaged, version {snapshot} can't be read" in said
        assert "rollback(VERSION)" in said
        assert "\n" not in said
    versions = [entry.id for entry in history_of(chosen)]
    assert versions[0] == snapshot
    IcechunkStore.open_or_create(str(repository(chosen))).rollback(versions[1])
    assert run(chosen).snapshot
    assert status(chosen).receivers


@pytest.mark.parametrize("cut", [None, 50])
def test_a_manifest(stored, damage, cut):
    chosen, snapshot = stored
    for lost in (damage / "manifests").iterdir():
        lost.unlink() if cut is None else lost.write_bytes(lost.read_bytes()[:cut])
    for said in refusals(chosen):
        assert f"version {snapshot} can't be read in manifests/" in said
        assert "\n" not in said


def test_nothing_of_icechunk_goes_to_standard_output(stored, damage, capfd):
    for lost in (damage / "manifests").iterdir():
        lost.unlink()
    list(refusals(stored[0]))
    assert capfd.readouterr().out == ""


def test_what_is_no_repository(stored, damage):
    chosen = stored[0]
    shutil.rmtree(damage)
    damage.mkdir()
    (damage / "empty").mkdir()
    with pytest.raises(StoreError, match=r"there is no repository at .* yet: the first run makes it"):
        status(chosen)
    (damage / "readme").write_text("x")
    for said in refusals(chosen, opened=False):
        assert f"{repository(chosen)} is no repository, and none can be made there, because it holds readme" in said
    shutil.rmtree(damage)
    damage.write_text("x")
    for said in refusals(chosen, opened=False):
        assert "should be the folder of the repository, and is a file" in said
    damage.unlink()


def test_a_place_that_no_folder_can_have(tmp_path):
    chosen = settings(tmp_path, store={"url": str(tmp_path / ("x" * 300))})
    with pytest.raises(StoreError, match="File name too long"):
        status(chosen)


def test_one_whose_making_was_cut_short_is_made_again(tmp_path):
    """A coordinator was killed before it had written the file that makes the folder a repository."""
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1))})
    chosen = settings(tmp_path)
    for part in ("snapshots/1CECHNKREP0F1RSTCMT0", "transactions/1CECHNKREP0F1RSTCMT0#1"):
        path = repository(chosen) / part
        path.parent.mkdir(parents=True)
        path.write_bytes(b"half")
    with pytest.raises(StoreError, match="there is no repository at"):
        status(chosen)
    assert plan_run(chosen).totals.files == 1
    assert run(chosen).snapshot
    assert verify(chosen, None).agrees


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_one_that_is_closed_to_this_user(stored, damage):
    (damage / "repo").chmod(0)
    for said in refusals(stored[0]):
        assert "can't be read: Unable to open file" in said
        assert "Permission denied" in said


@pytest.mark.parametrize("error", [icechunk.IcechunkError("no such branch"), RuntimeError("no loop is running")])
def test_what_says_nothing_of_damage_is_left_as_it_is(error):
    with pytest.raises(type(error)) as raised, of_version("url", "SNAPSHOT"):
        raise error
    assert raised.value is error
