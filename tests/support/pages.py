"""The pages of the documentation as tests read them: blocks, what prepares them, why one is not run."""

import re
from dataclasses import dataclass

from tests.conftest import ROOT

DOCS = ROOT / "docs"
WRITTEN = ("reference/", "decisions/")
"""Pages that hold no steps for a user: those made from the code, and the decisions."""
RUN = ("sh", "console", "python")
"""Languages of the blocks that a user would run."""
_BLOCK = re.compile(
    r"(?:^<!-- (?P<word>first|not run):\s*(?P<text>.*?)\s*-->\n+)?^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block; a comment right before it may name what is run first, or why the block is not run."""

    language: str
    body: str
    first: str = ""
    not_run: str = ""


def user_pages():
    """Return the names of all pages that a user follows."""
    names = (str(path.relative_to(DOCS)) for path in sorted(DOCS.rglob("*.md")))
    return [name for name in names if not name.startswith(WRITTEN)]


def blocks(page):
    """Return the blocks of a page that a user would run."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [
        Block(
            each["language"], each["body"], **({each["word"].replace(" ", "_"): each["text"]} if each["word"] else {})
        )
        for each in _BLOCK.finditer(text)
    ]
    return [one for one in found if one.language in RUN]
