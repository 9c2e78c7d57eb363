"""The ``trim`` command."""

from typing import Annotated

import typer

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.formatting import count, span
from gnssice_batch.cli.groups import MEND
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_logged


@app.command(rich_help_panel=MEND, epilog="Example: gnssice-batch trim -c config/demo.yaml --dry-run")
def trim(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Cut stretched epoch axes back to the data, in a new version.

    For stores that a wrong date has stretched. No cell is touched, and earlier versions stay as they are. Ends with 5,
    and changes nothing, while a run is open: see runs list.
    """
    from gnssice_batch.operate.trim import as_json
    from gnssice_batch.operate.trim import trim as trim_store

    report = trim_store(load_logged(config_file, overrides), dry_run=dry_run)
    if as_json_text:
        write_json({"dry_run": dry_run, **as_json(report)}, STDOUT)
        return
    for receiver, axis in report.receivers.items():
        told = f"{count(axis.epochs, 'epoch')} less" if axis.epochs else "as long as it has to be"
        say(f"{receiver}: {count(axis.before.size, 'epoch')}, {told}; data {span(axis.span)}")
    say(f"trimmed in {report.snapshot}" if report.snapshot else "nothing was changed")
