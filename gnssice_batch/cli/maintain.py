"""The ``maintain`` command."""

from typing import Annotated

import typer

from gnssice_batch.cli.commands import (
    STDOUT,
    ConfigOption,
    JsonFlag,
    Product,
    ProductOption,
    SetOption,
    app,
    write_json,
)
from gnssice_batch.cli.formatting import count, garbage_lines
from gnssice_batch.cli.groups import MEND
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_logged


@app.command(rich_help_panel=MEND, epilog="Example: gnssice-batch maintain -c config/demo.yaml --dry-run")
def maintain(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    product: ProductOption = Product.RINEX,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Tidy a store that many small runs write to.

    Joins manifests that are in too many pieces, in one version that changes no data; expires versions older than
    maintain.keep_days, but for the newest of each branch and tagged ones; deletes what nothing refers to and is older
    than maintain.garbage_days. If an unpublished run needs any of it (see runs list), nothing is done and the exit code
    is 5.
    """
    from gnssice_batch.operate.maintenance import as_json
    from gnssice_batch.operate.maintenance import maintain as maintain_store

    done = maintain_store(load_logged(config_file, overrides), dry_run=dry_run, product=product)
    if as_json_text:
        write_json({"dry_run": dry_run, **as_json(done)}, STDOUT)
        return
    now = f"joined in {done.snapshot}" if done.snapshot else "would be joined" if done.manifests.scattered else "kept"
    say(f"{count(done.manifests.found, 'manifest')} of the newest version, {done.manifests.needed:,} needed: {now}")
    for line in garbage_lines(done.collected, deleted=not dry_run):
        say(line)
