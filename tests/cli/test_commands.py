"""The command line as an operator meets it: in a pipe, 80 columns wide, by exit code and by message."""

import gzip
import json
import logging
import re
import shutil
from pathlib import Path

import pytest

from gnssice_batch.cli import main
from gnssice_batch.cli.commands import app
from gnssice_batch.cli.entry import exit_code, message
from gnssice_batch.cli.formatting import duration, size
from gnssice_batch.errors import (
    ArchiveError,
    ConfigError,
    GnssiceError,
    InterruptedRunError,
    NoSchedulerError,
    PlanError,
    RefusedError,
    RunConflictError,
    StoreError,
)

TWO_FAULTS = (
    f"{'3.04':>9}{'':11}{'OBSERVATION DATA':20}{'M':20}RINEX VERSION / TYPE\n"
    f"{'NAST':60}MARKER NAME\n{'G    1 C1C':60}SYS / # / OBS TYPES\n{'':60}END OF HEADER\nrubbish\n"
    + "".join(
        f"> 2025 01 01 00 0{minute}  0.0000000  0  2\nG01  20000000.000\nG02  2000x000.000\n" for minute in range(3)
    )
)
"""A stray line, then three epochs with a bad value each."""

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(command.name or command.callback.__name__ for command in app.registered_commands)
ERRORS = (RefusedError, ConfigError, ArchiveError, PlanError, StoreError, RunConflictError, InterruptedRunError)


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    yield
    logging.getLogger("gnssice_batch").handlers[:] = [logging.NullHandler()]


@pytest.fixture
def call(capsys):
    """Run a command; return its exit code, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Two receivers, three hours at 30 s in files of 15 minutes, two of them damaged."""
    folder = tmp_path_factory.mktemp("simulated")
    span = ["--days", "0.125", "--damaged", "2", "--seed", "3"]
    with pytest.raises(SystemExit) as ended:
        main(["simulate", str(folder / "archive"), *span, "--no-navigation"])
    assert not ended.value.code
    return folder / "archive"


@pytest.fixture
def settings(simulated, tmp_path):
    """Settings over a copy of the simulated archive, with a store of the test's own."""
    shutil.copytree(simulated, tmp_path / "archive")
    path = tmp_path / "settings.yaml"
    path.write_text(
        f"site: here\narchive: {{url: {tmp_path}/archive, layout: '{{receiver}}/**'}}\n"
        f"store: {{url: {tmp_path}/stores}}\nchunks: {{epoch: 120}}\nrun: {{max_refused_fraction: 0.5}}\n"
    )
    return path


@pytest.mark.heavy
def test_a_run_and_what_it_leaves(call, settings, tmp_path):
    code, out, err = call("run", "-c", settings, "--report", tmp_path / "report.json")
    assert code == 0
    assert "not_rinex" in out
    assert "truncated" in out
    assert re.search(r"INFO ingest: all \d+ files done", err)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["snapshot"]
    assert len(report["refused_files"]) == 2
    assert {line["status"] for line in report["refused_files"]} == {"rejected", "partial"}

    code, out, _ = call("status", "-c", settings, "--json")
    stored = json.loads(out)
    assert code == 0
    assert stored["snapshot"]["id"] == report["snapshot"]
    written = {name: receiver["epochs_written"] for name, receiver in report["receivers"].items()}
    assert {name: receiver["epochs_filled"] for name, receiver in stored["receivers"].items()} == written

    code, out, _ = call("status", "-c", settings)
    assert all(f"{count:,} of " in out for count in written.values())
    code, out, _ = call("log", "-c", settings)
    assert out.splitlines()[0].startswith(report["snapshot"])

    code, out, _ = call("run", "-c", settings)
    assert code == 0
    assert "nothing to publish" in out


def test_a_plan_changes_nothing(call, settings, tmp_path):
    code, out, _ = call("plan", "-c", settings, "--set", "chunks.epoch=100")
    assert code == 0
    assert "not 100: that is neither whole days nor a part of a day, which has 2880 epochs" in out
    code, out, _ = call("plan", "-c", settings, "--json", "-")
    plan = json.loads(out)
    assert plan["files"] == sum(receiver["files"] for receiver in plan["receivers"].values())
    assert plan["partitions"] == sum(receiver["partitions"] for receiver in plan["receivers"].values()) > 2
    assert {receiver["write_unit_note"] for receiver in plan["receivers"].values()} == {""}
    assert not (tmp_path / "stores").exists()


def test_a_report_on_standard_output_stays_json(call, settings):
    _, out, err = call("run", "-c", settings, "--report", "-")
    assert json.loads(out)["snapshot"]
    assert "canopy_01" in err


def test_skipped_files_are_named(call, settings, tmp_path):
    """Counted by kind; named where they look like observations; all of them where they are asked for."""
    archive = tmp_path / "archive"
    good = next(path for path in sorted(archive.rglob("*")) if path.is_file())
    shutil.copy(good, archive / good.name)
    (archive / "abcd0010.25n").write_bytes(b"")
    (archive / "README.md").write_text("about")
    kinds = "3 files: 1 no receiver, 1 unknown, 1 navigation"
    code, out, _ = call("plan", "-c", settings, "--json", tmp_path / "plan.json")
    assert code == 0
    assert kinds in out
    assert f"Warning: skipped, though these look like observations\n  {good.name}: archive.layout" in out
    assert "README.md" not in out
    named = {each["file"]: each for each in json.loads((tmp_path / "plan.json").read_text())["skipped_files"]}
    assert set(named) == {good.name, "abcd0010.25n", "README.md"}
    assert named["abcd0010.25n"] == {
        "file": "abcd0010.25n", "kind": "navigation", "reason": "navigation file by its name", "observations": False,
    }  # fmt: skip
    _, out, _ = call("plan", "-c", settings, "--skipped")
    assert "  navigation  abcd0010.25n: navigation file by its name\n" in out
    assert "  unknown  README.md: the name has none of the known forms" in out
    _, out, _ = call("run", "-c", settings, "--report", tmp_path / "report.json")
    assert kinds in out
    assert "Warning: skipped, though these look like observations" in out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["skipped_by_kind"] == {"no_receiver": 1, "unknown": 1, "navigation": 1}
    assert {each["file"] for each in report["skipped_files"]} == set(named)


def test_several_markers_are_warned_of(call, settings, tmp_path):
    folder = sorted(path for path in (tmp_path / "archive").iterdir() if path.is_dir())
    for path in list(folder[0].rglob("*.gz")):
        shutil.move(path, next(folder[1].rglob("*.gz")).parent)
    for command in ("plan", "run"):
        _, out, _ = call(command, "-c", settings)
        warning = out.partition("Warning: files of several markers in one receiver")[2].splitlines()[1]
        assert re.search(r"  \w+: \w+ \(\d+ files?\), \w+ \(\d+ files?\)", warning)


def test_all_reasons_of_a_file_are_told_with_their_counts(call, settings, tmp_path):
    archive = tmp_path / "archive"
    shutil.rmtree(archive)
    text = TWO_FAULTS.encode()
    for name, content in (("ok", text), ("bad", text.replace(b"rubbish\n", b"").replace(b"> 2025 01", b"> 2025 13"))):
        (archive / name).mkdir(parents=True)
        (archive / name / "NAST00XXX_R_20250010000_01H_01M_MO.rnx").write_bytes(content)
    _, out, _ = call("run", "-c", settings, "--set", "grid.interval_s=30")
    assert "      partial: 3 x bad_value, 1 x stray_line, first stray_line (line 5); 3 epochs written\n" in out
    told = "no_epochs, there is no usable epoch in it; first comes bad_epoch_record (line 5); also 3 x bad_epoch_record"
    assert f"      rejected: {told}" in out
    _, out, _ = call("quarantine", "list", "-c", settings, "--all")
    assert "    partial: 3 x bad_value, 1 x stray_line, first stray_line (line 5)\n    line begins 'rubbish'\n" in out
    bad = next(archive.glob("bad/*"))
    code, out, _ = call("inspect", bad)
    assert code == 1
    assert f"  because        {told}" in out
    assert "  line begins    '> 2025 13" in out
    _, out, _ = call("inspect", bad, "--json")
    seen = json.loads(out)
    assert list(seen["reasons"])[:2] == ["no_epochs", "bad_epoch_record"]
    assert seen["refusal"]["line"] == 5


def test_too_many_refused_files_end_with_1(call, settings):
    code, _, _ = call("run", "-c", settings, "--set", "run.max_refused_fraction=0.001")
    assert code == 1


def test_wrong_settings_end_with_2(call, settings):
    code, out, err = call("run", "-c", settings, "--set", "cluster.wrokers=3", "--set", "chunks.epoch=0")
    assert (code, out) == (2, "")
    assert "  - cluster.wrokers is not a setting; did you mean cluster.workers?" in err.splitlines()
    assert len(err.splitlines()) == 3


def test_no_settings_file_is_said(call):
    code, _, err = call("status")
    assert code == 2
    assert "name one with --config FILE" in err


def test_a_missing_archive_ends_with_3(call, settings, tmp_path):
    code, _, err = call("run", "-c", settings, "--set", f"archive.url={tmp_path}/nowhere")
    assert code == 3
    assert "Traceback" not in err


def test_every_conflict_has_its_line_and_ends_with_4(call, settings):
    receivers = "archive.receivers={a: {include: ['**']}, b: {include: ['**']}}"
    code, _, err = call("plan", "-c", settings, "--set", receivers)
    conflicts = [line for line in err.splitlines() if line.startswith("  - ")]
    assert code == 4
    assert len(conflicts) > 2
    assert all("belongs to several receivers" in line for line in conflicts)


def test_no_store_ends_with_5(call, settings):
    for command in ("status", "log"):
        code, _, err = call(command, "-c", settings)
        assert code == 5
        assert "the first run makes it" in err


@pytest.mark.parametrize("below", ["", "archive"])
def test_a_folder_that_cant_be_written_is_told_in_a_sentence(call, tmp_path, below):
    (tmp_path / "in_the_way").write_text("")
    code, _, err = call("simulate", tmp_path / "in_the_way" / below)
    assert code == 2
    assert "in_the_way" in err
    assert "can't be written" in err
    assert len(err.splitlines()) == 1


def test_so_is_a_file_that_cant_be_written(call, tmp_path):
    assert call("simulate", tmp_path / "made", "--days", "0.01")[0] == 0
    (file, *_) = sorted((tmp_path / "made").rglob("*.gz"))
    (tmp_path / "again" / file.relative_to(tmp_path / "made")).mkdir(parents=True)
    code, _, err = call("simulate", tmp_path / "again", "--days", "0.01")
    assert (code, len(err.splitlines())) == (2, 1)
    assert f"{file.name} can't be written: Is a directory" in err


def test_what_nobody_foresaw_ends_with_70_and_a_traceback(call, tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("gnssice_batch.simulate.simulate", broken)
    code, _, err = call("simulate", tmp_path / "archive")
    assert code == 70
    assert "Traceback" in err


def test_an_error_of_no_kind_is_unexpected():
    assert exit_code(GnssiceError("a task died")) == 70
    assert [exit_code(kind("x")) for kind in ERRORS] == [1, 2, 3, 4, 5, 6, 7]


def test_an_error_is_one_line_or_a_line_per_fault():
    assert message(StoreError("it is locked")) == "Error: the store can't be used: it is locked"
    assert message(PlanError(["one", "two"])).splitlines()[1:] == ["  - one", "  - two"]


def test_inspect_shows_a_file_and_what_is_odd(call, simulated):
    file = min(simulated.rglob("*.crx.gz"))
    code, out, _ = call("inspect", file)
    assert code == 0
    assert "30 s found, 30 s stated" in out
    code, out, _ = call("inspect", file, "--json")
    seen = json.loads(out)
    assert seen["parts"][0]["station"] == "C001"
    assert seen["compact"]


def test_inspect_of_what_is_no_rinex_ends_with_1(call, tmp_path):
    (tmp_path / "page.gz").write_bytes(gzip.compress(b"<html>[bold]not found[/bold]</html>\n"))
    code, out, _ = call("inspect", tmp_path / "page.gz")
    assert code == 1
    assert "not_rinex" in out
    assert "[bold]not found" in out


def test_output_in_a_pipe_is_plain_and_no_wider_than_a_terminal(call, settings):
    for command in (["plan"], ["run"], ["status"], ["log"]):
        _, out, err = call(*command, "-c", settings)
        assert "\x1b" not in out + err
        assert "\r" not in out + err
        assert "…" not in out
        names = (str(settings.parent), ".crx.gz", "INFO", "Repository initialized")
        own = [line for line in out.splitlines() if not any(name in line for name in names)]
        assert max(map(len, own), default=0) <= 80


def test_the_schema_is_the_settings(call):
    code, out, _ = call("schema")
    assert code == 0
    assert json.loads(out)["properties"].keys() >= {"site", "archive", "store", "cluster"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_a_place_in_the_readme(call, command):
    code, out, _ = call(command, "--help")
    assert code == 0
    assert "Example:" in out
    assert f"gnssice-batch {command}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_exit_code_is_documented(call):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    of_jobs = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    _, shown, _ = call("run", "--help")
    for code in (0, 1, *(error.exit_code for error in ERRORS), 70, 130):
        assert re.search(rf"^\| {code} \|", readme, re.MULTILINE)
        assert code == 130 or re.search(rf"^\| {code} \|", of_jobs, re.MULTILINE), "no pod is ended from a keyboard"
        assert re.search(rf"^ +{code} +\w", shown, re.MULTILINE)


def test_the_exit_code_of_a_worker_is_documented(call):
    code = NoSchedulerError.exit_code
    assert re.search(rf"^\| {code} \| `worker`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert re.search(rf"^ +{code} +\w", call("worker", "--help")[1], re.MULTILINE)


def test_version(call):
    assert call("--version")[1].startswith("gnssice_batch ")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (16_433_113, "16.4 MB"), (2.5e12, "2.5 TB")]
)
def test_size(value, text):
    assert size(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.2, "0.2 s"), (90, "1.5 min"), (7200, "2 h"), (129_600, "1.5 d")])
def test_duration(value, text):
    assert duration(value) == text
