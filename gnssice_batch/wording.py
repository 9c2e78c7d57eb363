"""Names in sentences, cut short where they are many."""

from collections.abc import Sequence


def several(names: Sequence[str], most: int = 3, by: str = ", ") -> str:
    """The first few of some names, and how many more there are: ``a, b, c and 1,200 more``."""
    more = len(names) - most
    return by.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
