"""Mutants: single changes in the functions of a module, found in its syntax tree and compiled."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from tests.mutants.variants import WORDING_KEYWORDS, variants

PLAIN = {"property", "staticmethod", "classmethod", "override", "contextmanager", "cache", "lru_cache", "wraps"}
PLAIN |= {"cached_property", "repeatable", "as_store_errors"}
"""Decorators below which a function is Python that runs as it stands; others compile it, or read it."""
NOT_CHANGED = {
    ast.FunctionDef: {"args", "decorator_list", "returns", "type_params"},
    ast.AsyncFunctionDef: {"args", "decorator_list", "returns", "type_params"},
    ast.ClassDef: {"decorator_list", "bases", "keywords"},
    ast.AnnAssign: {"annotation", "target"},
    ast.Raise: {"exc", "cause"},
    ast.ExceptHandler: {"type"},
}
"""What is left as it is, by kind of node: types, defaults, and what an error says."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function."""

    name: str
    """Path, function, kind and number among those of the function: the same as long as the function stays as it is."""
    path: str
    function: str
    line: int
    """Line of what is changed; its tests are those that reach it."""
    before: str
    after: str
    source: str
    """Digest of the function."""
    at: tuple[tuple[str, int | None], ...]
    """The way to the node from the module."""
    number: int
    """Which of the variants of the node."""

    begins: int
    """Line that the function begins at."""

    def place(self, seed: int) -> str:
        """Where it stands among all when these are drawn."""
        return hashlib.sha256(f"{seed} {self.name}".encode()).hexdigest()

    @property
    def reached_by(self) -> tuple[str, int, str]:
        """What its tests reach: the function, the line in it; and the module's own file of tests."""
        folder, _, module = self.path.partition("/")[2].rpartition("/")
        return f"{self.path}::{self.function}", self.line - self.begins, f"tests/{folder}/test_{module}"

    def compiled(self, root: Path) -> tuple[CodeType, CodeType]:
        """The code of the function as it is, and changed."""
        text = (root / self.path).read_text(encoding="utf-8")
        tree = ast.parse(text)
        original = _code(compile(tree, self.path, "exec"), self.function)
        *way, last = self.at
        owner: Any = tree
        for step in way:
            owner = _follow(owner, step)
        node = _follow(owner, last)
        changed = [each for _, each in variants(node)][self.number]
        ast.copy_location(changed, node)
        name, index = last
        if index is None:
            setattr(owner, name, changed)
        else:
            getattr(owner, name)[index] = changed
        ast.fix_missing_locations(tree)
        return original, _code(compile(tree, self.path, "exec"), self.function)


def mutants(root: Path, path: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its text."""
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    for at, function, node in _functions(tree, (), ""):
        digest = hashlib.sha256(ast.dump(node).encode()).hexdigest()[:16]
        counts: dict[str, int] = {}
        for way, place in _places(node, at):
            for number, (kind, changed) in enumerate(variants(place)):
                counts[kind] = counts.get(kind, 0) + 1
                yield Mutant(
                    f"{path}::{function}::{kind}::{counts[kind]}",
                    path,
                    function,
                    _line(place, node),
                    _shown(place),
                    f"{kind}: {_shown(changed)}",
                    digest,
                    way,
                    number,
                    node.lineno,
                )


def _functions(owner: Any, at: tuple[Any, ...], prefix: str) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
    for index, node in enumerate(owner.body):
        way = (*at, ("body", index))
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, way, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and set(_decorators(node)) <= PLAIN:
            yield way, prefix + node.name, node


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for each in node.decorator_list:
        called = each.func if isinstance(each, ast.Call) else each
        yield ast.unparse(called)


def _places(node: ast.AST, at: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], ast.AST]]:
    """Every node below another that may be changed, with the way to it."""
    for name, value in ast.iter_fields(node):
        if name in NOT_CHANGED.get(type(node), ()):
            continue
        for index, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(each, ast.AST) or _told(each) or (isinstance(node, ast.JoinedStr) and _text(each)):
                continue
            way = (*at, (name, index))
            yield way, each
            yield from _places(each, way)


def _told(node: ast.AST) -> bool:
    """Whether a node is only told: a docstring, a message, a record of the log, a name in `cast`."""
    match node:
        case ast.Expr(value=ast.Call() as call):
            return _told(call)
        case ast.keyword(arg=name):
            return name in WORDING_KEYWORDS
        case (
            ast.Expr(value=ast.Constant())
            | ast.Assign(targets=[ast.Name(id="msg")])
            | ast.Call(func=ast.Attribute(value=ast.Name(id="_log")))
            | ast.Call(func=ast.Name(id="cast"))
        ):
            return True
    return False


def _text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)


def _follow(owner: Any, step: tuple[str, int | None]) -> Any:
    name, index = step
    found = getattr(owner, name)
    return found if index is None else found[index]


def _line(place: ast.AST, function: Any) -> int:
    found = getattr(place, "lineno", None)
    if found is None:
        lines = [each.lineno for each in ast.walk(place) if hasattr(each, "lineno")]
        found = min(lines, default=function.lineno)
    return int(found)


def _shown(node: ast.AST) -> str:
    match node:
        case ast.comprehension():
            return f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}" + "".join(
                f" if {ast.unparse(each)}" for each in node.ifs
            )
        case ast.ExceptHandler():
            return f"except {ast.unparse(node.type) if node.type else ''}"
        case _:
            return " ".join(ast.unparse(ast.fix_missing_locations(node)).split("\n")[0].split())


def _code(module: CodeType, name: str) -> CodeType:
    """The code of a function in the code of its module, by its qualified name."""
    waiting = [module]
    while waiting:
        code = waiting.pop(0)
        if code.co_qualname == name:
            return code
        waiting.extend(each for each in code.co_consts if isinstance(each, CodeType))
    raise LookupError(name)
