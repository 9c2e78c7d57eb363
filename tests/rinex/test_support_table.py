"""The tests that docs/rinex-support.md names exist."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE.parents[1] / "docs" / "rinex-support.md"
TESTS = {
    path.stem.removeprefix("test_"): path
    for folder in (HERE, HERE.parent / "signals")
    for path in folder.rglob("test_*.py")
}


def last_columns() -> list[str]:
    """Return the last column of every row of the tables that say what holds a row."""
    text = TABLE.read_text(encoding="utf-8").partition("## Other readers")[0]
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [row[2] for row in rows if len(row) == 3 and row[2].strip() != "held by"]


def named(column: str) -> list[tuple[str, str]]:
    """Return module and pattern of each test; what begins with … is in the module before."""
    found = []
    module = ""
    for reference in re.findall(r"`([^`]+)`", column):
        first, _, pattern = reference.rpartition("::")
        if not first and not pattern.startswith("…"):
            first, pattern = pattern.removeprefix("test_").removesuffix(".py"), "…"
        module = first or module
        found.append((module, pattern))
    return found


def exists(module: str, pattern: str) -> bool:
    text = TESTS[module].read_text(encoding="utf-8") if module in TESTS else ""
    expression = re.escape(pattern).replace("…", ".*")
    return any(re.fullmatch(expression, name) for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE))


def test_every_row_names_a_test():
    assert len(last_columns()) > 40
    assert [column for column in last_columns() if not named(column)] == []


def test_every_test_that_is_named_exists():
    assert [one for column in last_columns() for one in named(column) if not exists(*one)] == []
