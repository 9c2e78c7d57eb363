"""The ``init`` command."""

from pathlib import Path
from typing import Annotated

import typer

from gnssice_batch.cli.commands import STDOUT, JsonFlag, app, write_json
from gnssice_batch.cli.groups import INGEST
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import NAME
from gnssice_batch.errors import ConfigError


@app.command(rich_help_panel=INGEST, epilog="Example: gnssice-batch init /data/rinex")
def init(
    archive: Annotated[str, typer.Argument(metavar="ARCHIVE", help="Folder or URL of the RINEX files.")] = ".",
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Settings file to write.")] = Path(NAME),
    *,
    as_json: JsonFlag = False,
) -> None:
    """Look at an archive and write a settings file for it, with comments.

    Reads the names of the files only. The file is not written over one that is there.
    """
    from gnssice_batch.operate.proposal import proposed

    if output.exists():
        message = f"{output} is there already: remove it, or name another file with --output"
        raise ConfigError(message)
    found = proposed(archive)
    try:
        output.write_text(found.text, encoding="utf-8")
    except OSError as error:
        message = f"{output} can't be written: {error.strerror}"
        raise ConfigError(message) from error
    if as_json:
        write_json({"written": str(output), "settings": found.text}, STDOUT)
        return
    for line in found.text.splitlines():
        say(line)
    chosen = "" if output == Path(NAME) else f" -c {output}"
    say(f"Written to {output}. Look at it, then: gnssice-batch plan{chosen}")
