"""Versions that leave the history by themselves, and garbage that is deleted without any."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from gnssice_batch.cli import main
from gnssice_batch.errors import StoreError
from gnssice_batch.job.run import run
from gnssice_batch.operate.branches import create_tag
from gnssice_batch.operate.garbage import collect_garbage, expire_versions
from tests.cli.test_runs import interrupted
from tests.support.runs import DAY_ONE_S, head, messages, name, repository, rinex, settings, span_s, write

NOW = timedelta()


def add(folder, hour):
    write(folder / "archive", {name(DAY_ONE_S + 3600 * hour, "01H"): rinex(span_s(DAY_ONE_S + 3600 * hour, 1))})


@pytest.fixture
def chosen(tmp_path):
    """A store of three versions, the first of them tagged."""
    made = settings(tmp_path)
    for hour in range(3):
        add(tmp_path, hour)
        run(made)
        if not hour:
            create_tag(made, "first")
    return made


def chunks(chosen):
    return {path.name for path in Path(repository(chosen), "chunks").iterdir()}


@pytest.mark.heavy
def test_only_history_goes(chosen):
    held, newest = chunks(chosen), head(chosen)
    would = expire_versions(chosen, NOW, dry_run=True)
    assert [version.number for version in would] == [2]
    assert len(messages(chosen)) == 3
    assert expire_versions(chosen, NOW) == would
    assert (head(chosen), len(messages(chosen)), chunks(chosen)) == (newest, 1, held)
    assert expire_versions(chosen, NOW) == ()
    assert collect_garbage(chosen, NOW).expired == 0


@pytest.mark.heavy
def test_what_is_young_is_kept(chosen):
    assert expire_versions(chosen, timedelta(hours=1)) == ()
    assert len(messages(chosen)) == 3


@pytest.mark.heavy
def test_the_version_that_an_open_run_was_planned_on_stays(chosen, tmp_path):
    add(tmp_path, 30)
    named = interrupted(chosen, partitions=1)
    run(chosen.model_copy(update={"attributes": {"Institution": "another"}}))
    for dry_run in (True, False):
        with pytest.raises(StoreError, match=f"{named} is open"):
            expire_versions(chosen, NOW, dry_run=dry_run)
    assert len(messages(chosen)) == 4


@pytest.mark.heavy
def test_garbage_is_collected_without_history(chosen):
    collect_garbage(chosen, NOW, dry_run=False, keep_versions=True)
    assert len(messages(chosen)) == 3
    assert collect_garbage(chosen, NOW, keep_versions=True).expired == 0
    assert collect_garbage(chosen, NOW).expired == 1


@pytest.mark.heavy
def test_the_command(chosen, tmp_path, capsys):
    config = tmp_path / "settings.yaml"
    config.write_text(json.dumps(chosen.model_dump(mode="json")))

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            main([*words, "-c", str(config)])
        return ended.value.code or 0, capsys.readouterr().out

    code, out = call("expire", "--older-than", "0", "--dry-run")
    assert (code, out.splitlines()[-1]) == (0, "1 version would expire")
    assert out.startswith("  - 2 ")
    code, out = call("expire", "--older-than", "0", "--json")
    assert (code, [one["number"] for one in json.loads(out)["expired"]]) == (0, [2])
    assert call("gc", "--older-than", "0", "--keep-versions", "--json")[0] == 0
