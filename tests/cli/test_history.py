"""The commands that list and compare versions."""

import json
import re

import pytest

from gnssice_batch.cli import main
from gnssice_batch.job.run import run
from tests.support.runs import DAY_ONE_S, head, name, repository, rinex, settings, span_s, write


def file_at(hour):
    return {name(DAY_ONE_S + 3600 * hour, "01H"): rinex(span_s(DAY_ONE_S + 3600 * hour, 1))}


@pytest.fixture
def store(tmp_path):
    """Two versions, and the URL that they are at."""
    chosen, ids = settings(tmp_path), []
    for hour in (0, 1):
        write(tmp_path / "archive", file_at(hour))
        run(chosen)
        ids.append(head(chosen))
    return str(repository(chosen)), ids


@pytest.fixture
def call(capsys):
    def command(*words):
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return command


def test_versions_is_log(store, call):
    found = [call(command, store[0]) for command in ("versions", "log")]
    assert found[0] == found[1]
    assert [line.split()[0] for line in found[0][1].splitlines()[:3:2]] == store[1][::-1]
    assert re.findall(r"  version (\d+)", found[0][1]) == ["2", "1", "0"]
    assert re.findall(r"  version (\d+)", call("versions", store[0], "-n", "2")[1]) == ["2", "1"]
    told = json.loads(call("versions", store[0], "--json")[1])["versions"]
    assert [one["number"] for one in told] == [2, 1, 0]
    assert "versions" in call("--help")[1]


def test_two_versions_compared(store, call):
    url, (first, second) = store
    code, out, _ = call("diff", first, second, "--url", url)
    assert code == 0
    assert out.splitlines()[2:5] == ["rec", "  epochs         120 more", "  files          1 more"]
    assert out.splitlines()[-1].endswith("kB written again")
    assert call("diff", "1", "--url", url)[1] == out
    assert "120 less" in call("diff", "main", "1", "--url", url)[1]
    assert call("diff", "2", "2", "--url", url)[1].splitlines()[-1] == "the same in both"
    found = json.loads(call("diff", "1", "--url", url, "--json")[1])
    assert (found["before"]["id"], found["after"]["id"]) == (first, second)
    assert found["receivers"]["rec"]["epochs"] == {"added": 120, "changed": 0, "removed": 0}
    everything = json.loads(call("diff", "0", "1", "--url", url, "--json")[1])["receivers"]["rec"]
    assert (everything["state"], everything["epochs"]["added"]) == ("added", 120)
    code, _, err = call("diff", "nothing", "--url", url)
    assert (code, "no version 'nothing'" in err) == (5, True)
