"""The commands that look at a store or a file: ``status``, ``inspect``."""

from typing import Annotated

import typer

from gnssice_batch import api
from gnssice_batch.cli.commands import EXIT_REJECTED, STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.groups import LOOK
from gnssice_batch.cli.settings_file import load_for_store

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
