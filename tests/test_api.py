"""The public Python interface: its names, what they load, and the examples of its documentation."""

import ast
import doctest
import inspect as introspection
import json
import subprocess
import sys
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from shutil import copytree

import pytest

import gnssice_batch
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.simulate import SimulationPlan, simulate, write_navigation
from tests.support.netcdf import archive as days

PACKAGE = Path(gnssice_batch.__file__).parent
PUBLISHED = {"status", "open_dataset", "ledger", "verify", "export", "diff", "report", "migrate"} | {
    "plan_vod",
    "run_vod",
    "vod_status",
}
"""Examples that need a store."""
FUNCTIONS = ("load_settings", "plan", "run", "inspect", *sorted(PUBLISHED), "virtualize", "open_virtual")
PLACES = {**dict.fromkeys(PUBLISHED, "published"), "virtualize": "netcdf", "open_virtual": "referenced"}
"""Fixtures of the examples that need more than an archive."""

SETTINGS = (
    "site: rosalia\narchive: {url: archive, layout: '{receiver}/**'}\nstore: {url: stores}\nchunks: {epoch: 240}\n"
)


def imported_for_type_checkers():
    """Return name to module, from the imports that only type checkers see."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {alias.name: node.module for node in block.body for alias in node.names}


def test_names_and_table_and_type_checkers_agree():
    table = {
        name: f"gnssice_batch.{module}" for module, names in gnssice_batch._PLACES.items() for name in names.split()
    }
    assert sorted(table) == sorted(set(gnssice_batch.__all__) - {"__version__"})
    assert imported_for_type_checkers() == table
    assert {name: getattr(gnssice_batch, name) for name in table} == {
        name: getattr(import_module(module), name) for name, module in table.items()
    }


def test_every_function_is_callable_and_says_what_it_returns():
    names = [name for name in gnssice_batch.__all__ if introspection.isfunction(getattr(gnssice_batch, name))]
    assert sorted(names) == sorted(FUNCTIONS)
    for name in names:
        assert "Examples\n    --------\n    >>>" in getattr(gnssice_batch, name).__doc__
        assert (
            introspection.signature(getattr(gnssice_batch, name)).return_annotation is not introspection.Signature.empty
        )


def test_no_module_takes_the_name_of_a_public_one():
    modules = {path.stem for path in PACKAGE.iterdir()}
    assert modules & set(gnssice_batch.__all__) == set()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'opne_dataset'"):
        gnssice_batch.opne_dataset  # noqa: B018


def test_the_version_is_the_installed_one():
    assert gnssice_batch.__version__ == version("gnssice-batch")
    assert f"gnssice_batch {gnssice_batch.__version__}" == SOFTWARE


def test_importing_the_package_loads_nothing_heavy():
    code = "import gnssice_batch, sys; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numba", "xarray", "pandas", "icechunk", "zarr", "dask", "pydantic", "numpy", "yaml", "rich", "typer"}
    assert {name.partition(".")[0] for name in modules} & heavy == set()
    assert [name for name in modules if name.startswith("gnssice_batch.")] == []


@pytest.mark.heavy
def test_type_checkers_see_the_names(tmp_path):
    """Mypy follows the names to their signatures, because the package says that it is typed."""
    user = tmp_path / "user.py"
    user.write_text(
        "import gnssice_batch\n"
        "report: gnssice_batch.RunReport = gnssice_batch.run('settings.yaml')\n"
        "agrees: bool = gnssice_batch.verify(gnssice_batch.load_settings('settings.yaml')).agrees\n"
        "wrong: int = gnssice_batch.inspect(b'')\n"
    )
    assert (PACKAGE / "py.typed").is_file()
    command = [sys.executable, "-m", "mypy", "--config-file", PACKAGE.parent / "pyproject.toml", user]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PACKAGE.parent).stdout
    assert [line.partition("error: ")[2] for line in found.splitlines() if "error: " in line] == [
        'Incompatible types in assignment (expression has type "Inspection", variable has type "int")  [assignment]'
    ]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Two receivers, three hours at 30 s in files of 15 minutes, their satellites' orbits, and the settings."""
    folder = tmp_path_factory.mktemp("api")
    wanted = SimulationPlan(start=date(2025, 1, 1), days=0.125)
    simulate(folder / "archive", wanted)
    write_navigation(folder / "archive", wanted)
    (folder / "settings.yaml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def published(archive, tmp_path_factory):
    """The same with its store."""
    folder = copytree(archive, tmp_path_factory.mktemp("published") / "site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert gnssice_batch.run("settings.yaml").snapshot
    return folder


@pytest.fixture(scope="module")
def netcdf(tmp_path_factory):
    """Three days of a receiver as NetCDF files, and the settings beside them."""
    pytest.importorskip("virtualizarr")
    folder = tmp_path_factory.mktemp("netcdf")
    days(folder / "nc")
    (folder / "settings.yaml").write_text(SETTINGS + "virtual: {url: nc}\n")
    return folder


@pytest.fixture(scope="module")
def referenced(netcdf, tmp_path_factory):
    """The same with its virtual repository, which refers to the files here, wherever it is copied."""
    folder = copytree(netcdf, tmp_path_factory.mktemp("referenced") / "site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert gnssice_batch.virtualize("settings.yaml").snapshot
    return folder


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_examples_of_the_documentation(name, request, tmp_path, monkeypatch):
    source = request.getfixturevalue(PLACES.get(name, "archive"))
    monkeypatch.chdir(copytree(source, tmp_path / "site"))
    function = getattr(gnssice_batch, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    assert example.examples
    said = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=said.append)
    assert result.failed == 0, "".join(said)


def test_settings_and_their_path_are_the_same(published, monkeypatch):
    monkeypatch.chdir(published)
    settings = gnssice_batch.load_settings("settings.yaml")
    assert (
        gnssice_batch.status(settings)
        == gnssice_batch.status("settings.yaml")
        == gnssice_batch.status(Path("settings.yaml"))
    )


def test_a_store_is_told_by_its_folder_and_by_its_url(published, monkeypatch, tmp_path):
    monkeypatch.chdir(published)
    folder = Path("stores/rosalia/rinex")
    url = folder.absolute().as_uri()
    first = gnssice_batch.status("settings.yaml").snapshot.id
    for number, store in enumerate((folder, str(folder), url)):
        assert gnssice_batch.status(store).snapshot.id == first
        assert gnssice_batch.diff(store, first).groups == ()
        assert len(gnssice_batch.export(store, "canopy_01", tmp_path / str(number)).files) == 1
        assert [each.receiver for each in gnssice_batch.report(store, receivers=["canopy_01"]).receivers] == [
            "canopy_01"
        ]
    with pytest.raises(gnssice_batch.ConfigError, match="settings have their own"):
        gnssice_batch.status("settings.yaml", storage_options={"region": "x"})
    with pytest.raises(gnssice_batch.ConfigError, match="nowhere"):
        gnssice_batch.status("nowhere")


def test_one_receiver_and_days_as_they_are_written(published, monkeypatch, tmp_path):
    monkeypatch.chdir(published)
    facts = gnssice_batch.report("settings.yaml", receivers="canopy_01", since="2025-01-01")
    assert [each.receiver for each in facts.receivers] == ["canopy_01"]
    assert gnssice_batch.verify("settings.yaml", sample=1, receivers="canopy_01").agrees
    assert gnssice_batch.plan("settings.yaml", receivers="canopy_01", since="2025-01-01").totals.files == 0
    part = gnssice_batch.export("settings.yaml", "canopy_01", tmp_path, since="2025-01-01", until="2025-01-01T01:00")
    assert [file.epochs for file in part.files] == [120]
    with pytest.raises(gnssice_batch.ConfigError, match="'yesterday' is no day and no time"):
        gnssice_batch.export("settings.yaml", "canopy_01", tmp_path, since="yesterday")


def test_a_report_is_what_its_name_says(published, monkeypatch, tmp_path):
    monkeypatch.chdir(published)
    page, tree = tmp_path / "report.html", tmp_path / "report.json"
    facts = gnssice_batch.report("settings.yaml", page)
    gnssice_batch.report("settings.yaml", str(tree), version=facts.version.id)
    assert page.read_text().startswith("<!doctype html>")
    told = json.loads(tree.read_text())
    assert told["receivers"] == json.loads(json.dumps(facts.as_json()))["receivers"]
    assert [each["receiver"] for each in told["receivers"]] == ["canopy_01", "reference_01"]
    for to, words in (
        ("report.txt", "has to end with"),
        (tmp_path / "no" / "report.json", "can't be written: No such"),
    ):
        with pytest.raises(gnssice_batch.ConfigError, match=words):
            gnssice_batch.report("settings.yaml", to)


def test_a_file_is_inspected_by_path_and_by_content(archive):
    path = min((archive / "archive").rglob("*.crx.gz"))
    seen = gnssice_batch.inspect(path)
    assert seen == gnssice_batch.inspect(path.read_bytes(), path.name)
    assert seen.name == path.name
    assert gnssice_batch.inspect(path.read_bytes()).warnings != seen.warnings
    with pytest.raises(gnssice_batch.ArchiveError):
        gnssice_batch.inspect(path.with_name("missing.rnx"))


def test_results_are_json(published, monkeypatch):
    monkeypatch.chdir(published)
    report = gnssice_batch.run("settings.yaml")
    assert report.as_json()["up_to_date"] == 24
    assert gnssice_batch.plan("settings.yaml").as_json()["files"] == 0
    assert gnssice_batch.status("settings.yaml").as_json()["receivers"].keys() == {"canopy_01", "reference_01"}
    assert gnssice_batch.verify("settings.yaml", 1).as_json()["agrees"] is True
    seen = gnssice_batch.inspect(b"<html>", "page.html")
    assert seen.as_json()["odd"] == list(seen.warnings) != []
