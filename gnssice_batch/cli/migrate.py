"""The ``migrate`` command."""

from typing import Annotated

import typer

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.groups import MEND
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_logged


@app.command(rich_help_panel=MEND, epilog="Example: gnssice-batch migrate -c config/demo.yaml --dry-run")
def migrate(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Bring a store that an older version of this program made to the present layout.

    In one version, on run.branch; no observation is touched, and earlier versions stay as they are. Not needed: an
    older store is read, and run goes on with it. Ends with 5, and changes nothing, while a run is open: see runs list.
    """
    from gnssice_batch.model.template import LAYOUT_VERSION
    from gnssice_batch.operate.migration import as_json
    from gnssice_batch.operate.migration import migrate as migrate_store

    report = migrate_store(load_logged(config_file, overrides), dry_run=dry_run)
    if as_json_text:
        write_json({"dry_run": dry_run, **as_json(report)}, STDOUT)
        return
    for one in report.receivers:
        say(f"{one.receiver}: layout {one.layout}, {'; '.join(one.steps) or 'nothing to do'}")
    for name in report.other_groups:
        say(f"{name}: not ours, left alone")
    done = f"migrated in {report.snapshot}" if report.snapshot else "would be migrated in one version"
    say(done if report.needed else f"nothing to do: every receiver has layout {LAYOUT_VERSION}")
