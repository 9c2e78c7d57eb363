"""The command `verify`: what it compares, what it says and its exit codes."""

import json

import pytest

from gnssice_batch.cli import main
from tests.support.published import FIRST, GROUP, SECOND, THIRD, change


@pytest.fixture
def command(published, tmp_path, capsys):
    """Run the command on the published store; return its exit code, standard output and standard error."""
    path = tmp_path / "settings.yaml"
    path.write_text(json.dumps(published.model_dump(mode="json", exclude_none=True)))

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["verify", "-c", str(path), *arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.mark.heavy
def test_the_command(command, published, tmp_path):
    code, out, _ = command("--full")
    assert code == 0
    assert "3 files of 3 taken, 1,080 epochs" in out
    code, out, _ = command("--sample", "1", "--json")
    assert (code, json.loads(out)["compared"]["files"]) == (0, 1)

    (tmp_path / "archive" / FIRST).unlink()
    code, out, _ = command("--receiver", GROUP)
    assert code == 0
    assert f"{FIRST}: can't be had any more" in out

    change(published, "Phase", (2880, 1), 0.5)
    code, out, err = command("--full")
    assert code == 5
    assert f"{GROUP}: {THIRD}: epoch 2025-01-02T00:00:00.000, G02|L1|C: Phase is 0.5 in the store" in err

    for file in (SECOND, THIRD):
        (tmp_path / "archive" / file).unlink()
    code, _, err = command("--full")
    assert code == 3
    assert "no file could be compared, 3 are gone or changed" in err
    assert command("--full", "--sample", "2")[0] == 2
    assert command("--receiver", "nobody")[0] == 5
