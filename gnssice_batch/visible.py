"""Text that a terminal shows as it is: characters that would steer the terminal are written out."""

import re
from typing import Final

_STEERING: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]",
)
"""Controls, escapes, ends of lines, marks of direction and of no width, halves of characters."""
_BYTE: Final = 0x100


def visible(text: str) -> str:
    r"""A text with such characters as ``\x1b`` or ``\u202e``."""
    return _STEERING.sub(_written, text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return "\n".join(map(visible, text.split("\n")))


def _written(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < _BYTE else f"\\u{number:04x}"
