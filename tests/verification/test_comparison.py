"""The second reading takes no part of the way on which cells were written: all that it imports stands here."""

import ast
from pathlib import Path

import pytest

import gnssice_batch

PACKAGE = Path(gnssice_batch.__file__).parent
PLAIN = tuple(sorted((PACKAGE / "rinex" / "plain").glob("*.py")))
PLAIN_MAY = {
    "errors": {"ReadError"},
    "rinex.containers.unpack": {"members"},
    "signals": {"SYSTEMS", "SignalColumn", "columns"},
}
COMPARISON_MAY = {
    "ingest.align": {"Bounds"},
    "model.grid": {"Grid", "gps_datetime"},
    "model.template": {"EPOCH_COORDINATES", "VARIABLES", "ArraySpec"},
    "model.values": {"NO_SOURCE", "Tally"},
    "rinex.plain": {"MISSING", "Series"},
    "verification": {"plain_cells"},
    "verification.plain_cells": {"VARIABLE_OF"},
}
CELLS_MAY = {"rinex.plain": {"MISSING", "Block", "Series"}, "signals": {"sid"}}
OUTSIDE = {"collections", "dataclasses", "datetime", "functools", "itertools", "numpy", "typing"}


def imports(source):
    """Every module that is imported anywhere in a source, with what is taken of it; ``*`` where that is all of it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "*") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def not_allowed(source, allowed, own=()):
    """What a source imports of other libraries than `OUTSIDE`, or of the package and is not allowed."""
    for module, name in imports(source):
        top, _, inside = module.partition(".")
        if top != PACKAGE.name:
            if top not in OUTSIDE:
                yield module, name
        elif name not in allowed.get(inside, ()) and inside not in own:
            yield module, name


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_the_second_reader_shares_unpacking_and_signal_names_alone(path):
    own = {"rinex.plain", *(f"rinex.plain.{one.stem}" for one in PLAIN)}
    assert list(not_allowed(path.read_text(encoding="utf-8"), PLAIN_MAY, own)) == []


@pytest.mark.parametrize(("name", "allowed"), [("comparison", COMPARISON_MAY), ("plain_cells", CELLS_MAY)])
def test_the_second_way_to_the_cells_is_another_one(name, allowed):
    assert list(not_allowed((PACKAGE / "verification" / f"{name}.py").read_text(encoding="utf-8"), allowed)) == []


@pytest.mark.parametrize(
    "line",
    [
        "from gnssice_batch.rinex.header.scales import scale_record",
        "from gnssice_batch.rinex import read",
        "from gnssice_batch.signals import split_sid",
        "from gnssice_batch import rinex",
        "import gnssice_batch.rinex.kernels.text",
        "from ..kernels import text",
        "from importlib import import_module",
        "import numba",
        "def late():\n    from gnssice_batch.rinex import read",
    ],
)
def test_what_is_not_allowed_is_found(line):
    assert len(list(not_allowed(line, PLAIN_MAY))) == 1
