"""The ``versions`` command, also called ``log``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.groups import VERSIONS
from gnssice_batch.cli.looking import StoreArgument
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_for_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gnssice_batch.store.reading.contents import Snapshot
    from gnssice_batch.store.tags import Named

_EXAMPLE: Final = "Example: gnssice-batch versions -n 5 stores/demo/rinex"


@app.command("log", rich_help_panel=VERSIONS, help="The same as versions.", epilog=_EXAMPLE)
@app.command("versions", rich_help_panel=VERSIONS, epilog=_EXAMPLE)
def list_versions(
    url: StoreArgument = None,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    most: Annotated[int | None, typer.Option("-n", min=1, metavar="N", help="Only the newest N versions.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the versions of the store, newest first, with their tags and branches.

    From Python, open_dataset(url, receiver, version=ID) opens one of them, version=TAG a tagged one. With a URL no
    settings are needed. The command is also called log.
    """
    from gnssice_batch.operate.status import existing_repository
    from gnssice_batch.store.reading.contents import history
    from gnssice_batch.store.tags import named_versions

    _, target = load_for_store(url, config_file, overrides)
    repository = existing_repository(target)
    named = named_versions(repository)
    everything = list(history(repository, target.branch))
    entries = {len(everything) - 1 - place: entry for place, entry in enumerate(everything[:most])}
    if as_json:
        found = [
            {"number": number, **asdict(one), "tags": named.tags_of(one.id), "branches": named.branches_of(one.id)}
            for number, one in entries.items()
        ]
        named_json = {"tags": dict(named.tags), "branches": dict(named.branches)}
        write_json({"branch": target.branch, "versions": found, **named_json}, STDOUT)
    else:
        _show_history(entries, named)


def _show_history(entries: "Mapping[int, Snapshot]", named: "Named") -> None:
    """Versions by their number, newest first, with their names; then the names of those that are not among them."""
    for number, entry in entries.items():
        names = [f"version {number}", *(f"branch {name}" for name in named.branches_of(entry.id))]
        names += [f"tag {name}" for name in named.tags_of(entry.id)]
        say("  ".join([entry.id, entry.written_at, *names]), style="bold")
        say(f"    {entry.message}")
    told = {entry.id for entry in entries.values()}
    others = [f"branch {name}: {version}" for name, version in named.branches.items() if version not in told]
    others += [f"tag {name}: {version}" for name, version in named.tags.items() if version not in told]
    for line in others:
        say(line)
