"""The commands that look at a store or a file: ``status``, ``log``, ``inspect``."""

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from gnssice_batch import api
from gnssice_batch.cli.commands import EXIT_REJECTED, STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.groups import LOOK
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_for_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gnssice_batch.store.reading.contents import Snapshot
    from gnssice_batch.store.tags import Named

StoreArgument = Annotated[
    str | None,
    typer.Argument(metavar="[URL]", help="A repository, e.g. stores/demo/rinex; default: that of the settings."),
]


@app.command(rich_help_panel=LOOK, epilog="Example: gnssice-batch status stores/demo/rinex")
def status(
    url: StoreArgument = None,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Show the span, signals, files and size of each receiver.

    Reads the store only, at the head of run.branch. With a URL no settings are needed: --set run.branch=NAME, or
    --set store.storage_options.region=NAME, say what else there is to say.
    """
    from rich.console import Console

    from gnssice_batch.cli import store_tables
    from gnssice_batch.operate.status import store_status

    found = store_status(*load_for_store(url, config_file, overrides))
    if as_json:
        write_json(found.as_json(), STDOUT)
    else:
        store_tables.show_status(Console(), found)


@app.command(rich_help_panel=LOOK, epilog="Example: gnssice-batch log -n 5 stores/demo/rinex")
def log(
    url: StoreArgument = None,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    most: Annotated[int | None, typer.Option("-n", min=1, metavar="N", help="Only the newest N versions.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the versions of the store, newest first, with their tags and branches.

    From Python, open_dataset(url, receiver, version=ID) opens one of them, version=TAG a tagged one. With a URL no
    settings are needed.
    """
    from gnssice_batch.operate.status import existing_repository
    from gnssice_batch.store.reading.contents import history
    from gnssice_batch.store.tags import named_versions

    _, target = load_for_store(url, config_file, overrides)
    repository = existing_repository(target)
    named = named_versions(repository)
    entries = list(islice(history(repository, target.branch), most))
    if as_json:
        versions = [
            {**asdict(one), "tags": named.tags_of(one.id), "branches": named.branches_of(one.id)} for one in entries
        ]
        named_json = {"tags": dict(named.tags), "branches": dict(named.branches)}
        write_json({"branch": target.branch, "versions": versions, **named_json}, STDOUT)
    else:
        _show_history(entries, named)


@app.command(rich_help_panel=LOOK, epilog="Example: gnssice-batch inspect ZIMM00CHE_R_20210010000_01D_30S_MO.crx.gz")
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A RINEX file: any version, compressed or not.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Show what the reader sees in one file, with warnings.

    Exits with 1 if the file is rejected.
    """
    from rich.console import Console

    from gnssice_batch.cli import tables
    from gnssice_batch.model.values import Status

    seen = api.inspect(file)
    if as_json:
        write_json(seen.as_json(), STDOUT)
    else:
        tables.show_inspection(Console(), seen, seen.warnings)
    if seen.status is Status.REJECTED:
        raise typer.Exit(EXIT_REJECTED)


def _show_history(entries: "Sequence[Snapshot]", named: "Named") -> None:
    """Versions, newest first, with their names; then the names of those that are not among them."""
    for entry in entries:
        names = [f"branch {name}" for name in named.branches_of(entry.id)]
        names += [f"tag {name}" for name in named.tags_of(entry.id)]
        say("  ".join([entry.id, entry.written_at, *names]), style="bold")
        say(f"    {entry.message}")
    told = {entry.id for entry in entries}
    others = [f"branch {name}: {version}" for name, version in named.branches.items() if version not in told]
    others += [f"tag {name}: {version}" for name, version in named.tags.items() if version not in told]
    for line in others:
        say(line)
