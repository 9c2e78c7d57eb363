"""The ways in which one node of a syntax tree is changed, each under the name of its kind."""

import ast
from collections.abc import Iterator

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
WORDING_KEYWORDS = {"encoding", "strict", "stacklevel", "extra", "name", "daemon", "thread_name_prefix", "tzinfo"}
"""Arguments that say how something is called or written, or check what can't be otherwise."""


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What a node is replaced with, and what that is called."""
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            yield from _conditions(node)
        case ast.comprehension(ifs=[_, *_]):
            yield "filter left out", ast.comprehension(node.target, node.iter, node.ifs[:-1], node.is_async)
        case ast.Compare() | ast.BoolOp() | ast.BinOp() | ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield from _operations(node)
        case ast.Constant():
            yield from _constants(node.value)
        case ast.Call():
            yield from _calls(node)
        case ast.Slice():
            yield from _slices(node)
        case ast.stmt() | ast.excepthandler():
            yield from _statements(node)


def _conditions(node: ast.If | ast.IfExp | ast.While) -> Iterator[tuple[str, ast.AST]]:
    for value in (False, True)[: 1 if isinstance(node, ast.While) else 2]:
        changed = {name: getattr(node, name) for name in node._fields} | {"test": ast.Constant(value)}
        yield f"condition {value}", type(node)(**changed)


def _operations(node: ast.Compare | ast.BoolOp | ast.BinOp | ast.UnaryOp) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Compare():
            for at, operator in enumerate(node.ops):
                operators = [*node.ops[:at], COMPARISONS[type(operator)](), *node.ops[at + 1 :]]
                yield "comparison", ast.Compare(node.left, operators, node.comparators)
        case ast.BoolOp():
            for at in range(len(node.values)):
                left = [*node.values[:at], *node.values[at + 1 :]]
                yield "operand left out", ast.BoolOp(node.op, left) if len(left) > 1 else left[0]
        case ast.BinOp() if type(node.op) in OPERATORS and not _of_types(node):
            yield "operator", ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        case ast.UnaryOp():
            yield "sign", node.operand


def _of_types(node: ast.BinOp) -> bool:
    """Whether this is `A | None`, or a union of classes by their names."""
    sides = (node.left, node.right)
    named = any(isinstance(side, ast.Name) and side.id[:1].isupper() and not side.id.isupper() for side in sides)
    return named or any(isinstance(side, ast.Constant) and side.value is None for side in sides)


def _constants(value: object) -> Iterator[tuple[str, ast.AST]]:
    match value:
        case bool():
            yield "constant", ast.Constant(not value)
        case int() | float():
            yield "constant", ast.Constant(value + 1)
        case str():
            yield "constant", ast.Constant(value + "X")
        case bytes():
            yield "constant", ast.Constant(value + b"X")


def _calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.func, ast.Name) and node.func.id in CALLED:
        keywords = [] if node.func.id == "sorted" else node.keywords
        yield "function", ast.Call(ast.Name(CALLED[node.func.id], ast.Load()), node.args, keywords)
    for at, keyword in enumerate(node.keywords):
        if keyword.arg is not None and keyword.arg not in WORDING_KEYWORDS:
            left = [*node.keywords[:at], *node.keywords[at + 1 :]]
            yield f"without {keyword.arg}=", ast.Call(node.func, node.args, left)


def _slices(node: ast.Slice) -> Iterator[tuple[str, ast.AST]]:
    if node.lower is not None:
        yield "slice", ast.Slice(None, node.upper, node.step)
    if node.upper is not None:
        yield "slice", ast.Slice(node.lower, None, node.step)


def _statements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
            yield "statement left out", ast.Pass()
        case ast.Raise():
            yield "raise left out", ast.Pass()
        case ast.With() if all(item.optional_vars is None for item in node.items):
            yield "with left out", ast.If(ast.Constant(value=True), node.body, [])
        case ast.ExceptHandler():
            yield "nothing caught", ast.ExceptHandler(ast.Tuple([], ast.Load()), node.name, node.body)
