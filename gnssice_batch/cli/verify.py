"""The ``verify`` command."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch import api
from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.groups import MEND
from gnssice_batch.cli.settings_file import load_for_store, load_settings
from gnssice_batch.errors import ArchiveError, ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gnssice_batch.config import Settings
    from gnssice_batch.job.target import Target
    from gnssice_batch.operate.verification import StoreReport

FILES_OF_A_SAMPLE: Final = 20


@app.command(
    rich_help_panel=MEND, epilog="Example: gnssice-batch verify -c config/demo.yaml --full --receiver canopy_01"
)
def verify(  # noqa: PLR0913 - one parameter per option
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="A repository, with --store-only; default: of the settings.")
    ] = None,
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
    store_only: Annotated[
        bool, typer.Option("--store-only", help="Read every chunk once, against its checksum; needs no archive.")
    ] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Compare the store with files of the archive.

    The files are read again and compared cell by cell. Changes nothing. Files that are gone from the archive, or have
    changed there, are listed and not compared; nor is what of the store is damaged: missing chunks, and those that do
    not match their checksum. Exits with 0 if everything compared agrees, with 3 if no file could be
    compared, and with 5 and a list of damage and differences otherwise: repair makes both again.
    """
    from rich.console import Console

    from gnssice_batch.cli import tables
    from gnssice_batch.cli.damage import show_damage
    from gnssice_batch.cli.progress import progress_display

    if full and sample is not None:
        message = "--sample and --full can't be combined"
        raise ConfigError(message)
    if store_only and (full or sample is not None):
        message = "--store-only compares nothing with the archive: leave out --sample and --full"
        raise ConfigError(message)
    if url is not None and not store_only:
        message = (
            "verify compares with the archive of the settings: give no URL, or --store-only with it; for virtual"
            " datasets there is virtualize verify"
        )
        raise ConfigError(message)
    if store_only:
        _scan(*load_for_store(url, config_file, overrides), receiver or (), as_json_text=as_json_text)
        return
    settings = load_settings(config_file, overrides)
    with progress_display(settings.log) as progress:
        report = api.verify(settings, None if full else sample or FILES_OF_A_SAMPLE, receiver or (), progress)
    if as_json_text:
        write_json(report.as_json(), STDOUT)
    else:
        tables.show_verification(Console(), report)
        show_damage(report.damaged)
    _end(report)


def _scan(settings: "Settings", target: "Target", receivers: "Sequence[str]", *, as_json_text: bool) -> None:

    from gnssice_batch.cli.damage import damage_text, show_scan
    from gnssice_batch.cli.progress import progress_display
    from gnssice_batch.operate.integrity import scan_store

    with progress_display(settings.log) as progress:
        report = scan_store(settings, receivers, progress, target)
    if as_json_text:
        write_json(report.as_json(), STDOUT)
    else:
        show_scan(report)
    if report.damaged:
        raise StoreError(damage_text(report.damaged))


def _end(report: "StoreReport") -> None:
    from gnssice_batch.cli.damage import REMEDY, damage_text

    faults = [damage_text(report.damaged)] if report.damaged else []
    if report.differences:
        listed = "\n".join(report.first)
        faults.append(f"{report.differences} differences between store and archive, {REMEDY} (--full)\n{listed}")
    if faults:
        raise StoreError("\n".join(faults))
    if report.absent and not report.proof.files:
        message = f"no file could be compared, {len(report.absent)} are gone or changed"
        raise ArchiveError(message)
