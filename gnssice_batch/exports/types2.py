"""Observation types of RINEX 2 that are read as given signals."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Final

from gnssice_batch.exports.columns import Observable
from gnssice_batch.exports.values import Why, WithheldError
from gnssice_batch.signals import columns
from gnssice_batch.wording import several

VERSION: Final = "2.11"
SYSTEMS_2: Final = "GRES"
"""What RINEX 2.11 knows."""
_BANDS: Final = "125678"
_PSEUDORANGES: Final = ("C1", "P1", "C2", "P2", *(f"C{band}" for band in _BANDS[2:]))
_OTHERS: Final = tuple(kind + band for band in _BANDS for kind in "LDS")
_ORDER: Final = (*_PSEUDORANGES[:4], *_OTHERS[:6], *_PSEUDORANGES[4:], *_OTHERS[6:])


def types_of(
    of_system: Mapping[str, Sequence[Observable]],
) -> tuple[tuple[str, ...], dict[str, tuple[Observable | None, ...]]]:
    """The types of a header, and what each is in each system.

    One list holds for all systems, and which signal a phase is of depends on the pseudoranges beside it: of the lists
    that give back every signal the shortest is taken.

    Raises
    ------
    WithheldError
        When no list does; the sentence names what stays out of the one that gives back most.
    """
    strange = [f"{system} {one.code}" for system, all_ in of_system.items() if system not in SYSTEMS_2 for one in all_]
    scaled = [f"{system} {one.code} (scaled)" for system, all_ in of_system.items() for one in all_ if one.level]
    wanted = {system: frozenset(one.code for one in all_) for system, all_ in of_system.items()}
    types, left = _best(tuple(sorted(wanted.items()))) if not strange and not scaled else ((), [])
    if missing := [*strange, *scaled, *left]:
        listed = several(missing, 5)
        raise WithheldError(Why.NO_TYPES, f"no observation types of RINEX {VERSION} are read as {listed}: use rinex3")
    by_code = {system: {one.code: one for one in all_} for system, all_ in of_system.items()}
    return types, {system: tuple(_observables(system, types, codes)) for system, codes in by_code.items()}


@cache
def _best(wanted: tuple[tuple[str, frozenset[str]], ...]) -> tuple[tuple[str, ...], list[str]]:
    """The list of types that gives back most, and what it does not."""
    best: tuple[int, int, tuple[str, ...], list[str]] | None = None
    for pseudoranges in _subsets(_useful(wanted)):
        types = _list(pseudoranges, wanted)
        left = _left(types, wanted)
        if best is None or (len(left), len(types)) < best[:2]:
            best = len(left), len(types), types, left
    return (best[2], best[3]) if best else ((), [])


def _useful(wanted: Iterable[tuple[str, frozenset[str]]]) -> list[str]:
    """The pseudoranges of bands that any signal is in."""
    bands = {"2" if system == "C" and code[1] == "1" else code[1] for system, codes in wanted for code in codes}
    return [one for one in _PSEUDORANGES if one[1] in bands]


def _subsets(pseudoranges: Sequence[str]) -> Iterable[tuple[str, ...]]:
    for length in range(len(pseudoranges) + 1):
        yield from combinations(pseudoranges, length)


def _list(pseudoranges: Sequence[str], wanted: Iterable[tuple[str, frozenset[str]]]) -> tuple[str, ...]:
    """These pseudoranges and the other types that are then read as a wanted signal of some system, in usual order."""
    candidates = sorted({*pseudoranges, *_OTHERS}, key=_ORDER.index)
    used = {
        one
        for system, codes in wanted
        for one, code in zip(candidates, _read(system, tuple(candidates)), strict=True)
        if code in codes
    }
    return tuple(one for one in candidates if one in used or one in pseudoranges)


def _left(types: Sequence[str], wanted: Iterable[tuple[str, frozenset[str]]]) -> list[str]:
    return [f"{system} {code}" for system, codes in wanted for code in sorted(codes - {*_read(system, tuple(types))})]


@cache
def _read(system: str, types: tuple[str, ...]) -> tuple[str | None, ...]:
    """What each type is read as in a system; None also for those that give way to another."""
    found = columns(system, types, VERSION)
    return tuple(one.code if one is not None and not one.rank else None for one in found)


def _observables(system: str, types: tuple[str, ...], codes: Mapping[str, Observable]) -> Iterable[Observable | None]:
    return (codes.get(code) if code else None for code in _read(system, types))
