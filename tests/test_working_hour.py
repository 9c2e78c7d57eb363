"""docs/working-hour.md, typed into a terminal: what the screen shows is what the page says.

``WRITE_PAGES=1`` writes what was seen into the page; times, ids and sizes that differ only so are left as they are.
"""

import os
import re

import pytest

from tests.support.pages import DOCS
from tests.support.terminal import WIDTH, Terminal, workplace

PAGE = DOCS / "working-hour.md"
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.DOTALL | re.MULTILINE)
_TYPED = re.compile(r"^(?:\$|>>>|\.\.\.)(?: (.*))?$")
_UNDO = re.compile(r"before-rollback-\S+")
FOLDER = "/data/gnss/rosalia"
"""What the page calls the folder of the test; its name is as long, so that tables break at the same places."""
PROGRESS = "━━━"
"""A bar of progress: which there are, and how far they came, is a matter of time."""
_CHANGING = (
    (r"\b[0-9A-HJKMNP-TV-Z]{20}\b", "ID"),
    (r"\b\d{8}T\d{6}-[0-9a-f]+\b", "RUN"),
    (r"\b20(?:2[6-9]|[3-9]\d)-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|\+00:00)?", "NOW"),
    (r"\b\d:\d\d:\d\d\b", "LEFT"),
    (r"\b[\d,.]+ ?(?=(?:k|M|G|Mi|Gi)?B\b|s\b|ms\b)", "N "),
    (r"\s+", " "),
)
"""What no two sessions have in common."""


def steps(block):
    """Split a block into what is typed, each with the lines that follow it."""
    found = []
    for line in block.splitlines():
        if typed := _TYPED.match(line):
            found.append((line, typed[1] or "", []))
        else:
            found[-1][2].append(line)
    return found


def alike(lines):
    """Return lines, those that the terminal broke in one, without what no two sessions have in common."""
    still = [line for line in lines if PROGRESS not in line]
    text = "".join(line if len(line) == WIDTH else f"{line}\n" for line in still)
    for pattern, name in _CHANGING:
        text = re.sub(pattern, name, text)
    return text.strip()


@pytest.mark.processes
@pytest.mark.heavy
def test_an_hour_of_work_as_the_page_shows_it(tmp_path):
    page, differences = PAGE.read_text(encoding="utf-8"), []
    with workplace() as folder:
        assert len(str(folder)) == len(FOLDER)
        terminal = Terminal(folder, tmp_path / "tools")

        def typed(block):
            return "".join(_shown(terminal, step, folder, differences) for step in steps(block[1]))

        seen = _BLOCK.sub(typed, page)
        assert (folder / "snr.png").read_bytes().startswith(b"\x89PNG")
        assert terminal.close() == 0
    if differences and os.environ.get("WRITE_PAGES"):
        PAGE.write_text(seen, encoding="utf-8")
    else:
        assert not differences, "\n".join(differences)


def _shown(terminal, step, folder, differences):
    line, words, expected = step
    if undone := _UNDO.search(words):
        words = words.replace(undone[0], _UNDO.findall(terminal.seen())[-1])
    said = [each.replace(str(folder), FOLDER) for each in terminal.type(words)]
    if alike(said) != alike(expected):
        differences.append("\n".join([line, "page:", *expected, "terminal:", *said]))
    return "\n".join([f"{line.split()[0]} {words}".rstrip(), *said]) + "\n"
