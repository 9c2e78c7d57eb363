"""The commands: options to settings, results to tables, JSON and exit codes."""

import json
import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from gnssice_batch import config
from gnssice_batch.archive.folder import Folder
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.cli import tables
from gnssice_batch.cli.formatting import count, size
from gnssice_batch.cli.progress import progress_display
from gnssice_batch.errors import ConfigError
from gnssice_batch.ingest.warming import warm as compile_kernels
from gnssice_batch.inspection.facts import as_json as inspection_json
from gnssice_batch.inspection.facts import inspect as inspect_content
from gnssice_batch.inspection.warnings import warnings_of
from gnssice_batch.job.preview import as_json as plan_json
from gnssice_batch.job.preview import preview
from gnssice_batch.job.report import RunReport, exit_code, shortfalls
from gnssice_batch.job.report import as_json as report_json
from gnssice_batch.job.run import run as run_job
from gnssice_batch.job.target import target_of
from gnssice_batch.model.values import Status
from gnssice_batch.operate.status import as_json as status_json
from gnssice_batch.operate.status import existing_repository, store_status
from gnssice_batch.planning.rules import SOFTWARE
from gnssice_batch.simulate import SimulationPlan, network
from gnssice_batch.simulate import simulate as write_archive
from gnssice_batch.simulate.damage import damage
from gnssice_batch.store.reading.contents import history

EXIT_REJECTED: Final = 1
STDOUT: Final = "-"

app = typer.Typer(
    help="Turn an archive of GNSS RINEX observation files into one versioned array store per site.",
    epilog="Begin with: gnssice-batch simulate demo/archive, then plan, run and status with -c config/demo.yaml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Packing(StrEnum):
    """How simulated files are packed."""

    RNX = "rnx"
    RNX_GZ = "rnx.gz"
    CRX = "crx"
    CRX_GZ = "crx.gz"


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Settings, a YAML file; see config/processing.yaml."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting to override, e.g. --set cluster.workers=4. Repeatable."),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Write JSON to standard output instead of text.")]


@app.callback(invoke_without_command=True)
def version_or_help(
    *, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False
) -> None:
    """Turn an archive of GNSS RINEX observation files into one versioned array store per site."""
    if version:
        typer.echo(SOFTWARE)
        raise typer.Exit


@app.command(epilog="Example: gnssice-batch plan -c config/demo.yaml --json plan.json")
def plan(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    json_to: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the plan as JSON too; - for standard output.")
    ] = None,
) -> None:
    """Show what a run would do, and what it would cost. Changes nothing."""
    settings = load_settings(config_file, overrides)
    with progress_display(settings.log) as progress:
        found = preview(settings, progress)
    if json_to != STDOUT:
        tables.show_plan(Console(), found)
    if json_to:
        write_json(plan_json(found), json_to)


@app.command(epilog="Example: gnssice-batch run -c config/demo.yaml --set cluster.kind=inline --report report.json")
def run(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    report_to: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Write the report as JSON too; - for standard output."),
    ] = None,
    branch: Annotated[str | None, typer.Option(metavar="NAME", help="Publish on this branch (run.branch).")] = None,
    tag: Annotated[str | None, typer.Option(metavar="NAME", help="Tag what is published (run.tag).")] = None,
) -> None:
    """Bring the store up to the archive, in one commit.

    A run that stopped is simply started again. It ends with one of these codes:

    - 0: all is written, or was there already
    - 1: published, but less than the settings ask for: files refused, taken in part, or epochs that fit no grid
    - 2: the settings are wrong
    - 3: the archive can't be read
    - 4: archive and store do not fit together
    - 5: the store can't be used
    - 6: another run is at work, or was faster: start again
    - 7: stopped by SIGTERM: start again to go on
    - 70: our fault
    - 130: interrupted
    """
    chosen = [f"run.{key}={value}" for key, value in (("branch", branch), ("tag", tag)) if value]
    settings = load_settings(config_file, [*(overrides or ()), *chosen])
    with progress_display(settings.log) as progress:
        report = run_job(settings, progress)
    tables.show_report(Console(stderr=report_to == STDOUT), report)
    if report_to:
        write_json(report_json(report), report_to)
    end_run(report, settings.run)


@app.command(epilog="Example: gnssice-batch status -c config/demo.yaml")
def status(config_file: ConfigOption = None, overrides: SetOption = None, *, as_json: JsonFlag = False) -> None:
    """Show what the store holds: span, filling, signals, files and size of each receiver."""
    found = store_status(load_settings(config_file, overrides))
    if as_json:
        write_json(status_json(found), STDOUT)
    else:
        tables.show_status(Console(), found)


@app.command(epilog="Example: gnssice-batch log -c config/demo.yaml")
def log(config_file: ConfigOption = None, overrides: SetOption = None) -> None:
    """List the versions of the store, newest first; each can be opened by its id."""
    settings = load_settings(config_file, overrides)
    target = target_of(settings)
    tables.show_history(Console(), history(existing_repository(target), target.branch))


@app.command(epilog="Example: gnssice-batch inspect ZIMM00CHE_R_20210010000_01D_30S_MO.crx.gz")
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A RINEX file as archived: any version, packed or not.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Show what the parser sees in one file, and what is odd about it. Ends with 1 when the file is refused."""
    folder, _, name = file.rpartition("/")
    content = ArchiveAccess(Folder(folder or ("/" if file.startswith("/") else "."))).fetch(name)
    seen = inspect_content(content, name)
    odd = warnings_of(seen)
    if as_json:
        write_json(inspection_json(seen, odd), STDOUT)
    else:
        tables.show_inspection(Console(), seen, odd)
    if seen.status is Status.REJECTED:
        raise typer.Exit(EXIT_REJECTED)


@app.command(epilog="Example: gnssice-batch simulate demo/archive --days 2 --interval 30 --damaged 2")
def simulate(  # noqa: PLR0913 - one parameter per option
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; made if need be.")],
    *,
    receivers: Annotated[int, typer.Option(min=1, help="Pairs of one under trees and one beside.")] = 2,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = datetime(
        2025, 1, 1, tzinfo=UTC
    ),
    days: Annotated[float, typer.Option(min=0, help="Days, may be a part of one.")] = 1.0,
    interval: Annotated[float, typer.Option(help="Seconds between epochs.")] = 30.0,
    file_minutes: Annotated[float, typer.Option(help="Minutes in a file.")] = 15.0,
    systems: Annotated[str, typer.Option(help="Satellite systems, some of GRECJS.")] = "GREC",
    packing: Annotated[Packing, typer.Option(help="Compact or plain, gzip or not.")] = Packing.CRX_GZ,
    damaged: Annotated[int, typer.Option(min=0, help="Files to damage, as archives hold them.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed writes the same archive.")] = 0,
) -> None:
    """Write a physically plausible archive: satellites rise and set, trees dim them, receivers fail now and then."""
    wanted = SimulationPlan(
        network(receivers), start.date(), days, interval, file_minutes * 60, systems, packing.value, seed
    )
    files = write_archive(folder, wanted)
    broken = damage(files, damaged)
    told_damage = f", {len(broken)} of them damaged" if broken else ""
    typer.echo(f"{count(len(files), 'file')}, {size(sum(f.stat().st_size for f in files))} in {folder}{told_damage}")


@app.command(epilog="Example: gnssice-batch schema > settings.schema.json")
def schema() -> None:
    """Print the JSON schema of the settings, for editors and charts."""
    write_json(config.json_schema(), STDOUT)


@app.command(epilog="Example: NUMBA_CACHE_DIR=/opt/kernels gnssice-batch warm")
def warm() -> None:
    """Compile the reader's kernels, so that later processes need not: for the build of an image."""
    folder = compile_kernels()
    if folder is None:
        message = "the kernels can't be kept, no folder for them can be written to: set NUMBA_CACHE_DIR to one that can"
        raise ConfigError(message)
    Console(soft_wrap=True).print(f"The kernels are kept in {folder}", highlight=False)


def end_run(report: RunReport, limits: config.Run) -> None:
    """End with the exit code of a run, and say why it is not 0."""
    allowed = limits.max_refused_fraction, limits.max_lost_fraction, limits.max_partial_fraction
    for sentence in shortfalls(report, *allowed):
        Console(stderr=True).print(f"Not as asked for: {sentence}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(exit_code(report, *allowed))


def load_settings(config_file: Path | None, overrides: list[str] | None) -> config.Settings:
    """The settings of a command."""
    try:
        return config.load(config_file, os.environ, overrides or ())
    except ConfigError as error:
        if config_file is not None:
            raise
        message = f"{error}\nNo settings file was given: name one with --config FILE."
        raise ConfigError(message) from error


def write_json(tree: dict[str, object], to: str) -> None:
    """Write JSON into a file, or to standard output."""
    text = json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    if to == STDOUT:
        sys.stdout.write(text)
        return
    try:
        Path(to).write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{to} can't be written: {error.strerror}"
        raise ConfigError(message) from error
