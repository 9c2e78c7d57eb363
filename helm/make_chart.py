"""Writes the settings into the chart's schema and the values into its README; `make chart` runs it, tests hold it."""

import functools
import json
import operator
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gnssice_batch.config.models import Settings

CHART = Path(__file__).resolve().parent / "gnssice-batch"
SCHEMA, README, VALUES = CHART / "values.schema.json", CHART / "README.md", CHART / "values.yaml"
BEGIN, END = "<!-- Made of values.yaml by helm/make_chart.py: `make chart`. -->", "<!-- end -->"
PROGRAM = "#/definitions/settings/$defs/"
"""Where the definitions of the program's schema are in the chart's."""


def schema() -> str:
    """Return the chart's schema with the program's own in it, as `gnssice-batch schema` prints it."""
    chart = json.loads(SCHEMA.read_text(encoding="utf-8"))
    chart["definitions"] = {"settings": settings_schema()}
    return json.dumps(chart, indent=2) + "\n"


def settings_schema() -> dict[str, Any]:
    """Return the schema of the program's settings, its references led to where it is embedded."""
    text = json.dumps(Settings.model_json_schema()).replace('"#/$defs/', f'"{PROGRAM}')
    embedded: dict[str, Any] = json.loads(text)
    return embedded


def readme() -> str:
    """Return the README with the table of all values."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    lines = ["| value | default | |", "|---|---|---|", *(_row(*entry) for entry in values())]
    return "\n".join([before + BEGIN, *lines, END]) + rest.partition(END)[2]


def values() -> Iterator[tuple[str, Any, str]]:
    """Yield path, default and comment of every value that has a comment."""
    text = VALUES.read_text(encoding="utf-8")
    tree = yaml.safe_load(text)
    for path, comment in documented(text):
        yield ".".join(path), functools.reduce(operator.getitem, path, tree), comment


def documented(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path of every value, with its comment, which begins with two dashes."""
    above: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        content = line.strip()
        if content.startswith("#"):
            comment = [content[5:]] if content.startswith("# -- ") else [*comment, content[2:]] if comment else []
        elif content and not content.startswith("-"):
            indent = len(line) - len(content)
            above = [*(each for each in above if each[0] < indent), (indent, content.partition(":")[0])]
            if comment:
                yield tuple(key for _, key in above), " ".join(comment)
            comment = []


def _row(name: str, default: object, comment: str) -> str:
    shown = json.dumps(default).replace("|", "\\|")
    return f"| `{name}` | `{shown}` | {comment.replace('|', chr(92) + '|')} |"


def main() -> None:
    """Write both files."""
    SCHEMA.write_text(schema(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
    sys.stdout.write(f"{SCHEMA.name} and {README.name} in {CHART}\n")


if __name__ == "__main__":
    main()
