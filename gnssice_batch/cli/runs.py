"""The housekeeping commands: ``runs``, ``gc``."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.formatting import count, duration, garbage_lines, size
from gnssice_batch.cli.groups import LOOK, MEND
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_logged, load_settings

if TYPE_CHECKING:
    from gnssice_batch.operate.open_runs import OpenRun

runs = typer.Typer(no_args_is_help=True, help="List, show or abandon unpublished runs.")
app.add_typer(runs, name="runs", rich_help_panel=LOOK)

ProductOption = Annotated[
    str,
    typer.Option("--product", metavar="NAME", help="Which repository of the site: rinex, or virtual for virtualize."),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Name of the run, from `runs list`.")]


@runs.command("list", epilog="Example: gnssice-batch runs list -c config/demo.yaml")
def list_runs(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    product: ProductOption = "rinex",
    as_json_text: JsonFlag = False,
) -> None:
    """List unpublished runs.

    Shows for each its age, its finished partitions, and whether a process is working on it.
    """
    from gnssice_batch.operate.open_runs import as_json, open_runs

    found = open_runs(load_settings(config_file, overrides), product)
    if as_json_text:
        write_json({"runs": [as_json(run) for run in found]}, STDOUT)
        return
    for run in found:
        say(f"{run.run}  {_state(run)}, {_age(run)}, {_finished(run)}")
    if not found:
        say("no unpublished runs")


@runs.command("show", epilog="Example: gnssice-batch runs show 20250101T120000-a1b2c3 -c config/demo.yaml")
def show_run(
    run: RunArgument,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    product: ProductOption = "rinex",
    as_json_text: JsonFlag = False,
) -> None:
    """Show one unpublished run and its finished partitions."""
    from gnssice_batch.operate.open_runs import as_json, finished_partitions, open_run

    settings = load_settings(config_file, overrides)
    found, partitions = open_run(settings, run, product), finished_partitions(settings, run, product)
    if as_json_text:
        finished = {key: {"files": files, "epochs": epochs} for key, (files, epochs) in partitions.items()}
        write_json({**as_json(found), "finished": finished}, STDOUT)
        return
    say(f"{found.run}: {_state(found)}")
    for name, text in _facts(found):
        say(f"  {name:<14} {text}")
    for key, (files, epochs) in partitions.items():
        say(f"    {key}  {count(files, 'file')}, {count(epochs, 'epoch')} written")


@runs.command("abandon", epilog="Example: gnssice-batch runs abandon 20250101T120000-a1b2c3 -c config/demo.yaml")
def abandon_run(
    run: RunArgument,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Even if a process is working on it: it stops when it next renews its lease, and publishes nothing.",
        ),
    ] = False,
    product: ProductOption = "rinex",
    as_json_text: JsonFlag = False,
) -> None:
    """Abandon a run: remove its journal and staging branches.

    Readers of the store see no change.
    """
    from gnssice_batch.operate.open_runs import abandon

    abandon(load_logged(config_file, overrides), run, force=force, product=product)
    if as_json_text:
        write_json({"abandoned": run}, STDOUT)
    else:
        say(f"{run} is abandoned; gc deletes what it wrote")


@app.command(rich_help_panel=MEND, epilog="Example: gnssice-batch gc -c config/demo.yaml --older-than 30 --delete")
def gc(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    older_than: Annotated[
        float, typer.Option(min=0, max=36_525, metavar="DAYS", help="Keep what is younger than this.")
    ],
    delete: Annotated[
        bool, typer.Option("--delete/--dry-run", help="Delete, or only count what would be deleted.")
    ] = False,
    keep_versions: Annotated[
        bool, typer.Option("--keep-versions", help="Let no version expire: delete only what nothing refers to.")
    ] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Expire old versions and delete unreferenced objects.

    The newest version of each branch, tagged versions, and everything younger than --older-than are kept. If an
    unpublished run needs what would be deleted (see runs list), nothing is deleted and the exit code is 5. A dry run
    copies the metadata of the store (no chunks) to a temporary folder and expires the old versions there.
    """
    from gnssice_batch.operate.garbage import as_json, collect_garbage

    settings, age = load_logged(config_file, overrides), timedelta(days=older_than)
    found = collect_garbage(settings, age, dry_run=not delete, keep_versions=keep_versions)
    if as_json_text:
        write_json({"deleted": delete, **as_json(found)}, STDOUT)
        return
    for line in garbage_lines(found, deleted=delete):
        say(line)
    if not delete:
        say("--delete deletes")


def _state(run: "OpenRun") -> str:
    if run.snapshot:
        return f"published as {run.snapshot}, its journal remains"
    if run.at_work:
        return "running"
    return "stopped" if run.record else "stopped, its record can't be read"


def _age(run: "OpenRun") -> str:
    return "of unknown age" if run.age is None else f"{duration(run.age.total_seconds())} old"


def _finished(run: "OpenRun") -> str:
    settings = "these settings" if run.same_settings else "other settings"
    again = "" if run.goes_on_with == "run" else f", go on with {run.goes_on_with}"
    return f"{count(run.partitions, 'partition')} finished, {size(run.size_bytes)}, {settings}{again}"


def _facts(run: "OpenRun") -> list[tuple[str, str]]:
    again = run.goes_on_with
    resume = f"{again} with these settings" if run.same_settings else f"{again} with the settings it was started with"
    facts = [("resume with", resume)]
    if run.record:
        record = run.record
        facts += [("started", record.started), ("branch", record.branch), ("planned on", record.base)]
        facts += [("software", record.software)]
    if run.lease:
        facts.append(("last seen", f"{run.lease.beat}, {run.lease.host}, process {run.lease.process}"))
    return [*facts, ("finished", f"{count(run.partitions, 'partition')}, {size(run.size_bytes)}")]
