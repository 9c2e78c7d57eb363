"""The command that holds a published store against its archive."""

from typing import Annotated, Final

import typer
from rich.console import Console

from gnssice_batch.cli import tables
from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, load_settings, write_json
from gnssice_batch.cli.progress import progress_display
from gnssice_batch.errors import ArchiveError, ConfigError, StoreError
from gnssice_batch.operate.verification import StoreReport, as_json, verify_store

FILES_OF_A_SAMPLE: Final = 20


@app.command(epilog="Example: gnssice-batch verify -c config/demo.yaml --full --receiver canopy_01")
def verify(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help=f"So many files per receiver, the same every time; {FILES_OF_A_SAMPLE} if not said."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Every file that was taken.")] = False,
    receiver: Annotated[
        list[str] | None, typer.Option(metavar="RECEIVER", help="Only this receiver. Repeatable.")
    ] = None,
    as_json_text: JsonFlag = False,
) -> None:
    """Read files of the archive again and compare what the store holds of them, cell by cell. Changes nothing.

    A file that the archive has no more, or has with other content, is listed and can't be compared. Ends with 0 when
    everything compared agrees, with 3 when no file could be compared, with 5 and a list when anything differs.
    """
    if full and sample is not None:
        message = "--sample and --full exclude each other"
        raise ConfigError(message)
    settings = load_settings(config_file, overrides)
    with progress_display(settings.log) as progress:
        report = verify_store(settings, None if full else sample or FILES_OF_A_SAMPLE, receiver or (), progress)
    if as_json_text:
        write_json(as_json(report), STDOUT)
    else:
        tables.show_verification(Console(), report)
    _end(report)


def _end(report: StoreReport) -> None:
    if not report.agrees:
        message = f"{report.differences} differences between store and archive\n" + "\n".join(report.first)
        raise StoreError(message)
    if report.absent and not report.proof.files:
        message = f"no file could be compared, {len(report.absent)} are gone or changed"
        raise ArchiveError(message)
