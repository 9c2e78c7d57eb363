"""Icechunk imported without the threads that it starts at once: a fork has none of its parent's, and would wait."""

import importlib.util
import sys
from importlib.machinery import PathFinder

PARENT, COMPILED = "icechunk", "icechunk._icechunk_python"


def import_icechunk() -> None:
    """Import it with its first call, which begins a log of its own and threads for it, left out."""
    parent = importlib.util.find_spec(PARENT)
    spec = PathFinder.find_spec(COMPILED, parent.submodule_search_locations if parent else None)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(COMPILED)
    compiled = importlib.util.module_from_spec(spec)
    sys.modules[COMPILED] = compiled
    spec.loader.exec_module(compiled)
    begin, compiled.initialize_logs = compiled.initialize_logs, lambda: None
    importlib.import_module(PARENT)
    compiled.initialize_logs = begin
