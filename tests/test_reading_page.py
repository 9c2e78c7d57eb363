"""docs/reading.md as it stands: its Python runs, one block after the other; so does the notebook that it leads to."""

import re
import subprocess
import sys

import pytest
import xarray as xr

from gnssice_batch import run
from gnssice_batch.simulate import SimulationPlan, simulate
from gnssice_batch.store.reading.backend import GnssiceBackend
from tests.conftest import ROOT
from tests.support.runs import repository, settings

PAGE = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walk")
    simulate(folder / "archive", SimulationPlan(interval_s=30.0, period_s=43_200.0, outage_fraction=0.0))
    chosen = settings(folder, chunks={"epoch": 2880})
    run(chosen)
    return str(repository(chosen))


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:Treating an array-like object that is not a numpy ndarray")
def test_the_python_of_the_page_runs(url, monkeypatch, capsys):
    """The engine is given by its class: a checkout that is not installed has no name for it."""
    opened = {name: getattr(xr, name) for name in ("open_dataset", "open_datatree")}
    for name, call in opened.items():
        monkeypatch.setattr(
            xr, name, lambda *given, engine, call=call, **how: call(*given, engine=by_name(engine), **how)
        )
    names = {"url": url}
    for block in BLOCKS:
        exec(compile(block, "docs/reading.md", "exec"), names)
    assert names["same"].identical(open_as_the_page(names))
    assert "paper-2025" in names["store"].list_tags()
    assert names["ionosphere"].notnull().any()
    assert "['canopy_01', 'reference_01']" in capsys.readouterr().out


def by_name(engine):
    assert engine == "gnssice"
    return GnssiceBackend


def open_as_the_page(names):
    return names["open_dataset"](names["url"], "canopy_01")


@pytest.mark.heavy
@pytest.mark.processes
def test_the_notebook_draws(url, tmp_path):
    script = [sys.executable, "-W", "error", str(ROOT / "examples" / "read_year.py"), url, str(tmp_path / "year.png")]
    done = subprocess.run(script, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "24 hours" in done.stdout
    assert (tmp_path / "year.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_is_found():
    assert "[reading](docs/reading.md)" in (ROOT / "README.md").read_text(encoding="utf-8").lower()
