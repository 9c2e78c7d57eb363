"""What a run would trip over is found without one."""

import json

import pytest

from gnssice_batch.cli import main
from gnssice_batch.config import Settings
from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.doctor import State, examined
from tests.failures.small import hourly
from tests.support.runs import repository, settings, write


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", hourly(0, 6))
    return settings(tmp_path)


def found(chosen):
    return {each.check: each for each in examined(chosen)}


def test_nothing_is_found_and_nothing_is_changed(tmp_path, chosen):
    seen = found(chosen)
    assert {each.state for each in seen.values()} == {State.OK}
    assert "2 of them to take" in seen["archive, plan"].text
    assert not (tmp_path / "stores").exists()
    run(chosen)
    before = sorted((tmp_path / "stores").rglob("*"))
    assert {each.state for each in found(chosen).values()} == {State.OK}
    assert sorted((tmp_path / "stores").rglob("*")) == before


def test_an_archive_that_does_not_fit(tmp_path, chosen):
    assert found(settings(tmp_path, tmp_path / "nowhere"))["archive, plan"].exit_code == 3
    other = chosen.model_copy(update={"archive": chosen.archive.model_copy(update={"layout": "x/{receiver}/**"})})
    assert found(other)["archive, plan"].exit_code == 3


def test_a_store_that_is_damaged(chosen):
    run(chosen)
    (repository(chosen) / "repo").write_bytes(b"torn")
    seen = found(chosen)
    assert (seen["store"].state, seen["store"].exit_code) == (State.BAD, 5)
    assert seen["archive, plan"].state is State.UNKNOWN


def test_a_place_that_cant_be_written(chosen, monkeypatch):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    seen = found(chosen)
    assert (seen["writing"].state, seen["writing"].exit_code) == (State.BAD, 5)
    assert "No space left" in seen["writing"].text
    assert seen["clock"].state is State.UNKNOWN


def test_a_task_that_does_not_fit_into_a_worker(chosen):
    small = Settings.model_validate(
        chosen.model_dump() | {"cluster": {"kind": "local", "workers": 1, "memory_limit": "100MB"}}
    )
    seen = found(small)["memory"]
    assert (seen.state, seen.exit_code) == (State.BAD, 2)
    assert "cluster.memory_limit" in seen.text


def test_another_run_is_at_work(chosen):
    run(chosen)
    target = target_of(chosen)
    with begin(target.journals, RunRecord("20250101T000000-abc", "other", "main", "", "2025-01-01T00:00:00+00:00", "")):
        pass
    assert found(chosen)["other runs"].state is State.NOTE


def test_room_and_clock(chosen, monkeypatch):
    monkeypatch.setattr("gnssice_batch.operate.doctor.disk_usage", lambda _: type("Usage", (), {"free": 1}))
    monkeypatch.setattr("time.time", lambda: 1e9)
    seen = found(chosen)
    assert seen["room on the disk"].state is State.BAD
    assert seen["clock"].state is State.BAD


def test_the_command_ends_as_the_run_would(tmp_path, chosen, capsys):
    options = [f"site={chosen.site}", f"archive.url={tmp_path}/nowhere", f"store.url={chosen.store.url}"]
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--json", *(word for each in options for word in ("--set", each))])
    assert end.value.code == 3
    out, err = capsys.readouterr()
    assert err.startswith("Error: a run would end with exit code 3: archive, plan: ")
    told = {one["check"]: one["state"] for one in json.loads(out)["findings"]}
    assert told["archive, plan"] == "bad"
    assert told["store"] == "ok"
