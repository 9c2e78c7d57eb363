"""The ``verify`` command."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch import api
from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, load_settings, write_json
from gnssice_batch.errors import ArchiveError, ConfigError, StoreError

if TYPE_CHECKING:
    from gnssice_batch.operate.verification import StoreReport

FILES_OF_A_SAMPLE: Final = 20


@app.command(epilog="Example: gnssice-batch verify -c config/demo.yaml --full --receiver canopy_01")
def verify(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help=f"Files per receiver, the same ones every time; default {FILES_OF_A_SAMPLE}."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All ingested files.")] = False,
    receiver: Annotated[
        list[str] | None, typer.Option(metavar="RECEIVER", help="Only this receiver. Repeatable.")
    ] = None,
    as_json_text: JsonFlag = False,
) -> None:
    """Compare the store with files of the archive.

    The files are read again and compared cell by cell. Changes nothing. Files that are gone from the archive, or have
    changed there, are listed and not compared. Exits with 0 if everything compared agrees, with 3 if no file could be
    compared, and with 5 and a list of differences otherwise.
    """
    from rich.console import Console

    from gnssice_batch.cli import tables
    from gnssice_batch.cli.progress import progress_display

    if full and sample is not None:
        message = "--sample and --full can't be combined"
        raise ConfigError(message)
    settings = load_settings(config_file, overrides)
    with progress_display(settings.log) as progress:
        report = api.verify(settings, None if full else sample or FILES_OF_A_SAMPLE, receiver or (), progress)
    if as_json_text:
        write_json(report.as_json(), STDOUT)
    else:
        tables.show_verification(Console(), report)
    _end(report)


def _end(report: "StoreReport") -> None:
    if not report.agrees:
        message = f"{report.differences} differences between store and archive\n" + "\n".join(report.first)
        raise StoreError(message)
    if report.absent and not report.proof.files:
        message = f"no file could be compared, {len(report.absent)} are gone or changed"
        raise ArchiveError(message)
