"""The tools that need neither settings nor a store: ``simulate``, ``schema``, ``warm``."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gnssice_batch.cli.commands import STDOUT, JsonFlag, app, write_json
from gnssice_batch.cli.formatting import count, size
from gnssice_batch.cli.groups import TOOLS
from gnssice_batch.cli.output import say
from gnssice_batch.errors import ConfigError


class Packing(StrEnum):
    """Format and compression of simulated files."""

    RNX = "rnx"
    RNX_GZ = "rnx.gz"
    CRX = "crx"
    CRX_GZ = "crx.gz"


@app.command(
    rich_help_panel=TOOLS, epilog="Example: gnssice-batch simulate demo/archive --days 2 --interval 30 --damaged 2"
)
def simulate(  # noqa: PLR0913 - one parameter per option
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write to; created if missing.")],
    *,
    receivers: Annotated[int, typer.Option(min=1, help="Receivers, in pairs: one under trees, one in the open.")] = 2,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = datetime(
        2025, 1, 1, tzinfo=UTC
    ),
    days: Annotated[float, typer.Option(min=0, help="Length in days; fractions are allowed.")] = 1.0,
    interval: Annotated[float, typer.Option(help="Seconds between epochs.")] = 30.0,
    file_minutes: Annotated[float, typer.Option(help="Minutes per file.")] = 15.0,
    systems: Annotated[str, typer.Option(help="Satellite systems, any of GRECJS.")] = "GREC",
    packing: Annotated[Packing, typer.Option(help="Compact or plain RINEX, with or without gzip.")] = Packing.CRX_GZ,
    damaged: Annotated[int, typer.Option(min=0, help="Number of files to damage, in ways found in archives.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed writes the same archive.")] = 0,
    optical_depth: Annotated[
        float | None, typer.Option(min=0, help="Of an even canopy over every other receiver, instead of uneven trees.")
    ] = None,
    navigation: Annotated[
        bool, typer.Option(help="Also write the orbits, a navigation file a day, in the folder navigation.")
    ] = True,
    as_json: JsonFlag = False,
) -> None:
    """Write a simulated archive.

    It is physically plausible: satellites rise and set, trees weaken their signals, receivers fail now and then.
    """
    from gnssice_batch.simulate import SimulationPlan, network, write_navigation
    from gnssice_batch.simulate import simulate as write_archive
    from gnssice_batch.simulate.damage import damage

    wanted = SimulationPlan(
        network(receivers, optical_depth), start.date(), days, interval, file_minutes * 60, systems, packing.value, seed
    )
    files = write_archive(folder, wanted)
    orbits = write_navigation(folder, wanted) if navigation else []
    broken = damage(files, damaged)
    size_bytes = sum(file.stat().st_size for file in files)
    if as_json:
        names = [str(path) for path in broken]
        write_json(
            {
                "folder": str(folder),
                "files": len(files),
                "size_bytes": size_bytes,
                "damaged": names,
                "navigation": len(orbits),
            },
            STDOUT,
        )
        return
    told_damage = f", {len(broken)} of them damaged" if broken else ""
    told_orbits = f"; orbits in {count(len(orbits), 'navigation file')}" if orbits else ""
    say(f"{count(len(files), 'file')}, {size(size_bytes)} in {folder}{told_damage}{told_orbits}")


@app.command(rich_help_panel=TOOLS, epilog="Example: gnssice-batch schema > settings.schema.json")
def schema() -> None:
    """Print the JSON schema of the settings."""
    from gnssice_batch.config import json_schema

    write_json(json_schema(), STDOUT)


@app.command(rich_help_panel=TOOLS, epilog="Example: NUMBA_CACHE_DIR=/opt/kernels gnssice-batch warm")
def warm(*, as_json: JsonFlag = False) -> None:
    """Compile the reader and cache the compiled code.

    Later processes start faster. Meant for the build of a container image.
    """
    from gnssice_batch.exports.warming import warm_export
    from gnssice_batch.ingest.warming import warm as compile_kernels

    folder = compile_kernels()
    warm_export()
    if folder is None:
        message = "no cache folder for compiled code is writable: set NUMBA_CACHE_DIR to one that is"
        raise ConfigError(message)
    if as_json:
        write_json({"folder": str(folder)}, STDOUT)
    else:
        say(f"Compiled code is cached in {folder}")
