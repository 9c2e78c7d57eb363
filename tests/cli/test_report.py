"""The command ``report``, and ``run --report`` as a page."""

import json

import pytest

from gnssice_batch.cli import main
from gnssice_batch.reporting import libraries
from tests.support.published import ingested
from tests.support.runs import DAY_ONE_S, name, repository, rinex, settings, span_s, write


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
def store(tmp_path_factory):
    return repository(ingested(tmp_path_factory.mktemp("store"))[0])


def test_a_page_and_json_of_one_store(call, store, tmp_path):
    code, out, _ = call("report", store, "--to", tmp_path / "report.html")
    assert code == 0
    assert out.replace("\n", "") == f"{tmp_path}/report.html: 1 receiver of {store}"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert '<h2 id="r1-name">rec</h2>' in page
    code, out, _ = call("report", store, "--json")
    told = json.loads(out)
    assert (code, [each["receiver"] for each in told["receivers"]]) == (0, ["rec"])
    assert call("report", store, "--to", tmp_path / "report.json")[0] == 0
    kept = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {**kept, "made_at": ""} == {**told, "made_at": ""}


def test_a_part_of_a_store(call, store):
    told = json.loads(
        call("report", store, "--json", "--receiver", "rec", "--since", "2025-01-02", "--version", "1")[1]
    )
    assert told["since"] == "2025-01-02T00:00:00"
    assert told["version"]["number"] == 1
    assert list(told["receivers"][0]["presence"]["hours"]) == ["2025-01-02"]
    code, _, err = call("report", store, "--json", "--receiver", "nobody")
    assert (code, "no receiver nobody; it has rec" in err) == (2, True)
    code, _, err = call("report", store, "--json", "--version", "9")
    assert (code, "no version 9" in err) == (5, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say where to: --to FILE.html"),
        (("--to", "report.txt"), "its name has to end with .html or .json"),
        (("--to", "nowhere/report.html"), "there is no folder nowhere"),
    ],
)
def test_where_to_is_asked_before_the_work(call, options, said):
    code, _, err = call("report", "no/store", *options)
    assert (code, said in err) == (2, True)


def test_libraries_are_asked_for_before_the_work(call, monkeypatch, tmp_path):
    monkeypatch.setattr(libraries, "find_spec", lambda _: None)
    code, _, err = call("report", "no/store", "--to", tmp_path / "report.html")
    assert (code, "needs jinja2 and matplotlib" in err) == (2, True)


def test_no_repository(call, tmp_path):
    code, _, err = call("report", tmp_path / "nothing", "--to", tmp_path / "report.html")
    assert (code, "there is no repository" in err) == (5, True)
    assert not (tmp_path / "report.html").exists()


def test_a_dry_run_makes_no_page(call, tmp_path):
    code, _, err = call("run", "--dry-run", "--report", tmp_path / "plan.html")
    assert (code, "a dry run writes its plan as JSON" in err) == (2, True)


def test_a_run_writes_its_page(call, tmp_path):
    chosen, _ = ingested(tmp_path)
    (tmp_path / "settings.yaml").write_text(
        f"site: {chosen.site}\narchive: {{url: {chosen.archive.url}, layout: '{{receiver}}/**'}}\n"
        f"store: {{url: {chosen.store.url}}}\n"
    )
    code, out, _ = call("run", "-c", tmp_path / "settings.yaml", "--report", tmp_path / "run.html")
    assert code == 0
    assert "nothing to publish" in out
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "nothing new, nothing published" in page


def told_settings(folder):
    """Return a folder with an archive of one file, settings of a store of it, and the file that they are in."""
    chosen = settings(folder, cluster={"kind": "inline"}, log={"level": "error", "progress": False})
    write(folder / "archive", {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 1))})
    path = folder / "settings.yaml"
    path.write_text(json.dumps(chosen.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
    return folder, chosen, path


@pytest.mark.parametrize("ending", ["json", "html"])
def test_a_run_whose_report_can_not_be_written_has_published_all_the_same(call, tmp_path, ending):
    _, chosen, path = told_settings(tmp_path)
    (tmp_path / f"report.{ending}").symlink_to("/dev/full")
    code, _, err = call("run", "-c", path, "--report", tmp_path / f"report.{ending}")
    assert code == 0
    assert "Warning: the report can't be written to" in err.replace("\n", " ")
    assert repository(chosen).is_dir()


@pytest.mark.parametrize("year", [2263, 9999])
def test_a_name_of_a_time_that_can_not_be_stored_is_no_hindrance(call, tmp_path, year):
    folder, chosen, path = told_settings(tmp_path)
    (folder / "archive" / "rec" / f"STAT00SIM_R_{year}0010000_01D_30S_MO.rnx").write_text("nothing")
    code, _, _ = call("run", "-c", path, "--report", tmp_path / "run.html")
    assert code in {0, 1}
    assert (tmp_path / "run.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert repository(chosen).is_dir()
