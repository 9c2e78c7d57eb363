"""The ``vod`` command, with its status."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gnssice_batch.cli import termination
from gnssice_batch.cli.commands import (
    STDOUT,
    BranchOption,
    ConfigOption,
    JsonFlag,
    SetOption,
    TagOption,
    TerminationOption,
    app,
    check_writable,
    write_json,
)
from gnssice_batch.cli.groups import INGEST
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_settings

if TYPE_CHECKING:
    from gnssice_batch.config import Run
    from gnssice_batch.job.vod_report import VodReport

vod = typer.Typer(
    invoke_without_command=True,
    epilog="Example: gnssice-batch vod -c settings.yaml --analysis canopy_01_vs_reference_01",
)
app.add_typer(vod, name="vod", rich_help_panel=INGEST)

AnalysisOption = Annotated[
    list[str] | None, typer.Option("--analysis", metavar="NAME", help="Only this analysis. Repeatable.")
]


@vod.callback()
def make(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: typer.Context,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    report_to: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Also write the report as JSON; - is stdout."),
    ] = None,
    branch: BranchOption = None,
    tag: TagOption = None,
    termination_log: TerminationOption = None,
    *,
    analysis: AnalysisOption = None,
    full: Annotated[bool, typer.Option("--full", help="Make all units again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing: show what would be made.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make vegetation optical depth of pairs of receivers.

    In one commit, into the repository vod beside rinex, of what is new in observations or orbit files. If it stops,
    start it again with the same options: it resumes where it stopped. --json is --report -. Exit codes are those of
    run.
    """
    if context.invoked_subcommand is None:
        chosen = [f"run.{key}={value}" for key, value in (("branch", branch), ("tag", tag)) if value]
        made(
            config_file,
            [*(overrides or ()), *chosen],
            STDOUT if as_json else report_to,
            termination_log,
            analyses=analysis or (),
            full=full,
            dry_run=dry_run,
        )


def made(  # noqa: PLR0913 - one parameter per option
    config_file: Path | None,
    overrides: list[str],
    report_to: str | None,
    termination_log: Path | None,
    *,
    analyses: Sequence[str] = (),
    full: bool = False,
    dry_run: bool = False,
) -> None:
    """Do a vod run with these settings, or only show what it would make; ends the command."""
    from rich.console import Console

    from gnssice_batch import api
    from gnssice_batch.cli.progress import run_display
    from gnssice_batch.cli.vod_tables import show_vod_plan, show_vod_report

    settings = load_settings(config_file, overrides)
    check_writable("--report", report_to)
    check_writable(termination.OPTION, termination_log)
    if dry_run:
        found = api.plan_vod(settings, analyses=analyses, full=full)
        show_vod_plan(Console(stderr=report_to == STDOUT), found)
        if report_to:
            write_json(found.as_json(), report_to)
        return
    with run_display(settings.log) as progress:
        report = api.run_vod(settings, progress, analyses=analyses, full=full)
    show_vod_report(Console(stderr=report_to == STDOUT), report)
    if report_to:
        write_json(report.as_json(), report_to)
    _end(report, settings.run)


@vod.command("status", epilog="Example: gnssice-batch vod status -c settings.yaml --json")
def status(config_file: ConfigOption = None, overrides: SetOption = None, *, as_json_text: JsonFlag = False) -> None:
    """Show what the vod repository holds."""
    from rich.console import Console

    from gnssice_batch import api
    from gnssice_batch.cli.vod_tables import show_vod_status

    found = api.vod_status(load_settings(config_file, overrides))
    if as_json_text:
        write_json(found.as_json(), STDOUT)
    else:
        show_vod_status(Console(), found)


def _end(report: "VodReport", limits: "Run") -> None:
    """End with the exit code of a vod run, and say why it is not 0."""
    from gnssice_batch.job.vod_report import vod_exit_code, vod_shortfalls

    allowed = limits.max_refused_fraction, limits.max_partial_fraction
    found = vod_shortfalls(report, *allowed)
    for sentence in found:
        say(f"Warning: {sentence}", to_errors=True)
    said = termination.ending()
    said.run, said.report = report.run, report.kept_at
    what = f"published as {report.snapshot}" if report.snapshot else "nothing new, nothing published"
    said.message = "; ".join([what, *found])
    raise typer.Exit(vod_exit_code(report, *allowed))
