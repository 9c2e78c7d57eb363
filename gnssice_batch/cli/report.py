"""The command ``report``."""

from datetime import datetime
from typing import Annotated

import typer

from gnssice_batch.cli.commands import (
    STDOUT,
    ConfigOption,
    JsonFlag,
    SetOption,
    app,
    check_report,
    is_page,
    write_json,
    write_text,
)
from gnssice_batch.cli.formatting import count
from gnssice_batch.cli.groups import LOOK
from gnssice_batch.cli.looking import StoreArgument
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_for_store
from gnssice_batch.errors import ConfigError

ReceiverOption = Annotated[
    list[str] | None, typer.Option("--receiver", metavar="RECEIVER", help="Only this receiver. Repeatable.")
]


@app.command(rich_help_panel=LOOK, epilog="Example: gnssice-batch report stores/demo/rinex --to report.html")
def report(  # noqa: PLR0913 - one parameter per option
    url: StoreArgument = None,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FILE", help="Where to: a page (.html), or JSON (.json, -).")
    ] = None,
    receiver: ReceiverOption = None,
    *,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Only from the begin of this day on (GPS time)."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Its id or the beginning of that, a tag, a branch, or a time."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a page to look at: what the archive held and what the store holds.

    Completeness hour by hour, gaps, signals and signal strength over time, changes of equipment and sampling, rejected
    files. The page needs nothing beside it. Reads the store only; with a URL no settings are needed.
    """
    from gnssice_batch.reporting.gathering import Wanted, store_facts

    to = STDOUT if as_json else to
    _check(to)
    settings, target = load_for_store(url, config_file, overrides)
    found = store_facts(settings, target, Wanted(receiver or (), since.date() if since else None, version))
    if not is_page(to):
        write_json(found.as_json(), to or STDOUT, indent=None)
    else:
        from gnssice_batch.reporting.store_page import store_page

        write_text(store_page(found), to or STDOUT)
    if to != STDOUT:
        say(f"{to}: {count(len(found.receivers), 'receiver')} of {found.url}")


def _check(to: str | None) -> None:
    if to is None:
        raise ConfigError("say where to: --to FILE.html for a page, --to FILE.json or --json for JSON")
    if not is_page(to) and to != STDOUT and not to.lower().endswith(".json"):
        raise ConfigError(f"--to {to}: its name has to end with .html or .json")
    check_report("--to", to)
