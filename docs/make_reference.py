"""Writes docs/reference/ from the docstrings of the public names; `make reference` runs it, a test holds it to them."""

import ast
import enum
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic_core import to_json

import gnssice_batch
from gnssice_batch.cli.entry import app
from gnssice_batch.cli.groups import GROUPS

FOLDER = Path(__file__).resolve().parent / "reference"
PAGES = {
    "settings": ("Settings", "load_settings Settings"),
    "runs": (
        "Plan and run",
        (
            "plan run PlanSummary ReceiverPlan Totals Grid RunReport Proof FileOutcome FileFacts SourceFile"
            " SkippedFile Status Refusal Tally Span Progress Counts"
        ),
    ),
    "store": (
        "The store",
        (
            "open_dataset GnssAccessor ledger IcechunkStore Transaction Version status verify StoreStatus"
            " ReceiverStatus Snapshot StoreReport diff Difference GroupDifference Change ChunkChange report StoreFacts"
            " export ExportReport Exported Withheld migrate MigrationReport Migration"
            " open_virtual virtualize VirtualReport"
        ),
    ),
    "vod": (
        "Vegetation optical depth",
        (
            "run_vod plan_vod vod_status VodReport AnalysisReport VodProof VodPlanSummary AnalysisPlan VodStatus"
            " AnalysisStatus"
        ),
    ),
    "files": ("One file", "inspect Inspection Part Gap Header"),
    "errors": (
        "Errors and reasons",
        (
            "GnssiceError ConfigError ArchiveError AccessDeniedError PlanError StoreError RunConflictError RefusedError"
            " InterruptedRunError NoSchedulerError ReadError Reason"
        ),
    ),
}
"""Page to its title and its names, in their order."""

COMMANDS = "commands.md"
NOTICE = "<!-- Written by docs/make_reference.py from the docstrings: change those, then `make reference`. -->"
_SECTION = re.compile(r"^(\w+)\n-{3,}\n", re.MULTILINE)


def pages() -> dict[str, str]:
    """Return the text of every page by file name."""
    found = {f"{page}.md": _page(title, names.split()) for page, (title, names) in PAGES.items()}
    return {"README.md": _index(), COMMANDS: _commands(), **found}


def _index() -> str:
    lines = [
        "# The Python interface",
        NOTICE,
        (
            "Everything here is imported from `gnssice_batch`. `import gnssice_batch` is fast: what a name needs is"
            " loaded when the name is used. Results are frozen dataclasses; those that functions return have"
            " `.as_json()`, which gives what the command of the same name prints as JSON."
        ),
    ]
    for page, (title, names) in PAGES.items():
        rows = [
            f"| [`{name}`]({page}.md#{name.lower()}) | {_cell(_summary(_object(name)))} |" for name in names.split()
        ]
        lines.append("\n".join([f"## {title}\n", "| name | |", "|---|---|", *rows]))
    return "\n\n".join(lines) + "\n"


def _page(title: str, names: list[str]) -> str:
    return "\n\n".join([f"# {title}", NOTICE, *(part for name in names for part in _entry(name))]) + "\n"


def _entry(name: str) -> Iterator[str]:
    found = _object(name)
    yield f"## {name}"
    if inspect.isfunction(found):
        yield f"```python\n{_signature(found)}\n```"
    yield from _docstring(found)
    if isinstance(found, type):
        yield from _members(found)


def _object(name: str) -> Any:
    return getattr(gnssice_batch, name)


def _summary(found: Any) -> str:
    return _prose((inspect.getdoc(found) or "").split("\n\n")[0])


def _signature(function: Any) -> str:
    """Return the signature as its source has it, defaults by value."""
    node = _tree(function)
    values = inspect.signature(function).parameters
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    lines = []
    for argument in arguments:
        default = values[argument.arg].default
        given = "" if default is inspect.Parameter.empty else f" = {default!r}"
        star = "    *,\n" if argument in node.args.kwonlyargs[:1] else ""
        lines.append(f"{star}    {argument.arg}: {_annotation(argument.annotation)}{given},\n")
    return f"{node.name}(\n{''.join(lines)}) -> {_annotation(node.returns)}"


def _annotation(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)


def _tree(found: Any) -> Any:
    return ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]


def _docstring(found: Any) -> Iterator[str]:
    """Yield a NumPy-style docstring as paragraphs of Markdown."""
    text = inspect.getdoc(found) or ""
    opening, *sections = _SECTION.split(text)
    yield _prose(opening.strip())
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if title == "Examples":
            yield f"```pycon\n{body.strip()}\n```"
        else:
            yield f"**{title}**\n\n" + "\n".join(_items(body))


def _items(body: str) -> Iterator[str]:
    for item in re.split(r"\n(?=\S)", body.strip("\n")):
        name, _, text = item.partition("\n")
        names = ", ".join(f"`{one.strip()}`" for one in name.split(","))
        yield f"- {names}: {_prose(' '.join(textwrap.dedent(text).split()))}".removesuffix(": ")


def _prose(text: str) -> str:
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _members(kind: type) -> Iterator[str]:
    if issubclass(kind, gnssice_batch.GnssiceError) and kind.__base__ is not Exception and "exit_code" in vars(kind):
        yield f"Exit code: {kind.exit_code}"
    elif issubclass(kind, enum.Enum):
        yield "\n".join(f"- {line}" for line in _values(kind))
    elif issubclass(kind, BaseModel):
        rows = [f"| `{key}` | {default} | {_cell(text)} |" for key, default, text in _settings(kind, "")]
        yield "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])
    elif is_dataclass(kind):
        rows = [f"| `{name}` | `{_cell(hint)}` | {_cell(text)} |" for name, hint, text in _fields(kind)]
        yield "\n".join(["| field | type | meaning |", "|---|---|---|", *rows])
    if methods := list(_methods(kind)):
        yield "\n".join(methods)


def _values(kind: type[enum.Enum]) -> Iterator[str]:
    for member in kind:
        loses = getattr(member, "loses", None)
        yield f"`{member.value}`" + (
            "" if loses is None else ": observations are lost" if loses else ": nothing is lost"
        )


def _lineage(kind: type) -> list[type]:
    """Return the dataclasses that a class is made of, the most general first."""
    return [one for one in reversed(kind.__mro__) if is_dataclass(one)] or [kind]


def _fields(kind: type) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and meaning; the meaning is the string that follows a field."""
    body = [node for one in _lineage(kind) for node in _tree(one).body]
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_":
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            yield node.target.id, _annotation(node.annotation), _prose(inspect.cleandoc(str(said)))


def _methods(kind: type) -> Iterator[str]:
    methods = {
        node.name: node for one in _lineage(kind) for node in _tree(one).body if isinstance(node, ast.FunctionDef)
    }
    for node in methods.values():
        if node.name[0] != "_" and (text := ast.get_docstring(node)):
            decorators = {ast.unparse(each) for each in node.decorator_list}
            brackets = "" if "property" in decorators else "()"
            yield f"- `.{node.name}{brackets}`: {_prose(' '.join(text.split(chr(10) * 2)[0].split()))}"


def _settings(model: type[BaseModel], above: str) -> Iterator[tuple[str, str, str]]:
    """Yield key, default and meaning of every setting, section by section."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, f"{above}{name}.")
            continue
        required = field.is_required()
        default = "required" if required else f"`{to_json(field.get_default(call_default_factory=True)).decode()}`"
        yield f"{above}{name}", default, field.description or ""
        for section in getattr(inner, "__args__", ()):
            if isinstance(section, type) and issubclass(section, BaseModel):
                yield from _settings(section, f"{above}{name}.<name>.")


def _commands() -> str:
    """Return the page of all commands, in the groups of the program's help."""
    lines = [
        "# Commands",
        NOTICE,
        (
            "What `gnssice-batch COMMAND --help` says. A command that reads settings takes `-c FILE`; without it the"
            " file that `GNSSICE_CONFIG` names, else `gnssice.yaml` in this folder or one above it."
        ),
    ]
    shown = typer.main.get_command(app).commands
    for group in GROUPS:
        lines.append(f"## {group}")
        for name, command in shown.items():
            if command.rich_help_panel == group and not command.hidden:
                lines += _command(name, command)
    codes = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8").partition("### Exit codes\n")[2]
    return "\n\n".join([*lines, "## Exit codes", codes.partition("\n## ")[0].strip()]) + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    """Yield what one command is for and takes, or those of a group of commands."""
    yield f"### {name}"
    yield _help(command.help)
    if inner := getattr(command, "commands", {}):
        for below, one in inner.items():
            yield from _command(f"{name} {below}", one)
        return
    words = " ".join(_metavar(each) for each in command.params if each.param_type_name == "argument")
    yield f"```text\ngnssice-batch {f'{name} [OPTIONS] {words}'.strip()}\n```"
    if rows := [_cells(each) for each in command.params if each.name != "help"]:
        yield "\n".join(["| | |", "|---|---|", *rows])
    if command.epilog:
        yield f"Example: `{command.epilog.removeprefix('Example: ')}`"


def _cells(each: Any) -> str:
    takes = "" if each.param_type_name == "argument" else ", ".join(each.opts) + " "
    name = takes + ("" if getattr(each, "is_flag", False) else _metavar(each))
    default = each.default
    given = "" if each.required or default in (None, False) or callable(default) else f" Default: `{default}`."
    return f"| `{_cell(name.strip())}` | {_cell((each.help or '') + given)} |"


def _metavar(each: Any) -> str:
    return str(each.metavar or each.name.upper())


def _help(text: str | None) -> str:
    """Return a help text as paragraphs; what Typer is told to leave as it is, is left."""
    return "\n\n".join(_paragraphs(inspect.cleandoc(text or "").split("\n\n")))


def _paragraphs(parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        if part.startswith("\b"):
            yield "```text\n" + textwrap.dedent(part.strip("\b\n")) + "\n```"
        else:
            yield _prose(" ".join(part.split()))


def main() -> None:
    """Write the pages, and remove those that are not written any more."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(written)} pages in {FOLDER}\n")


if __name__ == "__main__":
    main()
