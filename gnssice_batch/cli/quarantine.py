"""The commands about refused files: which there are and why, and to read them again."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.console import Console

from gnssice_batch.cli import tables
from gnssice_batch.cli.commands import (
    STDOUT,
    ConfigOption,
    JsonFlag,
    SetOption,
    app,
    end_run,
    load_settings,
    write_json,
)
from gnssice_batch.cli.formatting import count
from gnssice_batch.cli.progress import progress_display
from gnssice_batch.job.run import run
from gnssice_batch.operate.quarantine import Refused, as_json, refused, retry_of

_MOST_SHOWN: Final = 100

quarantine = typer.Typer(no_args_is_help=True, help="Refused files: list them, read them again.")
app.add_typer(quarantine, name="quarantine")

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
    partial: Annotated[bool, typer.Option("--all", help="Those too that were taken in part.")] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Show the files that were refused: why, in which line, and what that line begins with."""
    files = refused(load_settings(config_file, overrides), receiver or (), reason or (), partial=partial)
    if as_json_text:
        write_json(as_json(files), STDOUT)
    else:
        _show(Console(), files)


@quarantine.command("retry", epilog="Example: gnssice-batch quarantine retry -c config/demo.yaml --older-reader")
def retry_refused(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    receiver: ReceiverOption = None,
    reason: ReasonOption = None,
    older_reader: Annotated[
        bool, typer.Option("--older-reader", help="Only those that another version of the reader refused.")
    ] = False,
) -> None:
    """Read the refused files again, and nothing else, in one commit; without any that is readable now there is none.

    Files that the archive did not give (reason unreadable) need no retry: every run tries them again.
    It ends with the codes of run.
    """
    settings = load_settings(config_file, overrides)
    wanted = retry_of(settings, receiver or (), reason or (), older_reader=older_reader)
    with progress_display(settings.log) as progress:
        report = run(settings, progress, wanted)
    tables.show_report(Console(), report)
    typer.echo(f"{count(len(report.refused_again), 'file')} refused again as before")
    end_run(report, settings.run)


def _show(console: Console, files: Sequence[Refused]) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for file in files[:_MOST_SHOWN]:
        where = f" (line {file.line:,})" if file.line else ""
        older = "; by an older reader" if file.older_reader else ""
        say(f"{file.receiver}  {file.file}")
        say(f"    {file.status}: {file.reason}{f', {file.detail}' if file.detail else ''}{where}{older}")
        if file.first_bytes:
            say(f"    line begins {file.first_bytes!a}")
    if len(files) > _MOST_SHOWN:
        say(f"and {len(files) - _MOST_SHOWN:,} more: --json has them all")
    say(count(len(files), "file"))
