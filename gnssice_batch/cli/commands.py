"""The main commands; each loads what it uses when it is called, which keeps ``--help`` fast."""

import json
import os
import re
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch import __version__, api
from gnssice_batch.cli import termination
from gnssice_batch.cli.formatting import count, size
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_settings
from gnssice_batch.errors import ConfigError

if TYPE_CHECKING:
    from gnssice_batch.config import Run
    from gnssice_batch.job.report import RunReport

EXIT_REJECTED: Final = 1
STDOUT: Final = "-"
_C1: Final = re.compile("[\x7f-\x9f\ud800-\udfff]")
"""Controls that JSON leaves as they are and terminals obey, halves of characters."""

app = typer.Typer(
    help="Turn an archive of GNSS RINEX observation files into one versioned array store per site.",
    epilog="To try it: gnssice-batch simulate demo/archive, then plan, run and status with -c config/demo.yaml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Packing(StrEnum):
    """Format and compression of simulated files."""

    RNX = "rnx"
    RNX_GZ = "rnx.gz"
    CRX = "crx"
    CRX_GZ = "crx.gz"


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
    typer.Option("--report", metavar="FILE", help="Also write the report as JSON; - is standard output."),
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
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.callback(invoke_without_command=True)
def version_or_help(
    *, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False
) -> None:
    """Turn an archive of GNSS RINEX observation files into one versioned array store per site."""
    if version:
        typer.echo(f"gnssice_batch {__version__}")
        raise typer.Exit


@app.command(epilog="Example: gnssice-batch plan -c config/demo.yaml --json plan.json")
def plan(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    json_to: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Also write the plan as JSON; - is standard output.")
    ] = None,
    *,
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
        found = api.plan(settings, progress)
    if json_to != STDOUT:
        tables.show_plan(Console(), found, all_skipped=skipped)
    if json_to:
        write_json(found.as_json(), json_to)


@app.command(epilog="Example: gnssice-batch run -c config/demo.yaml --set cluster.kind=inline --report report.json")
def run(  # noqa: PLR0913 - one parameter per option
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    report_to: ReportOption = None,
    branch: BranchOption = None,
    tag: TagOption = None,
    termination_log: TerminationOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing: the same as plan.")] = False,
) -> None:
    """Ingest what is new in the archive, in one commit.

    If a run stops, start it again: it resumes where it stopped.

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
    if dry_run:
        plan(config_file, [*(overrides or ()), *chosen], report_to)
        return
    settings = load_settings(config_file, [*(overrides or ()), *chosen])
    check_writable("--report", report_to)
    check_writable(termination.OPTION, termination_log)
    with run_display(settings.log) as progress:
        report = api.run(settings, progress)
    tables.show_report(Console(stderr=report_to == STDOUT), report)
    if report_to:
        write_json(report.as_json(), report_to)
    end_run(report, settings.run)


@app.command(epilog="Example: gnssice-batch status -c config/demo.yaml")
def status(config_file: ConfigOption = None, overrides: SetOption = None, *, as_json: JsonFlag = False) -> None:
    """Show the span, signals, files and size of each receiver.

    Reads the store only, at the head of run.branch.
    """
    from rich.console import Console

    from gnssice_batch.cli import store_tables

    found = api.status(load_settings(config_file, overrides))
    if as_json:
        write_json(found.as_json(), STDOUT)
    else:
        store_tables.show_status(Console(), found)


@app.command(epilog="Example: gnssice-batch log -c config/demo.yaml")
def log(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    most: Annotated[int | None, typer.Option("-n", min=1, metavar="N", help="Only the newest N versions.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the versions of the store, newest first.

    From Python, open_dataset(url, receiver, version=ID) opens one of them.
    """
    from rich.console import Console

    from gnssice_batch.cli import store_tables
    from gnssice_batch.job.target import target_of
    from gnssice_batch.operate.status import existing_repository
    from gnssice_batch.store.reading.contents import history

    settings = load_settings(config_file, overrides)
    target = target_of(settings)
    entries = islice(history(existing_repository(target), target.branch), most)
    if as_json:
        write_json({"branch": target.branch, "versions": [asdict(entry) for entry in entries]}, STDOUT)
    else:
        store_tables.show_history(Console(), entries)


@app.command(epilog="Example: gnssice-batch inspect ZIMM00CHE_R_20210010000_01D_30S_MO.crx.gz")
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


@app.command(epilog="Example: gnssice-batch simulate demo/archive --days 2 --interval 30 --damaged 2")
def simulate(  # noqa: PLR0913 - one parameter per option
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write to; created if missing.")],
    *,
    receivers: Annotated[int, typer.Option(min=1, help="Receivers, in pairs: one under trees, one in the open.")] = 2,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = datetime(
        2025, 1, 1, tzinfo=UTC
    ),
    days: Annotated[float, typer.Option(min=0, help="Length in days; fractions are allowed.")] = 1.0,
    interval: Annotated[float, typer.Option(help="Seconds between epochs.")] = 30.0,
    file_minutes: Annotated[float, typer.Option(help="Minutes per file.")] = 15.0,
    systems: Annotated[str, typer.Option(help="Satellite systems, any of GRECJS.")] = "GREC",
    packing: Annotated[Packing, typer.Option(help="Compact or plain RINEX, with or without gzip.")] = Packing.CRX_GZ,
    damaged: Annotated[int, typer.Option(min=0, help="Number of files to damage, in ways found in archives.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed writes the same archive.")] = 0,
) -> None:
    """Write a simulated archive.

    It is physically plausible: satellites rise and set, trees weaken their signals, receivers fail now and then.
    """
    from gnssice_batch.simulate import SimulationPlan, network
    from gnssice_batch.simulate import simulate as write_archive
    from gnssice_batch.simulate.damage import damage

    wanted = SimulationPlan(
        network(receivers), start.date(), days, interval, file_minutes * 60, systems, packing.value, seed
    )
    files = write_archive(folder, wanted)
    broken = damage(files, damaged)
    told_damage = f", {len(broken)} of them damaged" if broken else ""
    say(f"{count(len(files), 'file')}, {size(sum(f.stat().st_size for f in files))} in {folder}{told_damage}")


@app.command(epilog="Example: gnssice-batch schema > settings.schema.json")
def schema() -> None:
    """Print the JSON schema of the settings."""
    from gnssice_batch.config import json_schema

    write_json(json_schema(), STDOUT)


@app.command(epilog="Example: NUMBA_CACHE_DIR=/opt/kernels gnssice-batch warm")
def warm() -> None:
    """Compile the reader and cache the compiled code.

    Later processes start faster. Meant for the build of a container image.
    """
    from gnssice_batch.ingest.warming import warm as compile_kernels

    folder = compile_kernels()
    if folder is None:
        message = "no cache folder for compiled code is writable: set NUMBA_CACHE_DIR to one that is"
        raise ConfigError(message)
    say(f"Compiled code is cached in {folder}")


def end_run(report: "RunReport", limits: "Run") -> None:
    """End with the exit code of a run, and say why it is not 0."""
    from gnssice_batch.job.report import exit_code, shortfalls

    allowed = limits.max_refused_fraction, limits.max_lost_fraction, limits.max_partial_fraction
    found = shortfalls(report, *allowed)
    for sentence in found:
        say(f"Warning: {sentence}", to_errors=True)
    lost = [f"the report can't be written to {limits.report_url}"] if limits.report_url and not report.kept_at else []
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


def write_json(tree: dict[str, object], to: str) -> None:
    """Write JSON into a file, or to standard output."""
    text = _C1.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(tree, indent=2, ensure_ascii=False)) + "\n"
    if to == STDOUT:
        sys.stdout.write(text)
        return
    try:
        Path(to).write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{to} can't be written: {error.strerror}"
        raise ConfigError(message) from error
