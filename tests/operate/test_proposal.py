import pytest

from gnssice_batch import load_settings, plan
from gnssice_batch.cli.entry import main
from gnssice_batch.errors import ArchiveError
from gnssice_batch.operate.proposal import proposed
from tests.support.runs import DAY_ONE_S, name, rinex, span_s, write

LONG = "{}00AUT_R_2025001{:02}00_01H_30S_MO.crx.gz"


def of(folder, *paths):
    write(folder / "archive", dict.fromkeys(paths, b"1"))
    return proposed(str(folder / "archive"))


@pytest.mark.parametrize(
    ("paths", "layout", "receivers"),
    [
        (["a/" + LONG.format("RACT", 0), "b/" + LONG.format("RREF", 0)], "{receiver}/**", {"a": 1, "b": 1}),
        (["x/a/ract0010.25o", "x/a/ract0020.25o", "x/b/rref0010.25o"], "*/{receiver}/**", {"a": 2, "b": 1}),
        (["2025/001/ract0010.25o", "2025/002/ract0020.25o"], "auto", {"ract": 2}),
        (["2025/001/ract0010.25o", "2025/001/zimm0010.25o"], "auto", {"ract": 1, "zimm": 1}),
        (["ract0010.25o", "RACT0020.25o"], "auto", {"ract": 2}),
        (["all/ract0010.25o", "all/zimm0010.25o"], "auto", {"ract": 1, "zimm": 1}),
        (["a/x1.dat", "b/x1.dat"], "{receiver}/**", {"a": 1, "b": 1}),
        (["x1.dat", "x2.dat"], "auto", {}),
        (["canopy/25001/ract0010.25o", ".snapshot/old/ract0010.25o"], "{receiver}/**", {"canopy": 1}),
    ],
)
def test_the_layout_follows_from_the_names(tmp_path, paths, layout, receivers):
    found = of(tmp_path, *paths)
    assert (found.layout, found.receivers) == (layout, receivers)


def test_what_names_say_is_said(tmp_path):
    found = of(tmp_path, *("a/" + LONG.format("RACT", hour) for hour in range(3)), "a/ract0010.25n", "README.md")
    assert (found.interval_s, found.earliest, found.others) == (30, "2025-01-01", 2)
    assert "names say 30 s" in found.text
    assert "# grid: {earliest: 2025-01-01}" in found.text


def test_an_archive_without_observations_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="no file that may be one of observations, among 1 files"):
        of(tmp_path, "ract0010.25n")


def test_the_settings_are_those_of_a_run(tmp_path, monkeypatch, capsys):
    files = {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1))}
    write(tmp_path / "my: archive", files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["init", "my: archive"])
    assert not ended.value.code
    said = capsys.readouterr().out
    assert said.startswith((tmp_path / "gnssice.yaml").read_text())
    assert "rec/STAT00SIM_R_20250010000_01H_30S_MO.rnx -> rec" in said
    assert said.endswith("Written to gnssice.yaml. Look at it, then: gnssice-batch plan\n")
    chosen = load_settings("gnssice.yaml")
    assert (chosen.site, chosen.archive.layout) == ("my_archive", "{receiver}/**")
    assert plan(chosen).totals.files == 1


def test_a_file_that_is_there_is_left(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gnssice.yaml").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["init", "."])
    assert ended.value.code == 2
    assert "gnssice.yaml is there already" in capsys.readouterr().err
    assert (tmp_path / "gnssice.yaml").read_text() == "mine"
