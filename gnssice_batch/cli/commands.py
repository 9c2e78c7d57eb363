"""The main commands; each loads what it uses when it is called, which keeps ``--help`` fast."""

import json
import os
import re
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch import __version__, api
from gnssice_batch.cli import termination
from gnssice_batch.cli.groups import EPILOG, INGEST, Grouped
from gnssice_batch.cli.output import OutputError, say
from gnssice_batch.cli.settings_file import load_settings
from gnssice_batch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from typing import TypedDict

    from gnssice_batch.config import Run
    from gnssice_batch.job.report import RunReport

    class _Part(TypedDict):
        receivers: Sequence[str]
        since: date | None
        limit: int | None


EXIT_REJECTED: Final = 1
STDOUT: Final = "-"
_C1: Final = re.compile("[\x7f-\x9f\ud800-\udfff]")
"""Controls that JSON leaves as they are and terminals obey, halves of characters."""


class Product(StrEnum):
    """What a repository of a site holds."""

    RINEX = "rinex"
    VOD = "vod"
    VIRTUAL = "virtual"


app = typer.Typer(
    cls=Grouped,
    help="Turn an archive of GNSS RINEX observation files into one versioned array store per site.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings file (YAML); default: that of GNSSICE_CONFIG, else gnssice.yaml here or in a folder above.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. --set cluster.workers=4. Repeatable."),
]
ReportOption = Annotated[
    str | None,
    typer.Option(
        "--report", metavar="FILE", help="Also write the report: .html as a page, else JSON; - is standard output."
    ),
]
BranchOption = Annotated[str | None, typer.Option(metavar="NAME", help="Branch to publish on (run.branch).")]
TagOption = Annotated[str | None, typer.Option(metavar="NAME", help="Tag for the published snapshot (run.tag).")]
TerminationOption = Annotated[
    Path | None,
    typer.Option(
        termination.OPTION,
        metavar="FILE",
        help=f"Also write how the run ended, as a line of JSON; default: the file in {termination.VARIABLE}.",
    ),
]
ReceiverOption = Annotated[
    list[str] | None, typer.Option("--receiver", metavar="RECEIVER", help="Only this receiver. Repeatable.")
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], metavar="DATE", help="Only files that reach into this day (GPS time) or a later one."
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="So many files at most, those that are oldest when it starts, or goes on."),
]
ProductOption = Annotated[
    Product,
    typer.Option("--product", help="Which repository of the site: rinex, that of the observations, vod, or virtual."),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.callback(invoke_without_command=True)
def version_or_help(
    *, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False
) -> None:
    """Turn an archive of GNSS RINEX observation files into one versioned array store per site."""
    if version:
        typer.echo(f"gnssice_batch {__version__}")
        raise typer.Exit


@app.command(rich_help_panel=INGEST, epilog="Example: gnssice-batch plan -c config/demo.yaml --json plan.json")
def plan(  # noqa: PLR0913 - one parameter per option
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    json_to: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Also write the plan as JSON; - is standard output.")
    ] = None,
    *,
    receiver: ReceiverOption = None,
    since: SinceOption = None,
    limit: LimitOption = None,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="Name every file that no receiver takes, and why.")
    ] = False,
) -> None:
    """Show what a run would do, and its cost; a dry run.

    Changes nothing. A sample of the files is read where a receiver is new.
    """
    from rich.console import Console

    from gnssice_batch.cli import tables
    from gnssice_batch.cli.progress import progress_display

    settings = load_settings(config_file, overrides)
    check_writable("--json", json_to)
    with progress_display(settings.log) as progress:
        found = api.plan(settings, progress, **part(receiver, since, limit))
    if json_to != STDOUT:
        tables.show_plan(Console(), found, all_skipped=skipped)
    if json_to:
        write_json(found.as_json(), json_to)


@app.command(
    rich_help_panel=INGEST,
    epilog="Example: gnssice-batch run -c config/demo.yaml --since 2025-01-01 --limit 1000 --report report.json",
)
def run(  # noqa: PLR0913 - one parameter per option
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    report_to: ReportOption = None,
    branch: BranchOption = None,
    tag: TagOption = None,
    termination_log: TerminationOption = None,
    *,
    receiver: ReceiverOption = None,
    since: SinceOption = None,
    limit: LimitOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing: the same as plan.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Ingest what is new in the archive, in one commit.

    If a run stops, start it again with the same options: it resumes where it stopped. What --receiver, --since and
    --limit leave out is taken by a later run; --json is --report -.

    \b
    Exit codes:
      0    everything is ingested, or was already
      1    published, but less than the settings ask for
      2    the settings are wrong
      3    the archive can't be read
      4    archive and store do not fit together
      5    the store can't be used
      6    another run is active or published first: start again
      7    stopped from outside, or no worker came: start again to resume
      70   internal error
      130  interrupted
      141  the reader of standard output has gone
    """  # noqa: D301 - the backspace keeps the lines of the list apart
    from rich.console import Console

    from gnssice_batch.cli import tables
    from gnssice_batch.cli.progress import run_display

    chosen = [f"run.{key}={value}" for key, value in (("branch", branch), ("tag", tag)) if value]
    report_to = STDOUT if as_json else report_to
    if dry_run:
        if is_page(report_to):
            message = f"--report {report_to}: a dry run writes its plan as JSON: name the file .json"
            raise ConfigError(message)
        plan(config_file, [*(overrides or ()), *chosen], report_to, receiver=receiver, since=since, limit=limit)
        return
    settings = load_settings(config_file, [*(overrides or ()), *chosen])
    check_report("--report", report_to)
    check_writable(termination.OPTION, termination_log)
    with run_display(settings.log) as progress:
        report = api.run(settings, progress, **part(receiver, since, limit))
    tables.show_report(Console(stderr=report_to == STDOUT), report)
    not_written = _without_report(report, report_to) if report_to else []
    end_run(report, settings.run, not_written)


def part(receivers: list[str] | None, since: datetime | None, limit: int | None) -> "_Part":
    """Which of the new files are wanted, as `api.run` takes it."""
    return {"receivers": receivers or (), "since": since.date() if since else None, "limit": limit}


def _without_report(report: "RunReport", to: str) -> list[str]:
    """Write the report of a run that is over; what is said where that fails, which takes nothing back."""
    try:
        write_report(report, to)
    except OutputError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the report, the run has published
        return [f"the report can't be written to {to}: {type(error).__name__}: {error}"]
    return []


def end_run(report: "RunReport", limits: "Run", not_written: "Sequence[str]" = ()) -> None:
    """End with the exit code of a run, and say why it is not 0.

    Parameters
    ----------
    not_written
        What is said of reports that could not be written.
    """
    from gnssice_batch.job.report import exit_code, shortfalls

    allowed = limits.max_refused_fraction, limits.max_lost_fraction, limits.max_partial_fraction
    found = shortfalls(report, *allowed)
    for sentence in found:
        say(f"Warning: {sentence}", to_errors=True)
    lost = [f"the report can't be written to {limits.report_url}"] if limits.report_url and not report.kept_at else []
    for sentence in not_written:
        say(f"Warning: {sentence}", to_errors=True)
    lost += not_written
    said = termination.ending()
    said.run, said.report = report.run, report.kept_at
    said.files = {**said.files, "up_to_date": report.up_to_date}
    what = f"published as {report.snapshot}" if report.snapshot else "nothing new, nothing published"
    said.message = "; ".join([what, *found, *lost])
    raise typer.Exit(exit_code(report, *allowed))


def check_writable(option: str, to: str | Path | None) -> None:
    """Find out whether a file can be written, before the work for it begins.

    Raises
    ------
    ConfigError
        When it can't.
    """
    if to is None or str(to) == STDOUT:
        return
    path = Path(to)
    if not (path if path.exists() else path.parent).exists():
        why = f"there is no folder {path.parent}"
    elif path.is_dir():
        why = "it is a folder"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "there is no right to do so"
    else:
        return
    message = f"{option} {to} can't be written: {why}"
    raise ConfigError(message)


def is_page(to: str | None) -> bool:
    """Whether a file is named as a page."""
    return to is not None and to.lower().endswith((".html", ".htm"))


def check_report(option: str, to: str | None) -> None:
    """Find out whether a report can be written, before the work for it begins.

    Raises
    ------
    ConfigError
        When it can't.
    """
    check_writable(option, to)
    if is_page(to):
        from gnssice_batch.reporting.libraries import check_libraries

        check_libraries()


def write_report(report: "RunReport", to: str) -> None:
    """Write the report of a run: a page where the file is named so, else JSON."""
    if is_page(to):
        from gnssice_batch.reporting.run_page import run_page

        write_text(run_page(report), to)
    else:
        write_json(report.as_json(), to)


def write_json(tree: dict[str, object], to: str, indent: int | None = 2) -> None:
    """Write JSON into a file, or to standard output."""
    text = json.dumps(tree, indent=indent, ensure_ascii=False) + "\n"
    write_text(_C1.sub(lambda match: f"\\u{ord(match[0]):04x}", text), to)


def write_text(text: str, to: str) -> None:
    """Write a text into a file, or to standard output.

    Raises
    ------
    ConfigError
        When the file can't be written.
    """
    if to == STDOUT:
        sys.stdout.write(text)
        return
    from gnssice_batch.reporting.text_files import put_text

    try:
        put_text(text, Path(to))
    except OSError as error:
        message = f"{to} can't be written: {error.strerror}"
        raise ConfigError(message) from error
