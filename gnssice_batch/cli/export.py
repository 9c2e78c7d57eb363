"""The ``export`` command."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gnssice_batch.cli.commands import EXIT_REJECTED, STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.formatting import count, size, span
from gnssice_batch.cli.groups import LOOK
from gnssice_batch.cli.looking import StoreArgument
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_for_store

if TYPE_CHECKING:
    from gnssice_batch.exports.values import Exported, ExportReport

_MOMENTS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_MOST_SHOWN: Final = 20


class _Format(StrEnum):
    """As in `gnssice_batch.exports.values`, which is not loaded for ``--help``."""

    RINEX3 = "rinex3"
    RINEX2 = "rinex2"
    NETCDF = "netcdf"
    PARQUET = "parquet"


class _Compression(StrEnum):
    NONE = "none"
    GZ = "gz"
    CRX = "crx"
    CRX_GZ = "crx.gz"


class _Each(StrEnum):
    DAY = "day"
    HOUR = "hour"
    ALL = "all"


@app.command(
    rich_help_panel=LOOK,
    epilog="Example: gnssice-batch export canopy_01 rinex stores/demo/rinex --compress crx.gz --since 2025-01-01",
)
def export(  # noqa: PLR0913 - one parameter per option
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="A receiver of the store.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go; made where it is missing.")],
    url: StoreArgument = None,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    file_format: Annotated[
        _Format, typer.Option("--format", help="RINEX 3.05, RINEX 2.11 where the signals fit, NetCDF4 or Parquet.")
    ] = _Format.RINEX3,
    compress: Annotated[_Compression, typer.Option(help="How RINEX is packed.")] = _Compression.NONE,
    each: Annotated[_Each, typer.Option(help="What one file holds.")] = _Each.DAY,
    since: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, metavar="TIME", help="From this day or time on (GPS time).")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, metavar="TIME", help="Until this day or time, itself left out.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Its id, a tag, a branch, or a time. Default: the newest.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace files of the same names that were exported of the same receiver."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a receiver as RINEX, NetCDF or Parquet files.

    RINEX files read as the very same observations, flags, clock offsets and times. What a format can't hold is not
    written: the file is named with the value, and the command ends with 1. Memory is bounded whatever the span.
    """
    from gnssice_batch.cli.progress import progress_display
    from gnssice_batch.exports.values import choice_of
    from gnssice_batch.operate.export import export_receiver

    choice = choice_of(file_format, compress, each, since, until, overwrite=overwrite)
    settings, target = load_for_store(url, config_file, overrides)
    with progress_display(settings.log) as progress:
        report = export_receiver(target, receiver, folder, choice, version, progress)
    if as_json:
        write_json(report.as_json(), STDOUT)
    else:
        _show(report)
    _end(report)


def _show(report: "ExportReport") -> None:
    for file in report.files[:_MOST_SHOWN]:
        say(_line(file))
    if len(report.files) > _MOST_SHOWN:
        say(f"and {len(report.files) - _MOST_SHOWN:,} more: --json has them all")
    epochs, size_bytes = sum(one.epochs for one in report.files), sum(one.size_bytes for one in report.files)
    written = f"{count(len(report.files), 'file')}, {count(epochs, 'epoch')}, {size(size_bytes)}"
    say(f"{report.receiver} of version {report.snapshot}: {written}")


def _line(file: "Exported") -> str:
    notes = "".join(f"; {number:,} x {note}" for note, number in file.notes.items())
    figures = f"{count(file.epochs, 'epoch')}, {count(file.values, 'value')}, {size(file.size_bytes)}"
    return f"{file.path}  {span(file.span)}  {figures}{notes}"


def _end(report: "ExportReport") -> None:
    """End with 1 where files were withheld, and say why."""
    for one in report.withheld[:_MOST_SHOWN]:
        say(f"Warning: {one.path.name} was not written: {one.why}, {one.detail}", to_errors=True)
    if len(report.withheld) > _MOST_SHOWN:
        say(f"and {len(report.withheld) - _MOST_SHOWN:,} more: --json has them all", to_errors=True)
    if not report.files and not report.withheld:
        say("Warning: the receiver holds nothing in this span", to_errors=True)
    if report.withheld or not report.files:
        raise typer.Exit(EXIT_REJECTED)
