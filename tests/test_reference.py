"""docs/reference/ is what the docstrings say."""

import runpy
from pathlib import Path

import gnssice_batch

SCRIPT = Path(__file__).resolve().parents[1] / "docs" / "make_reference.py"
WRITER = runpy.run_path(str(SCRIPT))


def test_the_pages_are_up_to_date():
    """After a change of a docstring: `make reference`."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in WRITER["FOLDER"].iterdir()}
    assert committed == WRITER["pages"]()


def test_every_public_name_has_a_place():
    names = [name for _, names in WRITER["PAGES"].values() for name in names.split()]
    assert sorted(names) == sorted(set(gnssice_batch.__all__) - {"__version__"})


def test_an_entry_has_signature_parameters_and_example():
    entry = WRITER["pages"]()["store.md"].partition("## verify\n")[2].partition("\n## ")[0]
    assert "sample: int | None = 20," in entry
    assert "- `sample`: Files per receiver" in entry
    assert "```pycon\n>>> from gnssice_batch import verify" in entry
    fields = WRITER["pages"]()["store.md"].partition("## StoreReport\n")[2]
    assert "| `taken` | `int` | Files that" in fields
