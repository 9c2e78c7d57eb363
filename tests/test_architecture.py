"""The shape of the package, read from its sources: who imports whom, through which door, and how long things are."""

import ast
import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "gnssice_batch"
NAME = PACKAGE.name

PAGE = PACKAGE.parent / "docs" / "architecture.md"


def table(heading):
    """Return the rows of the first table below a heading of the page, without its head, as lists of cells."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return rows[2:]


FOLDERS = [folder.strip("`") for _, folder, _ in table("The house")]
"""From the top down: a folder imports from those that come after it, and from within itself."""

HEIGHT = {folder: -number for number, folder in enumerate(FOLDERS)}
LEVEL = {folder.strip("`"): int(level) for level, folder, _ in table("The house")}

ALONE = {"rinex": {"rinex", "signals", "errors"}, "signals": {"signals", "errors"}}
"""What could be published alone, and what it may know."""

DOORS = {
    library.strip(): {folder.strip(" `") for folder in folders.split(",")}
    for libraries, folders in table("Doors")
    for library in libraries.split(",")
}

FRONT = {"__init__", "__main__"}
"""The package's own entries: they import from any folder."""

FORBIDDEN_WORDS = {"utils", "util", "helpers", "helper", "common", "core", "manager", "processor", "handler", "engine"}
FORBIDDEN_NAMES = {"data", "info"}

LONGEST_FUNCTION, USUAL_FUNCTION, USUAL_PART, LONGEST_FILE = 50, 20, 0.85, 400

SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = PACKAGE.parent / "tests"
NO_MIRROR = {"deploy", "e2e", "failures", "golden", "interop", "mutants", "support"}
"""Folders of tests for none of the package: the chart, runs that fail, expected values, other programs, mutants."""

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


def folder(module):
    """Return the folder below the package that a module is in, or its own name where it lies in none."""
    path = MODULES[module].relative_to(PACKAGE)
    return path.parent.as_posix() if len(path.parts) > 1 else path.stem


def house(module):
    """Return the outermost folder that a module is in."""
    return folder(module).partition("/")[0]


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


def arrows():
    """Yield every import between two folders as folder, folder and the sentence that says it."""
    for module, targets in OWN_IMPORTS.items():
        for target in targets:
            one, other = folder(module), folder(target)
            if one != other and one not in FRONT and other not in FRONT:
                yield one, other, f"{module} imports {target}"


def test_every_folder_stands_in_the_table():
    assert sorted({folder(module) for module in MODULES} - FRONT - {"__init__"}) == sorted(FOLDERS)


def test_the_picture_shows_arrows_that_are_there():
    picture = PAGE.read_text(encoding="utf-8").partition("Who calls whom.\n\n```\n")[2].partition("```")[0]
    there = {(one.partition("/")[0], other.partition("/")[0]) for one, other, _ in arrows()}
    shown = {
        (one.strip(), other.strip())
        for line in picture.splitlines()
        for one in line.partition("->")[0].split(",")
        for other in line.partition("->")[2].split(",")
    }
    assert len(shown) > 25
    assert [pair for pair in sorted(shown) if pair not in there] == []


def test_levels_are_in_order():
    assert [LEVEL[name] for name in FOLDERS] == sorted(LEVEL.values(), reverse=True)


def test_imports_point_down():
    assert [said for one, other, said in arrows() if HEIGHT[one] <= HEIGHT[other]] == []


def test_folders_make_no_circle():
    """Holds by the order of the table; a subfolder and its parent are two folders."""
    pairs = {(one, other) for one, other, _ in arrows()}
    assert [(one, other) for one, other in pairs if (other, one) in pairs] == []


def test_every_module_says_one_responsibility():
    firsts = {module: (ast.get_docstring(TREES[path]) or "").split("\n\n")[0] for module, path in MODULES.items()}
    assert [module for module, first in firsts.items() if not first or "\n" in first] == []
    assert [f"{module}: {first}" for module, first in firsts.items() if " and " in first] == []


def test_no_cycles():
    remaining = {module: targets - {module} for module, targets in OWN_IMPORTS.items()}
    while True:
        free = {module for module, targets in remaining.items() if not targets & remaining.keys()}
        if not free:
            break
        remaining = {module: targets for module, targets in remaining.items() if module not in free}
    assert sorted(remaining) == []


def test_what_could_be_published_alone():
    known = {
        name: {house(target) for module, targets in OWN_IMPORTS.items() if house(module) == name for target in targets}
        for name in ALONE
    }
    assert {name: found - ALONE[name] for name, found in known.items()} == {name: set() for name in ALONE}


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
    assert readers <= {"api", "cli", "config", "storage"}


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
            f"{usual:.1%} of {USUAL_FUNCTION} or fewer, longest {lengths[-1]}\n"
            f"{len(FOLDERS)} folders on {len(set(LEVEL.values()))} levels,"
            f" {len({arrow[:2] for arrow in arrows()})} arrows between them"
        )
    too_long = [
        f"{path.name}: {node.name} ({lines(node)})" for path, node in FUNCTIONS if lines(node) > LONGEST_FUNCTION
    ]
    assert too_long == []
    assert usual >= USUAL_PART


def test_file_lengths():
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length >= LONGEST_FILE} == {}


def test_tests_mirror_the_package():
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("*.py")}
    known = {folder for folder in folders if folder.parts[:1] and folder.parts[0] not in NO_MIRROR}
    assert [str(folder) for folder in known if not (PACKAGE / folder).is_dir()] == []
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in TESTS.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


NAMES_OF_LIBRARIES = {"do_connect"}
"""Methods that a library calls by these names."""


def words(name):
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)}


def test_names_say_something():
    names = {part for module in MODULES for part in module.split(".")}
    names |= {node.name for _, node in FUNCTIONS}
    names |= {node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    assert {name for name in names if words(name) & FORBIDDEN_WORDS} == set()
    forbidden = {name for name in names if name.strip("_").lower() in FORBIDDEN_NAMES or name.startswith("do_")}
    assert forbidden - NAMES_OF_LIBRARIES == set()


def definitions(path):
    """Return every name that a module defines at its top, and the methods of its classes."""
    found = set()
    for node in TREES[path].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_functions_that_the_page_links_to_are_there():
    links = re.findall(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)\)", PAGE.read_text(encoding="utf-8"))
    assert len(links) > 40
    sources = {path.relative_to(PACKAGE.parent).as_posix(): path for path in SOURCES}
    assert {file for _, file in links} - sources.keys() == set()
    missing = [
        f"{name} in {file}"
        for name, file in links
        if name != file.rpartition("/")[2] and name not in definitions(sources[file])
    ]
    assert missing == []


def test_other_links_of_the_documents_lead_somewhere():
    pages = [PACKAGE.parent / "README.md", *(PACKAGE.parent / "docs").rglob("*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []
