"""The ``quarantine`` commands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, end_run, write_json
from gnssice_batch.cli.formatting import count, outcome_text
from gnssice_batch.cli.groups import LOOK
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_settings

if TYPE_CHECKING:
    from gnssice_batch.operate.quarantine import Refused

_MOST_SHOWN: Final = 100

quarantine = typer.Typer(no_args_is_help=True, help="List rejected files, or read them again.")
app.add_typer(quarantine, name="quarantine", rich_help_panel=LOOK)

ReceiverOption = Annotated[
    list[str] | None, typer.Option("--receiver", metavar="RECEIVER", help="Only this receiver. Repeatable.")
]
ReasonOption = Annotated[
    list[str] | None, typer.Option("--reason", metavar="REASON", help="Only this reason, e.g. truncated. Repeatable.")
]


@quarantine.command("list", epilog="Example: gnssice-batch quarantine list -c config/demo.yaml --reason not_rinex")
def list_refused(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    receiver: ReceiverOption = None,
    reason: ReasonOption = None,
    partial: Annotated[bool, typer.Option("--all", help="Also list partially ingested files.")] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """List the rejected files.

    Shows for each every reason with its count, and the number and the first bytes of the first offending line.
    """
    from gnssice_batch.operate.quarantine import as_json, refused

    files = refused(load_settings(config_file, overrides), receiver or (), reason or (), partial=partial)
    if as_json_text:
        write_json(as_json(files), STDOUT)
    else:
        _show(files)


@quarantine.command("retry", epilog="Example: gnssice-batch quarantine retry -c config/demo.yaml --older-reader")
def retry_refused(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    receiver: ReceiverOption = None,
    reason: ReasonOption = None,
    older_reader: Annotated[
        bool, typer.Option("--older-reader", help="Only files that another version of the reader rejected.")
    ] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Read the rejected files again, and nothing else.

    Files that can be read now are published in one commit; if there are none, nothing is committed. Files that could
    not be fetched (reason unreadable) need no retry: every run tries them again. Exit codes are those of run.
    """
    from rich.console import Console

    from gnssice_batch.cli import tables
    from gnssice_batch.cli.progress import run_display
    from gnssice_batch.job.run import run
    from gnssice_batch.operate.quarantine import retry_of

    settings = load_settings(config_file, overrides)
    wanted = retry_of(settings, receiver or (), reason or (), older_reader=older_reader)
    with run_display(settings.log) as progress:
        report = run(settings, progress, wanted)
    tables.show_report(Console(stderr=as_json_text), report)
    say(f"{count(len(report.refused_again), 'file')} rejected again for the same reason", to_errors=as_json_text)
    if as_json_text:
        write_json(report.as_json(), STDOUT)
    end_run(report, settings.run)


def _show(files: "Sequence[Refused]") -> None:
    from gnssice_batch.errors import Reason
    from gnssice_batch.model.values import Refusal, Status

    for file in files[:_MOST_SHOWN]:
        refusal = Refusal(Reason(file.reason), file.detail, file.line) if file.reason else None
        older = "; by another version of the reader" if file.older_reader else ""
        say(f"{file.receiver}  {file.file}")
        say(f"    {outcome_text(Status(file.status), refusal, file.reasons)}{older}")
        if file.first_bytes:
            say(f"    line begins {file.first_bytes!a}")
    if len(files) > _MOST_SHOWN:
        say(f"and {len(files) - _MOST_SHOWN:,} more: --json lists them all")
    say(count(len(files), "file"))
