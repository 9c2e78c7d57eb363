"""A part of an archive is ingested; a store is looked at by its URL; every command speaks JSON."""

import json

import pytest

from gnssice_batch.cli import main
from gnssice_batch.cli.entry import app
from gnssice_batch.orbits import read_nav
from tests.failures.small import hourly
from tests.support.runs import write

FILES = {
    path.replace("rec/", f"{name}/", 1): content
    for name in ("one", "two")
    for path, content in hourly(0, 6, 24).items()
}
SILENT = {"schema", "worker", "job"}
"""Commands whose output is JSON anyway, or a log."""
JSON_FILE = {"plan"}


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Run a command with settings that are found; return exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "archive", FILES)
    text = 'site: here\narchive: {url: archive, layout: "{receiver}/**"}\nstore: {url: stores}\nchunks: {epoch: 720}\n'
    (tmp_path / "gnssice.yaml").write_text(text)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return run


def report(said):
    code, out, err = said
    assert code == 0, err
    found = json.loads(out)
    return {name: its["files"]["ok"] for name, its in found["receivers"].items()}, found["left"], found["up_to_date"]


def test_an_archive_is_ingested_part_by_part(call):
    code, out, _ = call("run", "--dry-run", "--receiver", "one", "--limit", "2")
    assert (code, "2 to take" in out, "4 new files for a later run" in out) == (0, True, True)
    assert report(call("run", "--json", "--receiver", "one", "--limit", "2")) == ({"one": 2}, 4, 0)
    assert report(call("run", "--json", "--since", "2025-01-02")) == ({"one": 1, "two": 1}, 2, 2)
    assert report(call("run", "--json")) == ({"two": 2}, 0, 4)
    assert call("run", "--receiver", "three")[0] == 2


@pytest.mark.parametrize("command", [("status",), ("log",), ("verify", "--store-only")])
def test_a_store_is_looked_at_by_its_url(call, tmp_path, command):
    call("run")
    (tmp_path / "gnssice.yaml").unlink()
    for url in ("stores/here/rinex", f"file://{tmp_path}/stores/here/rinex/"):
        code, out, err = call(*command, url)
        assert (code, err.count("Error")) == (0, 0), err
        assert out
    assert call(*command, "nowhere/rinex")[0] == 5
    assert call(*command)[0] == 2


def test_verify_with_a_url_needs_no_archive_or_refuses(call):
    code, _, err = call("verify", "stores/here/rinex")
    assert (code, "--store-only" in err) == (2, True)


def test_the_log_shows_tags_and_branches(call):
    call("run", "--limit", "1", "--tag", "first")
    call("run", "--limit", "1")
    call("run", "--limit", "1", "--branch", "other")
    _, out, _ = call("log")
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert lines[0].endswith("branch main")
    assert lines[1].endswith("tag first")
    assert lines[-1].startswith("branch other: ")
    found = json.loads(call("log", "--json", "-n", "2")[1])
    assert [(one["branches"], one["tags"]) for one in found["versions"]] == [(["main"], []), ([], ["first"])]
    assert (found["tags"].keys(), found["branches"].keys()) == ({"first"}, {"main", "other"})


def commands():
    for command in app.registered_commands:
        yield command.name or command.callback.__name__, command
    for group in app.registered_groups:
        for command in group.typer_instance.registered_commands:
            yield f"{group.name} {command.name}", command


@pytest.mark.parametrize("name", sorted({name for name, _ in commands()} - SILENT))
def test_every_command_that_prints_something_has_json(call, name):
    code, out, _ = call(*name.split(), "--help")
    assert code == 0
    assert "--json" in out
    assert "Example:" in out


def test_help_is_in_groups_with_an_example_and_the_exit_codes(call):
    out = call("--help")[1]
    headings = [line for line in out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        *("Options:", "From an archive to a store:", "Look at a store or a file:", "Versions of a store:"),
        *("Mend and tidy a store:", "Tools:", "For pods:"),
    ]
    assert "gnssice-batch doctor" in out
    assert "130 Ctrl-C" in out
    assert "--install-completion" in out
    names = {name.partition(" ")[0] for name, _ in commands()}
    assert all(f"\n  {name} " in out for name in names)


def test_orbits_of_the_simulated_sky_are_written_beside_its_receivers(call, tmp_path):
    code, said, _ = call("simulate", "made", "--days", "0.02", "--optical-depth", "0.5")
    assert code == 0
    assert "; orbits in 1 navigation file" in said
    (path,) = (tmp_path / "made" / "navigation").rglob("*.gz")
    assert len(read_nav(path.read_bytes()).satellites) > 100
    (tmp_path / "gnssice.yaml").write_text(
        'site: here\narchive: {url: made, layout: "{receiver}/**"}\nstore: {url: made_too}\n'
    )
    code, said, _ = call("plan")
    assert code == 0
    assert "1 file: 1 navigation" in said
    assert "canopy_01 (new)" in said
    assert "navigation (new)" not in said


def test_tools_speak_json(call, tmp_path):
    said = json.loads(call("simulate", "made", "--days", "0.02", "--json")[1])
    assert (said["files"], said["navigation"]) == (4, 1)
    said = json.loads(call("simulate", "bare", "--days", "0.02", "--no-navigation", "--json")[1])
    assert (said["files"], said["navigation"]) == (4, 0)
    assert not (tmp_path / "bare" / "navigation").exists()
    assert json.loads(call("init", "made", "--output", "made.yaml", "--json")[1])["written"] == "made.yaml"
