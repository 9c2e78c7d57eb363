"""The pages of the documentation as tests read them: blocks, what prepares them, why one is not run."""

import re
from dataclasses import dataclass

from tests.conftest import ROOT

DOCS = ROOT / "docs"
WRITTEN = ("reference/", "decisions/")
"""Pages that hold no steps for a user: those made from the code, and the decisions."""
PROGRAM = "gnssice-batch"
RUN = ("sh", "console", "python")
"""Languages of the blocks that a user would run."""
FIRST = "first"
"""What is run before the blocks that follow, in a comment that readers do not see: ``<!-- first: COMMANDS -->``."""
_BLOCK = re.compile(
    r"^<!-- first:\s*(?P<first>.*?)\s*-->$"
    r"|(?:^<!-- not run: (?P<not_run>.*?) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```$"
    r"(?:\n\n^```text\n(?P<printed>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)


_CODE = re.compile(r"`([^`]+)`")
_SNIPPET = re.compile(r"(?:ds|gnssice_batch)\b[.\[].*[)\]\w]")
"""What stands in a table and could be typed where a page has opened a dataset."""


@dataclass(frozen=True)
class Block:
    """A fenced block, or what is run first; a comment right before a block says why it is not run."""

    language: str
    body: str
    not_run: str = ""
    printed: str = ""
    """The lines of a block of text that follows right after: what it prints."""


def user_pages():
    """Return the names of all pages that a user follows."""
    names = (str(path.relative_to(DOCS)) for path in sorted(DOCS.rglob("*.md")))
    return [name for name in names if not name.startswith(WRITTEN)]


def blocks(page):
    """Return the blocks of a page that a user would run, with what is run first."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [
        Block(FIRST, each["first"])
        if each["first"]
        else Block(each["language"], each["body"], each["not_run"] or "", each["printed"] or "")
        for each in _BLOCK.finditer(text)
    ]
    return [one for one in found if one.language in (FIRST, *RUN)]


def snippets(page):
    """Return the Python in the tables of a page: what it says of the dataset that its blocks have opened."""
    text = (DOCS / page).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    found = (code.replace("\\|", "|") for row in rows for code in _CODE.findall(row))
    return [code for code in found if _SNIPPET.fullmatch(code) and "..." not in code]


def commands_named(text):
    """Return what a text says of the program in its lines and tables: the words after its name."""
    return [code.removeprefix(f"{PROGRAM} ") for code in _CODE.findall(text) if code.startswith(f"{PROGRAM} ")]
