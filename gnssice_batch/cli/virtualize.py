"""The ``virtualize`` commands."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch.cli import termination
from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, check_writable, write_json
from gnssice_batch.cli.formatting import count, duration, size
from gnssice_batch.cli.groups import INGEST
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_logged, load_settings
from gnssice_batch.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from gnssice_batch.config import Run, Settings
    from gnssice_batch.job.counting import Progress
    from gnssice_batch.job.virtual_report import VirtualReport
    from gnssice_batch.operate.virtual import VirtualStatus

    type Make = Callable[[Settings, Progress], VirtualReport]

_MOST_SHOWN: Final = 20
_GPS_EPOCH: Final = datetime(1980, 1, 6, tzinfo=UTC)

virtual = typer.Typer(help="Reference an archive of NetCDF4 files.")
app.add_typer(virtual, name="virtualize", rich_help_panel=INGEST)


@virtual.callback(invoke_without_command=True, epilog="Example: gnssice-batch virtualize -c settings.yaml --dry-run")
def virtualize(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    report_to: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Also write the report as JSON; - is standard output."),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done; new files are read.")
    ] = False,
    materialise: Annotated[
        bool, typer.Option("--materialise", help="Overwrite virtual chunks by native ones that hold the same.")
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="With --materialise: files that reach into this day."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Reference what is new in an archive of NetCDF4 files (virtual.url), in one commit.

    Nothing of the archive is copied but coordinates: the repository <store.url>/<site>/virtual refers to its chunks.
    Files that agree become one array over time per receiver, each other file a group of its own. With --materialise
    nothing new is referenced: what is, is copied into the repository. If it stops, start it again. Exit codes are
    those of run.
    """
    if context.invoked_subcommand is not None:
        return
    if since is not None and not materialise:
        message = "--since goes with --materialise: virtualize references every file that is new"
        raise ConfigError(message)
    make = _native(since, dry_run=dry_run) if materialise else _virtual(dry_run=dry_run)
    _made(make, config_file, overrides, STDOUT if as_json else report_to, dry_run=dry_run)


def referenced(config_file: Path | None, overrides: list[str] | None, report_to: str | None) -> None:
    """Reference what is new, as the command does without options of its own."""
    _made(_virtual(dry_run=False), config_file, overrides, report_to, dry_run=False)


def _virtual(*, dry_run: bool) -> "Make":
    """What references files."""
    from gnssice_batch.job import virtualize as referring

    return referring.preview if dry_run else referring.virtualize


def _native(since: datetime | None, *, dry_run: bool) -> "Make":
    """What makes chunks native."""
    from gnssice_batch.job import materialise as native

    wanted = native.Wanted(_gps_ns(since) if since else None)
    if dry_run:
        return lambda settings, _: native.preview_native(settings, wanted)
    return lambda settings, progress: native.materialise(settings, wanted, progress)


def _made(
    make: "Make", config_file: Path | None, overrides: list[str] | None, report_to: str | None, *, dry_run: bool
) -> None:
    """Do it; show and write the report, and end with the exit code that it gives."""
    from gnssice_batch.cli.progress import run_display

    check_writable("--report", report_to)
    settings = load_settings(config_file, overrides)
    with run_display(settings.log) as progress:
        report = make(settings, progress)
    _show_report(report, to_errors=report_to == STDOUT, dry_run=dry_run)
    if report_to:
        write_json({"dry_run": dry_run, **report.as_json()}, report_to)
    _end(report, settings.run, dry_run=dry_run)


@virtual.command("status", epilog="Example: gnssice-batch virtualize status -c settings.yaml")
def show_status(
    config_file: ConfigOption = None, overrides: SetOption = None, *, as_json_text: JsonFlag = False
) -> None:
    """Show what is referenced, and which files of it are missing, touched or changed by the archive's listing."""
    from gnssice_batch.operate.virtual import status

    found = status(load_logged(config_file, overrides))
    if as_json_text:
        write_json(found.as_json(), STDOUT)
    else:
        _show_status(found)


@virtual.command("verify", epilog="Example: gnssice-batch virtualize verify -c settings.yaml --sample 100")
def verify_files(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    sample: Annotated[int | None, typer.Option(min=1, metavar="N", help="Read so many files at most.")] = None,
    as_json_text: JsonFlag = False,
) -> None:
    """Read every referenced file, and compare it with the hash in the ledger.

    Changes nothing. Ends with 5 if files are missing, touched or changed, which are named: what they gave can't be
    read.
    """
    from gnssice_batch.cli.progress import progress_display
    from gnssice_batch.operate.virtual import verify

    settings = load_settings(config_file, overrides)
    with progress_display(settings.log) as progress:
        found = verify(settings, progress, sample)
    if as_json_text:
        write_json(found.as_json(), STDOUT)
    else:
        _show_status(found)
    if found.found.number:
        message = f"{count(found.found.number, 'file')} of {found.archive} can't be read as referenced in {found.url}"
        raise StoreError(f"{message}: put them back as they were, or run virtualize")


@virtual.command("gc", epilog="Example: gnssice-batch virtualize gc -c settings.yaml --older-than 30")
def collect(
    older_than: Annotated[float, typer.Option("--older-than", min=0, metavar="DAYS", help="What is older may go.")],
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Delete; else only count.")] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Count old versions and unreferenced objects of the virtual repository, or delete them; never of the archive."""
    from datetime import timedelta

    from gnssice_batch.cli.formatting import garbage_lines
    from gnssice_batch.job.target import VIRTUAL
    from gnssice_batch.operate.garbage import as_json, collect_garbage

    settings = load_logged(config_file, overrides)
    found = collect_garbage(settings, timedelta(days=older_than), dry_run=not delete, product=VIRTUAL)
    if as_json_text:
        write_json({"deleted": delete, **as_json(found)}, STDOUT)
        return
    for line in garbage_lines(found, deleted=delete):
        say(line)


def _gps_ns(day: datetime) -> int:
    return int((day.replace(tzinfo=UTC) - _GPS_EPOCH).total_seconds()) * 10**9


def _show_report(report: "VirtualReport", *, to_errors: bool, dry_run: bool) -> None:
    def line(what: str, said: str) -> None:
        say(f"  {what:14} {said}", to_errors=to_errors)

    say("Virtual datasets" + (", a dry run" if dry_run else ""), to_errors=to_errors)
    line("store", report.url)
    line("snapshot", report.snapshot or "none, nothing was published")
    line("read", f"{size(report.bytes_read)} in {duration(report.seconds)}")
    if report.repointed:
        line("archive", f"was at {report.repointed}")
    line("up to date", count(report.up_to_date, "file"))
    for one in report.series:
        line(one.receiver, f"{count(one.files, 'file')} into one array over time of {one.grid.size:,} epochs")
    own = [row for row in report.rows if row.group and row.reason]
    for row in own[:_MOST_SHOWN]:
        line("own group", f"{row.group}: {row.file.uri}, {row.reason}{f', {row.detail}' if row.detail else ''}")
    native = [row for row in report.rows if row.state == "native"]
    if native:
        line("native", count(len(native), "file"))
    for row in report.rejected[:_MOST_SHOWN]:
        line("rejected", f"{row.file.uri}: {row.reason}, {row.detail}")
    for uri in report.missing[:_MOST_SHOWN]:
        line("missing", uri)
    for uri, why in report.failed[:_MOST_SHOWN]:
        line("still virtual", f"{uri}: {why}")
    left = sum(max(len(some) - _MOST_SHOWN, 0) for some in (own, report.rejected, report.missing, report.failed))
    if left:
        line("and", f"{left:,} more, which --report has all of")


def _show_status(found: "VirtualStatus") -> None:
    say("Virtual datasets")
    say(f"  store          {found.url}")
    say(f"  archive        {found.archive}")
    say(f"  snapshot       {found.snapshot or 'none'}")
    for one in found.receivers:
        say(one.receiver)
        if one.series is not None and one.span is not None:
            every_s = one.series.grid.interval_ns / 1e9
            say(f"  array          {one.span[0]} to {one.span[1]}, every {every_s:g} s")
        said = ", ".join(f"{number:,} {state}" for state, number in one.files.items())
        say(f"  files          {said}")
        for what, reasons in (("own groups", one.own_groups), ("rejected", one.rejected)):
            if reasons:
                say(f"  {what:14} " + ", ".join(f"{number:,} x {reason}" for reason, number in sorted(reasons.items())))
    say("Archive")
    say(f"  new            {count(found.new, 'file')}")
    if found.files_read:
        say(f"  compared       {count(found.files_read, 'file')}")
    names = ("missing", "touched", "changed", "unreadable")
    for name in names:
        some = getattr(found.found, name)
        for uri in some[:_MOST_SHOWN]:
            say(f"  {name:14} {uri}")
        if len(some) > _MOST_SHOWN:
            say(f"  {name:14} and {len(some) - _MOST_SHOWN:,} more: --json has them all")


def _end(report: "VirtualReport", limits: "Run", *, dry_run: bool) -> None:
    from gnssice_batch.job.virtual_report import exit_code, shortfalls

    found = shortfalls(report, limits.max_refused_fraction)
    for sentence in found:
        say(f"Warning: {sentence}", to_errors=True)
    said = termination.ending()
    said.run, said.report = report.run, report.kept_at
    what = f"published as {report.snapshot}" if report.snapshot else "nothing new, nothing published"
    said.message = "; ".join([what, *found])
    if not dry_run:
        raise typer.Exit(exit_code(report, limits.max_refused_fraction))
