"""The meaning of a RINEX observation code: band, tracking letter, signal id, frequencies.

A signal id (sid) is ``SV|band|code``, e.g. ``G01|L1|C``: satellite, name of the band, tracking letter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from string import ascii_uppercase
from types import MappingProxyType
from typing import Final

from gnssice_batch.signals.rinex2 import Rinex2Types

MAPPING_NAME: Final = "canvodpy-bands/header-aware-rinex2"
"""Name of the way codes are read as signals; stored with the observations."""

MAPPING_VERSION: Final = "3"
"""Changes whenever a code is read as another signal than before; stored with the observations."""

SYSTEMS: Final = "GRECJIS"
"""Letters of the satellite systems: GPS, GLONASS, Galileo, BeiDou, QZSS, NavIC, SBAS."""

KINDS: Final = "CLDS"
"""First letters of the codes that are signals: pseudorange, phase, Doppler, signal strength."""

_BANDS: Final = {
    "G": {"1": "L1", "2": "L2", "5": "L5"},
    "R": {"1": "G1", "2": "G2", "3": "G3", "4": "G1a", "6": "G2a"},
    "E": {"1": "E1", "5": "E5a", "6": "E6", "7": "E5b", "8": "E5"},
    "C": {"1": "B1C", "2": "B1I", "5": "B2a", "6": "B3I", "7": "B2b", "8": "B2"},
    "J": {"1": "L1", "2": "L2", "5": "L5", "6": "L6"},
    "I": {"1": "L1", "5": "L5", "9": "S"},
    "S": {"1": "L1", "5": "L5"},
}

_MILITARY_BEIDOU: Final = {
    **dict.fromkeys(("1S", "1L", "1Z"), "B1A"),
    **dict.fromkeys(("6D", "6P", "6Z"), "B3A"),
}

_CENTER_AND_WIDTH_MHZ: Final = {
    **dict.fromkeys(("GL1", "JL1", "SL1"), (1575.42, 30.69)),
    **dict.fromkeys(("GL2", "JL2"), (1227.60, 30.69)),
    **dict.fromkeys(("GL5", "JL5", "IL5", "SL5"), (1176.45, 24.0)),
    "EE1": (1575.42, 24.552),
    "EE5a": (1176.45, 20.46),
    "EE5b": (1207.14, 20.46),
    "EE5": (1191.795, 51.15),
    "EE6": (1278.75, 40.92),
    "CB1I": (1561.098, 4.092),
    "CB1C": (1575.42, 32.736),
    "CB1A": (1575.42, 32.736),
    "CB2a": (1176.45, 20.46),
    "CB2b": (1207.14, 20.46),
    "CB2": (1191.795, 51.15),
    "CB3I": (1268.52, 20.46),
    "CB3A": (1268.52, 35.805),
    "RG1": (1601.71875, 8.3345),
    "RG2": (1245.78125, 6.7095),
    "RG3": (1202.025, 7.875),
    "RG1a": (1600.995, 7.875),
    "RG2a": (1248.06, 7.875),
    "JL6": (1278.75, 42.0),
    "IL1": (1575.42, 24.0),
    "IS": (2492.028, 16.5),
}

_GLONASS_CHANNEL_BASE_AND_STEP_MHZ: Final = {"G1": (1602.0, 9 / 16), "G2": (1246.0, 7 / 16)}
_GLONASS_CHANNEL_WIDTH_MHZ: Final = 1.022

_SLOT_CHANNELS: Final = (1, -4, 5, 6, 1, -4, 5, 6, -2, -7, 0, -1, -2, -7, 0, -1, 4, -3, 3, 2, 4, -3, 3, 2)

GLONASS_CHANNELS: Final[Mapping[str, int]] = MappingProxyType(
    {f"R{slot:02d}": channel for slot, channel in enumerate(_SLOT_CHANNELS, start=1)}
)
"""Frequency channel of each GLONASS slot, for files whose header does not say."""


@dataclass(frozen=True, slots=True)
class SignalColumn:
    """The signal that one declared observation code is read as."""

    code: str
    """RINEX 3 code, e.g. ``C1C`` (BeiDou B1I is always written with band 2)."""
    kind: str
    """One of `KINDS`."""
    band: str
    """Name of the band, e.g. ``L1``, ``E5a``, ``B1I``."""
    letter: str
    """Tracking letter, e.g. ``C``."""
    rank: int = 0
    """0; of several declared codes that are one signal, the others have 1, 2, ... and give way to lower ones."""


def band_of(system: str, digit: str) -> str | None:
    """Return the name of a RINEX 3 band, e.g. ``E5a`` for ``("E", "5")``; None for a band the system has not."""
    return _BANDS.get(system, {}).get(digit)


def is_pseudo_observable(code: str) -> bool:
    """Whether a declared code is a receiver channel number (``X1``) or an ionospheric delay (``I1``): no signal."""
    return code[:1].upper() in {"X", "I"} and code[1:2].isdecimal()


def sid(sv: str, band: str, letter: str) -> str:
    """Return the signal id ``sv|band|letter``; sids are sorted as plain text."""
    return f"{sv}|{band}|{letter}"


def split_sid(signal: str) -> tuple[str, str, str]:
    """Return satellite, band and tracking letter of a signal id.

    Raises
    ------
    ValueError
        If it has not three parts.
    """
    sv, band, letter = signal.split("|")
    return sv, band, letter


def glonass_channel(sv: str, glonass_fcn: Mapping[str, int]) -> int | None:
    """Return the channel of a GLONASS satellite, from the header's table, else `GLONASS_CHANNELS`, else None."""
    return glonass_fcn.get(sv, GLONASS_CHANNELS.get(sv))


def frequencies(signal: str, glonass_fcn: Mapping[str, int] | None = None) -> tuple[float, float, float]:
    """Return center, lower and upper edge of a signal's band in MHz.

    Parameters
    ----------
    signal
        Signal id. Bands G1 and G2 stand for all GLONASS channels together, as in canvodpy.
    glonass_fcn
        Channels by satellite (``{"R01": 1}``): those satellites get the band of their own channel in G1 and G2.

    Raises
    ------
    KeyError
        If the satellite's system has no such band.
    """
    sv, band, _ = split_sid(signal)
    center, width = _CENTER_AND_WIDTH_MHZ[sv[0] + band]
    if glonass_fcn and sv in glonass_fcn and sv[0] == "R" and band in _GLONASS_CHANNEL_BASE_AND_STEP_MHZ:
        base, step = _GLONASS_CHANNEL_BASE_AND_STEP_MHZ[band]
        center, width = base + glonass_fcn[sv] * step, _GLONASS_CHANNEL_WIDTH_MHZ
    return center, center - width / 2, center + width / 2


def columns(
    system: str,
    codes: Sequence[str],
    version: str,
    overrides: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[SignalColumn | None, ...]:
    """Return what each declared observation code of a system is read as.

    Parameters
    ----------
    system
        One of `SYSTEMS`.
    codes
        The codes as declared, in order: ``C1C`` in RINEX 3 and 4, ``C1`` or ``P2`` before.
    version
        RINEX version of the file, e.g. ``3.04``.
    overrides
        By system, declared code to the RINEX 3 code it is to be read as, e.g. ``{"G": {"C2": "C2L"}}``.

    Returns
    -------
    tuple
        One per declared code; None for what is no signal: pseudo-observables and unknown codes, which
        `is_pseudo_observable` tells apart. Where several codes are read as one signal, `SignalColumn.rank` says which
        is preferred, whatever their order: the code that is written as it is read, then a letter of RINEX 2.12, then
        the code of the same band digit. Codes in lower case are read as upper case.

    Raises
    ------
    ValueError
        If the version is no number, or an override is no RINEX 3 code of the system.
    """
    chosen = dict((overrides or {}).get(system, {}))
    return _columns(system, tuple(codes), _hundredths(version), tuple(sorted(chosen.items())))


@cache
def _columns(
    system: str, codes: tuple[str, ...], version: int, overrides: tuple[tuple[str, str], ...]
) -> tuple[SignalColumn | None, ...]:
    """`columns` with hashable arguments: the headers of an archive repeat."""
    chosen = {declared.upper(): _override(system, code) for declared, code in overrides}
    upper = [code.strip().upper() for code in codes]
    if version < 300:
        types = Rinex2Types(system, frozenset(upper), version, MappingProxyType(chosen))
        read: list[str | None] = [types.rinex3_code(code) for code in upper]
    else:
        read = [chosen.get(code) or _current_code(system, code, version, upper) for code in upper]
    return _ranked(codes, [None if code is None else _signal(system, code) for code in read])


def _hundredths(version: str) -> int:
    """Return 304 for ``3.04``."""
    return round(float(version) * 100)


def _override(system: str, code: str) -> str:
    """Return the code if it is one of the system's, else raise."""
    if _signal(system, code) is None:
        message = f"{code!r} is not a RINEX 3 observation code of system {system}"
        raise ValueError(message)
    return code


def _current_code(system: str, code: str, version: int, listed: Sequence[str]) -> str:
    """Return the code that RINEX 4 has for a code of RINEX 3: BeiDou B1I was band 1 in 3.02, and is band 2.

    Writers of 3.03 still wrote it so. The letter X belongs to B1C from 3.04 on, and in an older file that
    writes B1I as band 2 already.
    """
    if system != "C" or code[1:2] != "1":
        return code
    letter = code[2:]
    is_b1i = letter in {"I", "Q"} or (letter == "X" and version < 304 and "C2X" not in listed)
    return f"{code[0]}2{letter}" if is_b1i else code


def _signal(system: str, code: str) -> SignalColumn | None:
    """Return the signal of a code of RINEX 4, None if it is none."""
    kind, digit, letter = code[:1], code[1:2], code[2:]
    if kind not in tuple(KINDS) or letter not in tuple(ascii_uppercase):
        return None
    band = band_of(system, digit)
    if system == "C":
        band = _MILITARY_BEIDOU.get(digit + letter, band)
    return None if band is None else SignalColumn(code, kind, band, letter)


def _ranked(codes: Sequence[str], signals: Sequence[SignalColumn | None]) -> tuple[SignalColumn | None, ...]:
    """Number the columns of each signal by preference."""
    ranked = list(signals)
    for signal in {signal for signal in signals if signal is not None}:
        same = [at for at, other in enumerate(signals) if other == signal]
        same.sort(key=lambda at: _preference(codes[at].strip(), signal.code))
        for rank, at in enumerate(same):
            ranked[at] = replace(signal, rank=rank)
    return tuple(ranked)


def _preference(declared: str, code: str) -> tuple[bool, bool, bool, bool, str]:
    """Return what declared codes of one signal are sorted by: the plainest name of it first, never their order."""
    upper = declared.upper()
    band = upper[1:2]
    return declared != code, upper != code, band.isdecimal(), band != code[1:2], declared
