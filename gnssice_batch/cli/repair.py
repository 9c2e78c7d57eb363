"""The ``repair`` command."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, ReportOption, SetOption, app, end_run, write_json
from gnssice_batch.cli.formatting import count
from gnssice_batch.cli.groups import MEND
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_settings
from gnssice_batch.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from gnssice_batch.operate.repair import RepairPlan

_MOST_SHOWN: Final = 20


@app.command(rich_help_panel=MEND, epilog="Example: gnssice-batch repair -c config/demo.yaml --dry-run")
def repair(  # noqa: PLR0913 - one parameter per option
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    report_to: ReportOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Also write units that differ from the archive; reads every file.")
    ] = False,
    older_reader: Annotated[
        bool, typer.Option("--older-reader", help="Also write units with files that an older reader read.")
    ] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on without files that are gone or have changed.")
    ] = False,
    receiver: Annotated[
        list[str] | None, typer.Option("--receiver", metavar="RECEIVER", help="Only this receiver. Repeatable.")
    ] = None,
    as_json_text: JsonFlag = False,
) -> None:
    """Make damaged write units again from the archive, in one commit.

    Reads every chunk of the store. A write unit with one that is missing, or does not match its checksum, is made
    again from all files that reach into it; so is one that differs from the archive (--full), or was read by an older
    reader (--older-reader). Other write units, and earlier versions, stay as they are. Ends with 3 if files are gone
    that a unit holds something of, with 5 if something can't be made again. Other exit codes are those of run.
    """
    from rich.console import Console

    from gnssice_batch.cli import tables
    from gnssice_batch.cli.progress import run_display
    from gnssice_batch.operate.repair import Wanted, plan_repair
    from gnssice_batch.operate.repair import repair as repair_store

    if as_json_text and report_to == STDOUT:
        message = "--json and --report - both write to standard output: leave out one of them"
        raise ConfigError(message)
    settings = load_settings(config_file, overrides)
    with run_display(settings.log) as progress:
        found = plan_repair(settings, Wanted(receiver or (), full, older_reader), progress)
        if not as_json_text:
            _show(found, to_errors=report_to == STDOUT)
        begun = found.units and not dry_run
        report = repair_store(settings, found, progress, accept_loss=accept_loss) if begun else None
    if as_json_text:
        done = {} if report is None else {"report": report.as_json()}
        write_json({"dry_run": dry_run, **found.as_json(), **done}, STDOUT)
    if report is not None:
        tables.show_report(Console(stderr=as_json_text or report_to == STDOUT), report)
        if report_to:
            write_json(report.as_json(), report_to)
    if found.not_mendable:
        raise StoreError("\n".join(["not everything can be made again from the archive:", *found.not_mendable]))
    if report is not None:
        end_run(report, settings.run)


def _show(found: "RepairPlan", *, to_errors: bool) -> None:
    from gnssice_batch.cli.damage import show_damage

    show_damage(found.damaged, to_errors=to_errors)
    if not found.units:
        say("Nothing to make again", to_errors=to_errors)
        return
    units, files = count(len(found.units), "write unit"), count(sum(found.files.values()), "file")
    say(f"To make again: {units} from {files}", to_errors=to_errors)
    for unit in found.units[:_MOST_SHOWN]:
        say(f"  {unit}", to_errors=to_errors)
    if len(found.units) > _MOST_SHOWN:
        say(f"  and {len(found.units) - _MOST_SHOWN:,} more: --dry-run --json has them all", to_errors=to_errors)
    for names, what in ((found.gone, "gone from the archive"), (found.changed, "changed in the archive since")):
        for name in names:
            say(f"  {what}, what it gave would be lost: {name}", to_errors=to_errors)
