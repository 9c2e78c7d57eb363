"""The ``virtualize`` commands."""

import json
import os
import subprocess
import sys
import time

import pytest
import yaml

from gnssice_batch.cli import main
from tests.support.netcdf import archive, georinex, padded, write

pytest.importorskip("virtualizarr")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with settings and an archive of three days."""
    monkeypatch.chdir(tmp_path)
    settings = {"site": "demo", "archive": {"url": "rinex"}, "store": {"url": "stores"}, "virtual": {"url": "nc"}}
    (tmp_path / "gnssice.yaml").write_text(yaml.safe_dump(settings))
    archive(tmp_path / "nc")
    return tmp_path


def command(capsys, *arguments):
    """Run a command; return its exit code and what it says."""
    with pytest.raises(SystemExit) as ended:
        main(["virtualize", *arguments])
    said = capsys.readouterr()
    return ended.value.code or 0, said.out + said.err


def told(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["virtualize", *arguments, "--json"])
    return ended.value.code or 0, json.loads(capsys.readouterr().out)


def test_a_dry_run_then_a_run_then_nothing(place, capsys):
    code, said = command(capsys, "--dry-run")
    assert (code, "canopy_01      3 files into one array over time of 288 epochs" in said) == (0, True)
    assert not (place / "stores").exists()
    code, report = told(capsys)
    assert (code, report["files"]) == (0, {"virtual": 3, "native": 0, "rejected": 0})
    code, report = told(capsys)
    assert (code, report["snapshot"], report["up_to_date"]) == (0, None, 3)


def test_status_and_verify_name_what_is_missing_touched_and_changed(place, capsys):
    write(georinex(), place / "nc" / "other" / "a.nc")
    archive(place / "nc", (3,))
    told(capsys)
    assert command(capsys, "verify")[0] == 0
    nc = place / "nc" / "canopy_01"
    (nc / "day+000.nc").unlink()
    os.utime(nc / "day+001.nc", (time.time() + 60,) * 2)
    before = (nc / "day+002.nc").stat()
    with (nc / "day+002.nc").open("r+b") as file:
        file.seek(before.st_size // 2)
        file.write(b"other bytes")
    os.utime(nc / "day+002.nc", ns=(before.st_atime_ns, before.st_mtime_ns))
    write(padded(9), nc / "new.nc")
    code, found = told(capsys, "status")
    assert (code, found["missing"], found["touched"]) == (0, ["canopy_01/day+000.nc"], ["canopy_01/day+001.nc"])
    assert (found["changed"], found["new"]) == ([], 1)
    assert [one["receiver"] for one in found["receivers"]] == ["canopy_01", "other"]
    code, found = told(capsys, "verify")
    assert code == 5
    assert (found["missing"], found["touched"]) == (["canopy_01/day+000.nc"], ["canopy_01/day+001.nc"])
    assert (found["changed"], found["files_read"]) == (["canopy_01/day+002.nc"], 4)
    code, said = command(capsys, "status")
    assert "touched        canopy_01/day+001.nc" in said
    assert "array          2025-01-01 00:00:00 to 2025-01-04 23:45:00, every 900 s" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["report", "--json"],
        ["verify", "--store-only"],
        ["export", "canopy_01", "out", "--format", "netcdf"],
    ],
)
def test_commands_for_receivers_say_that_it_is_none_of_them(place, capsys, arguments):
    told(capsys)
    with pytest.raises(SystemExit) as ended:
        main([*arguments, str(place / "stores/demo/virtual")])
    said = capsys.readouterr().err
    assert ended.value.code == 5
    assert "stores/demo/virtual is a repository of virtual datasets" in said
    assert "virtualize status" in said


def test_verify_by_url_names_the_command_for_virtual_datasets(place, capsys):
    told(capsys)
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(place / "stores/demo/virtual")])
    assert (ended.value.code, "there is virtualize verify" in capsys.readouterr().err) == (2, True)


def test_too_many_rejected_files_end_with_1(place, capsys):
    (place / "nc" / "canopy_01" / "text.nc").write_text("none")
    code, said = command(capsys)
    assert (code, "1 of 4 files were rejected" in said) == (1, True)


@pytest.mark.usefixtures("place")
def test_materialise_since(capsys):
    told(capsys)
    code, report = told(capsys, "--materialise", "--since", "2025-01-03", "--dry-run")
    assert (code, report["files"]["native"], report["snapshot"]) == (0, 1, None)
    code, report = told(capsys, "--materialise", "--since", "2025-01-03")
    assert (code, report["files"]["native"]) == (0, 1)
    code, said = command(capsys, "--since", "2025-01-03")
    assert (code, "goes with --materialise" in said) == (2, True)


def test_without_the_section_it_says_which_is_missing(place, capsys):
    (place / "gnssice.yaml").write_text("{site: demo, archive: {url: rinex}, store: {url: stores}}")
    code, said = command(capsys)
    assert (code, "give virtual.url" in said) == (2, True)


@pytest.mark.processes
def test_without_the_extra_it_says_what_to_install(place):
    script = (
        "import sys; sys.modules['virtualizarr'] = None; sys.argv = ['gnssice-batch', 'virtualize'];"
        "from gnssice_batch.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "virtual datasets need virtualizarr: pip install 'gnssice-batch[virtual]'" in done.stderr


def test_garbage_collection_deletes_nothing_of_the_archive(place, capsys):
    told(capsys)
    told(capsys, "--materialise")
    (place / "nc" / "canopy_01" / "day+001.nc").unlink()
    write(padded(1, seed=4), place / "nc" / "canopy_01" / "day+001.nc")
    told(capsys)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (place / "nc").rglob("*.nc")}
    code, found = told(capsys, "gc", "--older-than", "0", "--delete")
    assert (code, found["expired_versions"] > 0) == (0, True)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (place / "nc").rglob("*.nc")} == before
    assert command(capsys, "verify")[0] == 0


def test_a_run_that_died_is_listed_and_can_be_given_up(place, capsys, monkeypatch):
    from gnssice_batch.job import virtualize

    def dying(*_arguments):
        raise KeyboardInterrupt

    told(capsys)
    archive(place / "nc", (5,))
    with monkeypatch.context() as patch:
        patch.setattr(virtualize, "plan_files", dying)
        with pytest.raises(SystemExit):
            main(["virtualize"])
    code, said = command(capsys, "gc", "--older-than", "0")
    assert code == 5
    run = said.partition("runs abandon ")[2].partition(" ")[0]
    assert f"runs abandon {run} --product virtual" in said
    for arguments in (["list"], ["show", run], ["abandon", run]):
        main_ended(["runs", *arguments, "--product", "virtual"])
        assert run in capsys.readouterr().out
    assert command(capsys, "gc", "--older-than", "0")[0] == 0


def main_ended(arguments):
    """Run a command that ends well."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code
