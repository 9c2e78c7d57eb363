"""Scale factor records: values in a file are the observable times a factor, so that a factor in doubt costs them."""

from typing import Final, NamedTuple, Protocol

from gnssice_batch.rinex.header.lines import LABEL_COLUMN
from gnssice_batch.rinex.header.values import UNKNOWN_FACTOR
from gnssice_batch.signals import SYSTEMS

_FACTORS: Final = (1, 10, 100, 1000)
_AT_LEAST_ONE: Final = 1
"""Codes of a record whose number of them can't be read: whatever it was, it is not the blank that means all."""


class Scaled(NamedTuple):
    """A scale factor record being read, which may go on in further lines."""

    system: str
    """Empty for all systems."""
    factor: int
    """`UNKNOWN_FACTOR` where it can't be read."""
    left: int
    """Codes that are declared and not listed yet."""
    line: str
    codes: tuple[str, ...] = ()


class ScaleDraft(Protocol):
    """What these records are read into."""

    obs_types: dict[str, list[str]]
    scale_factors: dict[str, dict[str, int]]
    scaled: Scaled | None

    def fault(self, sentence: str, line: str = "") -> None:
        """Note what is wrong."""


def scale_record(draft: ScaleDraft, line: str, begin: tuple[str, str, str] | None, column: int) -> None:
    """Read one line of a scale factor record; one that begins it and lists no codes is of all types of the system.

    Parameters
    ----------
    begin
        System, factor and number of codes as written; None for a line that goes on with the one before, or is blank.
    column
        Where the codes begin.
    """
    codes = line[column:LABEL_COLUMN].split()
    if begin is not None:
        settle_scale(draft)
        draft.scaled = _begun(draft, *begin, line)
        if not codes and draft.scaled.left == 0:
            draft.scale_factors[draft.scaled.system] = {"": draft.scaled.factor}
    elif codes:
        _check_goes_on(draft, codes, line)
    if draft.scaled is not None:
        _list_codes(draft, draft.scaled, codes)


def _check_goes_on(draft: ScaleDraft, codes: list[str], line: str) -> None:
    """Put what codes may have to do with it in doubt where the line before does not say that more codes follow."""
    scaled = draft.scaled
    if scaled is None:
        draft.fault("scale factors without the line that begins their list", line)
        draft.scaled = Scaled("", UNKNOWN_FACTOR, len(codes), line)
    elif not scaled.codes and scaled.left == 0 and scaled.factor != 1:
        draft.fault("a scale factor of all types, and codes in a line behind it", line)
        draft.scale_factors[scaled.system] = {"": UNKNOWN_FACTOR}


def _list_codes(draft: ScaleDraft, scaled: Scaled, codes: list[str]) -> None:
    draft.scale_factors.setdefault(scaled.system, {}).update(dict.fromkeys(codes, scaled.factor))
    draft.scaled = scaled._replace(left=scaled.left - len(codes), codes=(*scaled.codes, *codes))


def settle_scale(draft: ScaleDraft) -> None:
    """End the record being read: where it does not list codes of the header, it may hold for any others."""
    scaled, draft.scaled = draft.scaled, None
    if scaled is None or scaled.factor == 1:
        return
    known = draft.obs_types.get(scaled.system) or draft.obs_types.get("")
    strange = [code for code in scaled.codes if known is not None and code not in known]
    if scaled.left > 0 or strange:
        draft.fault("a scale factor does not list the codes that it declares, or others than the header", scaled.line)
        draft.scale_factors[scaled.system].setdefault("", UNKNOWN_FACTOR)


def _begun(draft: ScaleDraft, system: str, factor: str, count: str, line: str) -> Scaled:
    """Return the record that a line begins; under a letter that is no system, and has no types, it is any system's."""
    number = int(factor) if factor.strip().isdecimal() else UNKNOWN_FACTOR
    if number not in _FACTORS:
        draft.fault(f"scale factor {factor.strip()!r} is none of 1, 10, 100, 1000", line)
        number = UNKNOWN_FACTOR
    counted = count.strip() or "0"
    if not counted.isdecimal():
        draft.fault("number of codes of a scale factor can't be read", line)
    left = int(counted) if counted.isdecimal() else _AT_LEAST_ONE
    if system and system not in tuple(SYSTEMS) and system not in draft.obs_types:
        draft.fault(f"scale factor of system {system!r}, which is none", line)
        return Scaled("", number if number == 1 else UNKNOWN_FACTOR, left, line)
    return Scaled(system, number, left, line)
