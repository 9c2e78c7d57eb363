"""The command `vod` with its status: exit codes, text, JSON."""

import json
import shutil

import pytest
import yaml

from gnssice_batch.cli import main
from gnssice_batch.job.run import run
from tests.failures.vod_course import written
from tests.support import canopies

ANALYSIS = "canopy_01_vs_reference_01"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pair of half a day with published observations."""
    folder = tmp_path_factory.mktemp("vod")
    canopies.observed(folder, canopies.plan(0.5))
    return folder


@pytest.fixture
def command(folder, tmp_path, capsys):
    """Run a command on a copy of it; return its exit code, standard output and standard error."""
    place = canopies.copied(folder, tmp_path / "copy")
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(written(place)))

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "-c", str(path)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    call.place = place
    return call


def test_from_the_plan_to_the_status(command):
    code, out, _ = command("vod", "--dry-run")
    assert code == 0
    assert "2 to make, 0 up to date, a new group" in out
    code, out, err = command("vod", "--tag", "v1")
    assert (code, "Traceback" in err) == (0, False)
    assert "2 made, 0 of them again; 0 up to date" in out
    assert "2 write units as planned" in out
    code, out, _ = command("vod")
    assert code == 0
    assert "none: nothing to publish" in out
    code, out, _ = command("vod", "status")
    assert code == 0
    assert f"tau_omega/{ANALYSIS}" in out
    assert "2025-01-01 00:00:00 to 2025-01-01 11:59:30" in out


def test_everything_as_json(command, tmp_path):
    code, out, _ = command("vod", "--dry-run", "--json")
    plan = json.loads(out)
    assert (code, len(plan["analyses"][ANALYSIS]["units"])) == (0, 2)
    code, out, _ = command("vod", "--json", "--set", "run.verify=sample")
    report = json.loads(out)
    assert code == 0
    assert report["analyses"][ANALYSIS]["made"] == 2
    assert report["proof"]["recomputed"] == 1
    code, out, _ = command("vod", "status", "--json")
    status = json.loads(out)
    assert status["snapshot"]["id"] == report["snapshot"]
    assert status["analyses"][f"tau_omega/{ANALYSIS}"]["units"] == 2
    code, _, _ = command("vod", "--full", "--report", str(tmp_path / "report.json"))
    assert json.loads((tmp_path / "report.json").read_text())["analyses"][ANALYSIS]["again"] == 2


def test_without_orbits_it_ends_with_1_and_says_so(command):
    shutil.rmtree(command.place / "orbits/navigation")
    code, out, err = command("vod")
    assert code == 1
    assert "2 units left as they are" in out
    assert "2 of 2 units have no orbits, allowed are 50.0%" in err


def test_orbit_files_that_are_not_there_end_with_3(command):
    shutil.rmtree(command.place / "orbits")
    code, _, err = command("vod")
    assert code == 3
    assert "orbits" in err


def test_an_analysis_that_is_not_there_ends_with_4(command):
    code, _, err = command("vod", "--analysis", "oak")
    assert code == 4
    assert f"there is no analysis 'oak'; there are {ANALYSIS}" in err


def test_a_status_of_nothing_ends_with_5(command):
    code, _, err = command("vod", "status")
    assert code == 5
    assert "no repository" in err


def test_commands_for_receivers_say_that_it_is_none_of_them(command, tmp_path):
    command("vod")
    url = str(command.place / "stores/site/vod")
    export = ["export", f"tau_omega/{ANALYSIS}", str(tmp_path / "out"), url]
    for arguments in (["status", url], ["report", url, "--json"], ["verify", url, "--store-only"], export):
        code, _, err = command(*arguments)
        assert (code, "is a repository of vegetation optical depth: `gnssice-batch vod status`" in err) == (5, True)


def test_groups_of_another_program_are_not_written_to(command):
    chosen = canopies.vod_settings(command.place)
    shutil.copytree(command.place / "stores/site/rinex", command.place / "stores/site/vod")
    repository = canopies.repository(chosen)
    session = repository.handle.writable_session("main")
    canopies.zarr.open_group(session.store, path="canopy_01", mode="r+").attrs.clear()
    canopies.zarr.open_group(session.store, path="reference_01", mode="r+").attrs.clear()
    session.commit("as another program's")
    code, _, err = command("vod")
    assert code == 5
    assert "was not made by gnssice-batch" in err


def test_its_repository_is_tidied_with_product(command):
    assert command("vod")[0] == 0
    assert command("vod", "--full")[0] == 0
    code, out, _ = command("expire", "--older-than", "0", "--product", "vod")
    assert (code, "1 version expired" in out) == (0, True)
    code, out, _ = command("gc", "--older-than", "0", "--product", "vod", "--delete")
    assert (code, "deleted" in out) == (0, True)
    assert command("maintain", "--product", "vod")[0] == 0
    code, out, _ = command("runs", "list", "--product", "vod")
    assert (code, out) == (0, "no unpublished runs\n")
    assert run(canopies.vod_settings(command.place)).snapshot is None
