"""The command `repair`, and what the other commands say of damage: exit codes, text, JSON."""

import json

import pytest

from gnssice_batch.cli import main
from gnssice_batch.cli.damage import show_damage
from gnssice_batch.model.damage import Damage
from gnssice_batch.model.values import Span
from gnssice_batch.operate.integrity import Damaged
from tests.support.damage import chunks, everything, spoil
from tests.support.published import FILES, FIRST, GROUP
from tests.support.runs import DAY_ONE_S, head, name, rinex, span_s, write


@pytest.fixture
def command(published, tmp_path, capsys):
    """Run a command on the published store; return its exit code, standard output and standard error."""
    path = tmp_path / "settings.yaml"
    path.write_text(json.dumps(published.model_dump(mode="json", exclude_none=True)))

    def call(command, *arguments):
        with pytest.raises(SystemExit) as ended:
            main([command, "-c", str(path), *arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.mark.heavy
def test_damage_from_its_finding_to_its_repair(command, published, tmp_path):
    spoil(chunks(published)[0], "missing")
    code, out, err = command("verify", "--full")
    assert code == 5
    assert "a chunk is missing; files" in out
    assert "the store is damaged in 1 place" in err
    assert "gnssice-batch repair" in err
    assert "Traceback" not in err
    code, out, _ = command("verify", "--full", "--json")
    (damaged,) = json.loads(out)["damaged"]
    assert (code, damaged["receiver"], damaged["mendable"]) == (5, GROUP, True)
    assert set(damaged["files"]) <= set(FILES)
    code, out, err = command("verify", "--store-only", "--json")
    assert (code, len(json.loads(out)["damaged"])) == (5, 1)

    first = DAY_ONE_S + 6 * 3600 * damaged["write_unit"]
    write(tmp_path / "archive", {name(first, "30M"): rinex(span_s(first, 0.5), svs=("G09",))})
    code, _, err = command("run")
    assert code == 5
    assert f"{GROUP} {damaged['array']} " in err
    assert "gnssice-batch repair makes it again from the archive" in err

    before = everything(published)
    code, out, _ = command("repair", "--dry-run")
    assert code == 0
    assert "To make again: 1 write unit" in out
    assert json.loads(command("repair", "--dry-run", "--json")[1])["write_units"][0]["reasons"] == ["damaged"]
    assert everything(published) == before
    code, out, _ = command("repair", "--report", str(tmp_path / "report.json"))
    assert (code, json.loads((tmp_path / "report.json").read_text())["snapshot"]) == (0, head(published))
    assert command("verify", "--store-only")[0] == 0
    assert command("run")[0] == 0
    assert command("verify", "--full")[0] == 0
    code, out, _ = command("repair")
    assert (code, "Nothing to make again" in out) == (0, True)


@pytest.mark.heavy
def test_files_that_are_gone(command, published, tmp_path):
    for path in chunks(published):
        spoil(path, "truncated")
    (tmp_path / "archive" / FIRST).unlink()
    before = head(published)
    code, out, err = command("repair")
    assert (code, head(published)) == (3, before)
    assert f"gone from the archive, what it gave would be lost: {FIRST}" in out
    assert "--accept-loss" in err
    assert command("repair", "--accept-loss")[0] == 0
    code, out, _ = command("verify", "--full")
    assert (code, f"{FIRST}: can't be had any more" in out) == (0, True)


def test_options_that_exclude_each_other(command):
    assert command("verify", "--store-only", "--full")[0] == 2
    assert command("repair", "--json", "--report", "-")[0] == 2
    assert command("repair", "--receiver", "nobody")[0] == 5


def test_names_that_steer_a_terminal_are_written_out(capsys):
    show_damage([Damaged(Damage("rec", "SNR", 0, Span(0, 1), "a chunk is missing"), ("a\x1b[31m",))])
    said = capsys.readouterr().out
    assert "files a\\x1b[31m" in said
    assert "\x1b" not in said
