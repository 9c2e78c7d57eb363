"""The comparison takes no part of the way on which cells were written."""

import ast
import inspect

from gnssice_batch.verification import comparison


def test_the_second_way_to_the_cells_is_another_one():
    imported = {
        alias.name
        for node in ast.walk(ast.parse(inspect.getsource(comparison)))
        if isinstance(node, ast.ImportFrom) and node.module in {"gnssice_batch.ingest.align", "gnssice_batch.rinex"}
        for alias in node.names
    }
    assert imported == {"Bounds"}
