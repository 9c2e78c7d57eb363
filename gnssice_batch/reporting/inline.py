"""SVG of matplotlib made fit to stand in a page: scaled, without rules of its own, in the colours of the page.

What is drawn in one of the colours here gets the colour of that name in the page's style sheet, so that the same
drawing is right in light and dark.
"""

import re
from contextlib import AbstractContextManager
from html import escape
from io import BytesIO
from typing import Any, Final

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from gnssice_batch.visible import visible

INK: Final = "#010101"
MUTED: Final = "#020202"
LINE: Final = "#030303"
ACCENT: Final = "#040404"
SYSTEMS: Final = "GRECJIS"

_NAMES: Final = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent"} | {
    f"#0500{number:02d}": f"sys-{system}" for number, system in enumerate(SYSTEMS)
}
_COLOUR: Final = re.compile("|".join(_NAMES))
_DROPPED: Final = re.compile(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.DOTALL)
_BREAK: Final = re.compile(r"\s*\n\s*")
_FONT: Final = re.compile(r"font(?:-[a-z]+)?: [^;\"]*;? ?")
_OWN_SIZE: Final = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
_ID: Final = re.compile(r'(id="|href="#|url\(#)')
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 10,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "path.simplify_threshold": 0.2,
}


def style() -> AbstractContextManager[None]:
    """The look of all drawings, for the time that they are made."""
    return mpl.rc_context(_STYLE)


def system_colour(system: str) -> str:
    """The colour of a satellite system."""
    return next((colour for colour, name in _NAMES.items() if name == f"sys-{system}"), MUTED)


def inline(figure: Figure, key: str, says: str) -> Markup:
    """A figure as an element of a page.

    Parameters
    ----------
    key
        Differs from that of any other drawing in the page: the names inside begin with it.
    says
        What is seen, for those who don't.
    """
    written = BytesIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    text = written.getvalue().decode("utf-8")
    text = _BREAK.sub(" ", _DROPPED.sub("", text[text.index("<svg") :]))
    text = re.sub(r'style="([^"]*)"', lambda match: f'style="{_FONT.sub("", match[1])}"', text)
    text = _COLOUR.sub(lambda match: f"var(--{_NAMES[match[0]]})", _ID.sub(rf"\1{key}-", text))
    label = escape(visible(says), quote=True)
    head = f'<svg class="chart" role="img" aria-label="{label}" viewBox="'
    title = f'"><title>{label}</title>'
    return Markup(_OWN_SIZE.sub(lambda match: head + match[1] + title, text, count=1))  # noqa: S704 - matplotlib has escaped what is in it
