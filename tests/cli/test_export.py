"""The command `export`: what it writes, what it says and its exit codes."""

import json

import pytest

from gnssice_batch.cli import main
from tests.support.published import GROUP
from tests.support.runs import repository


@pytest.fixture
def command(published, tmp_path, capsys):
    """Run the command on the published store, as a URL; return its exit code, standard output and standard error."""

    def call(receiver, *arguments, folder="out"):
        with pytest.raises(SystemExit) as ended:
            main(["export", receiver, str(tmp_path / folder), str(repository(published)), *arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.mark.heavy
def test_the_command(command, tmp_path):
    code, out, _ = command(GROUP, "--compress", "crx.gz")
    assert code == 0
    first = "STAT00SIM_R_20250010000_01D_30S_MO.crx.gz"
    assert f"{tmp_path / 'out' / first}  2025-01-01 00:00:00 to 2025-01-01 07:59:30  960 epochs, " in out
    assert "2 files, 1,080 epochs" in out

    code, out, err = command(GROUP, "--compress", "crx.gz")
    assert code == 1
    assert f"{first} was not written: exists" in err

    code, out, _ = command(GROUP, "--format", "parquet", "--since", "2025-01-02", "--json")
    report = json.loads(out)
    assert code == 0
    assert [one["epochs"] for one in report["files"]] == [120]
    assert report["withheld"] == []


def test_what_can_not_be_asked_for(command):
    assert command("nobody")[0] == 5
    assert command(GROUP, "--format", "netcdf", "--compress", "gz")[0] == 2
    assert command(GROUP, "--since", "2025-01-02", "--until", "2025-01-01")[0] == 2
    assert command(GROUP, "--version", "nothing")[0] == 5
    code, _, err = command(GROUP, "--since", "2030-01-01")
    assert code == 1
    assert "holds nothing in this span" in err
    code, _, err = command(GROUP, folder="archive/rec/STAT00SIM_R_20250010000_06H_30S_MO.rnx/below")
    assert code == 2
    assert "can't be made" in err
