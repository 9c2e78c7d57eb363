"""The ``doctor`` command."""

from typing import Final

import typer

from gnssice_batch.cli.commands import STDOUT, ConfigOption, JsonFlag, SetOption, app, write_json
from gnssice_batch.cli.groups import INGEST
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_settings
from gnssice_batch.cli.termination import ending

_STYLES: Final = {"ok": "green", "note": "yellow", "bad": "red", "unknown": "dim"}


@app.command(rich_help_panel=INGEST, epilog="Example: gnssice-batch doctor -c config/demo.yaml")
def doctor(config_file: ConfigOption = None, overrides: SetOption = None, *, as_json: JsonFlag = False) -> None:
    """Find what a run would trip over, in one table.

    Looks at the archive and its layout, the store, whether it can be written, clocks, other runs, memory and disk. What
    it writes it removes again. Ends with the exit code of the run that would fail, 0 if none is foreseen.
    """
    from gnssice_batch.operate.doctor import examined

    findings = examined(load_settings(config_file, overrides))
    if as_json:
        write_json({"findings": [each.as_json() for each in findings]}, STDOUT)
    else:
        _show([(each.check, str(each.state), each.text) for each in findings])
    for each in findings:
        if each.exit_code:
            said = f"a run would end with exit code {each.exit_code}: {each.check}: {each.text}"
            ending().message = said
            say(f"Error: {said}", to_errors=True, style="red")
            raise typer.Exit(each.exit_code)


def _show(rows: list[tuple[str, str, str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from gnssice_batch.cli.formatting import shown

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("check", "state", "found"):
        table.add_column(name, overflow="fold")
    for check, state, text in rows:
        table.add_row(check, f"[{_STYLES[state]}]{state}[/]", shown(text))
    Console().print(table)
