"""Where in a header its first fault is."""

from typing import Final, NamedTuple

from gnssice_batch.rinex.header.records import LABEL_COLUMN, Draft, add

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Place(NamedTuple):
    """A line of a header."""

    line: int
    """Counted from 1."""
    begin: int
    """Index of its first byte."""


def first_fault(header: bytes) -> Place:
    """Find the first record of a header that has a fault.

    Parameters
    ----------
    header
        Its lines, END OF HEADER included, of which `Header.faults` says that something is wrong.

    Returns
    -------
    Place
        The record that can't be read; where it is a list of observation types that is too short, too long or holds a
        code twice, the first record of the list; else the first line.
    """
    draft, lists = Draft(), dict[str, Place]()
    begin = len(_BYTE_ORDER_MARK) if header.startswith(_BYTE_ORDER_MARK) else 0
    for number, line in enumerate(header[begin:].split(b"\n"), 1):
        declared = len(draft.declared)
        add(draft, line.decode("latin-1").rstrip("\r\0 ").ljust(LABEL_COLUMN + 20))
        if draft.faults:
            return Place(number, begin)
        if len(draft.declared) > declared:
            lists[next(reversed(draft.declared))] = Place(number, begin)
        begin += len(line) + 1
    return next((place for system, place in lists.items() if _has_faulty_list(draft, system)), Place(1, 0))


def _has_faulty_list(draft: Draft, system: str) -> bool:
    alone = Draft(declared={system: draft.declared[system]}, obs_types={system: draft.obs_types[system].copy()})
    alone.check_counts(compact=False)
    return bool(alone.faults)
