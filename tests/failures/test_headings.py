"""docs/failure-modes.md and these tests name the same ways to die, in the same order."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "failure-modes.md"


def class_name(heading):
    words = re.findall(r"[a-z0-9]+", heading.lower().replace("'", ""))
    return "Test" + "".join(word.capitalize() for word in words)


def test_every_heading_has_its_class_and_every_class_its_heading():
    headings = re.findall(r"^## (.+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("test_[0-9]_*.py"))]
    classes = [each for tree in trees for each in tree.body if isinstance(each, ast.ClassDef)]
    tested = [each for each in classes if each.name.startswith("Test")]
    assert [each.name for each in tested] == [class_name(heading) for heading in headings]
    methods = {each.name: [m.name for m in each.body if isinstance(m, ast.FunctionDef)] for each in tested}
    assert [name for name, found in methods.items() if not any(m.startswith("test_") for m in found)] == []
