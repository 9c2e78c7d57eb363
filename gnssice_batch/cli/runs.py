"""The commands about runs that were not published, and about garbage."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, load_settings, write_json
from gnssice_batch.cli.formatting import count, duration, size
from gnssice_batch.operate.garbage import collect_garbage
from gnssice_batch.operate.open_runs import (
    OpenRun,
    abandon,
    as_json,
    finished_partitions,
    open_run,
    open_runs,
)

runs = typer.Typer(no_args_is_help=True, help="Runs that were not published: list them, look at one, give one up.")
app.add_typer(runs, name="runs")

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Name of the run, as runs list shows it.")]


@runs.command("list", epilog="Example: gnssice-batch runs list -c config/demo.yaml")
def list_runs(config_file: ConfigOption = None, overrides: SetOption = None, *, as_json_text: JsonFlag = False) -> None:
    """Show the runs that left a journal: their age, what they have finished, and whether a process works on them."""
    found = open_runs(load_settings(config_file, overrides))
    if as_json_text:
        write_json({"runs": [as_json(run) for run in found]}, STDOUT)
        return
    for run in found:
        _say(f"{run.run}  {_state(run)}, {duration(run.age.total_seconds())} old, {_finished(run)}")
    if not found:
        _say("no open runs")


@runs.command("show", epilog="Example: gnssice-batch runs show 20250101T120000-a1b2c3 -c config/demo.yaml")
def show_run(
    run: RunArgument, config_file: ConfigOption = None, overrides: SetOption = None, *, as_json_text: JsonFlag = False
) -> None:
    """Show one run that left a journal, with its finished partitions."""
    settings = load_settings(config_file, overrides)
    found, partitions = open_run(settings, run), finished_partitions(settings, run)
    if as_json_text:
        finished = {key: {"files": files, "epochs": epochs} for key, (files, epochs) in partitions.items()}
        write_json({**as_json(found), "finished": finished}, STDOUT)
        return
    _say(f"{found.run}: {_state(found)}")
    for name, text in _facts(found):
        _say(f"  {name:<14} {text}")
    for key, (files, epochs) in partitions.items():
        _say(f"    {key}  {count(files, 'file')}, {count(epochs, 'epoch')} written")


@runs.command("abandon", epilog="Example: gnssice-batch runs abandon 20250101T120000-a1b2c3 -c config/demo.yaml")
def abandon_run(
    run: RunArgument,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Though a process works on it; that is not stopped and may yet publish.")
    ] = False,
) -> None:
    """Give a run up: remove its journal and its staging branches. Readers see no change."""
    abandon(load_settings(config_file, overrides), run, force=force)
    _say(f"{run} is given up; gc deletes what it has written")


@app.command(epilog="Example: gnssice-batch gc -c config/demo.yaml --older-than 30 --delete")
def gc(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    older_than: Annotated[float, typer.Option(min=0, metavar="DAYS", help="Keep what is younger.")],
    delete: Annotated[
        bool, typer.Option("--delete/--dry-run", help="Delete it, or (if not said) only count what would be.")
    ] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Expire old versions of the store, and delete what nothing refers to any more.

    Kept are the newest version of each branch, tagged versions, and all that is younger. It ends with 5, and deletes
    nothing, where an open run needs what would be deleted: see runs list. To count, the store's metadata (no chunks)
    is copied into a temporary folder, and the old versions expire there.
    """
    found = collect_garbage(load_settings(config_file, overrides), timedelta(days=older_than), dry_run=not delete)
    if as_json_text:
        write_json(
            {
                "deleted": delete,
                "expired_versions": found.expired,
                "snapshots": found.snapshots,
                "manifests": found.manifests,
                "chunks": found.chunks,
                "size_bytes": found.size_bytes,
            },
            STDOUT,
        )
        return
    _say(f"{count(found.expired, 'version')} {'expired' if delete else 'would expire'}")
    objects = f"{count(found.chunks, 'chunk')}, {count(found.manifests, 'manifest')}"
    _say(f"{objects}, {size(found.size_bytes)} {'deleted' if delete else 'would be deleted; --delete deletes'}")


def _state(run: OpenRun) -> str:
    if run.snapshot:
        return f"published as {run.snapshot}, its journal is left over"
    if run.at_work:
        return "at work"
    return "stopped" if run.record else "stopped, its record can't be read"


def _finished(run: OpenRun) -> str:
    settings = "the settings given" if run.same_settings else "other settings"
    return f"{count(run.partitions, 'partition')} finished, {size(run.size_bytes)}, {settings}"


def _facts(run: OpenRun) -> list[tuple[str, str]]:
    again = "quarantine retry" if run.retry else "run"
    goes_on = f"{again} with the settings given" if run.same_settings else f"{again} with the settings it began with"
    facts = [("goes on with", goes_on)]
    if run.record:
        record = run.record
        facts += [("began", record.started), ("branch", record.branch), ("planned on", record.base)]
        facts += [("software", record.software)]
    if run.lease:
        facts.append(("last sign", f"{run.lease.beat}, {run.lease.host}, process {run.lease.process}"))
    return [*facts, ("finished", f"{count(run.partitions, 'partition')}, {size(run.size_bytes)}")]


def _say(text: str) -> None:
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
