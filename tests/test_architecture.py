"""The shape of the package, read from its sources: who imports whom, through which door, and how long things are."""

import ast
import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "gnssice_batch"
NAME = PACKAGE.name

STOREYS = (
    ("errors", "signals_rinex2"),
    ("signals", "grid", "log", "folder", "records", "interruption"),
    ("model", "config"),
    ("template", "rinex"),
    ("align", "archive", "breaker", "report", "store", "simulate"),
    ("plan", "reading", "cluster", "journal"),
    ("sources", "survey", "inspection", "resume", "comparison"),
    ("ingest", "prospect", "warming", "oddities", "rereading"),
    ("prepare", "holdings"),
    ("rounds", "outlook", "quarantine"),
    ("results", "verify"),
    ("run", "verify_store"),
    ("housekeeping",),
    ("cli", "__init__"),
    ("__main__",),
)
"""From the ground up: a module or subpackage imports from the storeys below its own, and from within itself."""

STOREY = {house: number for number, storey in enumerate(STOREYS) for house in storey}

RINEX_KNOWS = {"signals", "errors"}

DOORS = {
    "adlfs": {"folder"},
    "dask": {"cluster"},
    "distributed": {"cluster"},
    "filelock": {"store"},
    "fsspec": {"folder"},
    "georinex": {"rinex"},
    "hatanaka": {"rinex", "simulate"},
    "icechunk": {"store"},
    "isal": {"rinex"},
    "llvmlite": {"rinex"},
    "ncompress": {"rinex"},
    "numba": {"rinex", "align", "simulate"},
    "numcodecs": {"store"},
    "pandas": {"store"},
    "pydantic": {"config"},
    "rich": {"cli"},
    "s3fs": {"folder"},
    "typer": {"cli"},
    "xarray": {"store"},
    "yaml": {"config"},
    "zarr": {"store"},
}
"""Where each library may be imported; numpy may everywhere. hatanaka and numba serve two masters that share nothing."""

FORBIDDEN_WORDS = {"utils", "util", "helpers", "helper", "common", "core", "manager", "processor", "handler", "engine"}
FORBIDDEN_NAMES = {"data", "info"}

LONGEST_FUNCTION, USUAL_FUNCTION, USUAL_PART, LONGEST_FILE = 50, 20, 0.85, 400

SOURCES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
FUNCTIONS = [
    (path, node)
    for path, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


MODULES = {module_name(path): path for path in SOURCES}


def house(module):
    """Return the module or subpackage below the package that a module is in."""
    return module.split(".")[1]


def imported(path):
    """Yield the full name of everything a file imports, wherever in the file."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} line {node.lineno}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_module(name):
    """Return the module of ours that an imported name is, or is in."""
    parts = name.split(".")
    while len(parts) > 1:
        if ".".join(parts) in MODULES:
            return ".".join(parts)
        parts.pop()
    return f"{NAME}.__init__"


OWN_IMPORTS = {
    module: {own_module(name) for name in imported(path) if name.split(".")[0] == NAME}
    for module, path in MODULES.items()
}


def libraries(path):
    return {name.split(".")[0] for name in imported(path)} - {NAME, "numpy"} - sys.stdlib_module_names


def test_every_module_has_a_storey():
    assert {house(module) for module in MODULES} - STOREY.keys() == set()


def test_imports_point_down():
    wrong = [
        f"{module} imports {target}"
        for module, targets in OWN_IMPORTS.items()
        for target in targets
        if house(module) != house(target) and STOREY[house(module)] <= STOREY[house(target)]
    ]
    assert wrong == []


def test_no_cycles():
    remaining = {module: targets - {module} for module, targets in OWN_IMPORTS.items()}
    while True:
        free = {module for module, targets in remaining.items() if not targets & remaining.keys()}
        if not free:
            break
        remaining = {module: targets for module, targets in remaining.items() if module not in free}
    assert sorted(remaining) == []


def test_the_reader_could_be_published_alone():
    known = {house(target) for module, targets in OWN_IMPORTS.items() if house(module) == "rinex" for target in targets}
    assert known - {"rinex"} <= RINEX_KNOWS


def test_one_door_per_library():
    wrong = [
        f"{module} imports {library}"
        for module, path in MODULES.items()
        for library in libraries(path)
        if house(module) not in DOORS.get(library, ())
    ]
    assert wrong == []


def test_the_environment_is_read_at_the_rim():
    readers = {
        house(module)
        for module, path in MODULES.items()
        for node in ast.walk(TREES[path])
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"})
    }
    assert readers <= {"config", "cli"}


def lines(node):
    """Return the lines of a function, without its decorators and its docstring."""
    count = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        count -= node.body[0].end_lineno - node.body[0].lineno + 1
    return count


def test_function_lengths(capsys):
    lengths = sorted(lines(node) for _, node in FUNCTIONS)
    usual = sum(length <= USUAL_FUNCTION for length in lengths) / len(lengths)
    with capsys.disabled():
        print(
            f"\n{len(lengths)} functions in {len(SOURCES)} files: median {lengths[len(lengths) // 2]} lines, "
            f"{usual:.1%} of {USUAL_FUNCTION} or fewer, longest {lengths[-1]}"
        )
    too_long = [
        f"{path.name}: {node.name} ({lines(node)})" for path, node in FUNCTIONS if lines(node) > LONGEST_FUNCTION
    ]
    assert too_long == []
    assert usual >= USUAL_PART


def test_file_lengths():
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length >= LONGEST_FILE} == {}


def words(name):
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)}


def test_names_say_something():
    names = {part for module in MODULES for part in module.split(".")}
    names |= {node.name for _, node in FUNCTIONS}
    names |= {node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    assert {name for name in names if words(name) & FORBIDDEN_WORDS} == set()
    assert {name for name in names if name.strip("_").lower() in FORBIDDEN_NAMES or name.startswith("do_")} == set()


def test_storeys_are_disjoint():
    assert len(STOREY) == sum(len(storey) for storey in STOREYS)
