"""The ``diff`` command."""

from typing import TYPE_CHECKING, Annotated

import typer

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.formatting import size
from gnssice_batch.cli.groups import VERSIONS
from gnssice_batch.cli.settings_file import load_for_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from gnssice_batch.store.reading.chunk_changes import Change
    from gnssice_batch.store.reading.differences import Difference, GroupDifference

_NAMED = "Its id or the beginning of that, a tag, a branch, a number, or a time."


@app.command(rich_help_panel=VERSIONS, epilog="Example: gnssice-batch diff 2025.1 main -c config/demo.yaml")
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help=f"A version. {_NAMED}")],
    after: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The version that is compared with it. Default: the newest.")
    ] = None,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="A repository; default: that of the settings.")
    ] = None,
    as_json_text: JsonFlag = False,
) -> None:
    """Show what version B has that A has not.

    Per receiver epochs, signals, files, chunks and bytes: from Icechunk's record of what was written between the two
    and from the rows of the ledger that it names. No observation is read. A and B may be given in any order, but one
    has to lead to the other.
    """
    from rich.console import Console

    from gnssice_batch.operate.differences import as_json, compare

    _, target = load_for_store(url, config_file, overrides)
    found = compare(target, before, after)
    if as_json_text:
        write_json(as_json(found), STDOUT)
    else:
        _show(Console(), found)


def _show(console: "Console", found: "Difference") -> None:
    from gnssice_batch.cli.blocks import block, say_marked
    from gnssice_batch.cli.formatting import shown

    for sign, version in (("-", found.before), ("+", found.after)):
        say_marked(console, shown(f"{sign} {version}"))
    for one in found.groups:
        state = "" if one.state == "changed" else f": {one.state}"
        block(console, f"{one.name}{'' if one.own else ', not ours'}{state}", _facts(one) or [("attributes", "only")])
    if not found.groups:
        say_marked(console, "the same in both")


def _facts(one: "GroupDifference") -> list[tuple[str, str]]:
    moved = f"{one.chunks.moved:,} in another place" if one.chunks.moved else ""
    facts = [
        ("epochs", _told(one.epochs, "from another file")),
        ("signals", _told(one.signals, "of another channel")),
        ("files", _told(one.files, "changed")),
        ("chunks", ", ".join(filter(None, [_told(one.chunks.chunks, "written again"), moved]))),
        ("bytes", _told(one.chunks.size_bytes, "written again", size)),
    ]
    return [(name, text) for name, text in facts if text]


def _told(change: "Change", changed: str, number: "Callable[[int], str]" = "{:,}".format) -> str:
    """``1,200 more, 3 from another file``; nothing where nothing is different."""
    parts = ((change.added, "more"), (change.changed, changed), (change.removed, "less"))
    return ", ".join(f"{number(many)} {what}" for many, what in parts if many)
