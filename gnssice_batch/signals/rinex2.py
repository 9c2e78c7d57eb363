"""RINEX 2 observation types mapped to RINEX 3 codes, by what else the header lists.

RINEX 2 names a band and, for pseudoranges only, whether the code is open (``C``) or precise (``P``). Phase,
Doppler and signal strength get the tracking letter of a pseudorange of their band that is listed too, so that
all four observables of a signal come together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PRECISE: Final = {"G": "W", "R": "P"}
"""Tracking letter of the precise code, for the systems that have one."""

_UNSPECIFIED: Final = "X"
"""Tracking letter of a band where RINEX 2 does not say which channel is tracked."""

_BEIDOU_DIGITS: Final = {"1": "2", "2": "2", "5": "5", "6": "6", "7": "7", "8": "8"}
_BEIDOU_OPEN: Final = "267"

_OPEN_CODE: Final = {"1": "GRJS", "2": "R"}
"""Systems whose ``C1`` or ``C2`` is the C/A code; elsewhere it is a code that RINEX 2 does not tell channels of."""

_RINEX_212_LETTERS: Final = {
    "A": ("1C", "GRJS"),
    "B": ("1X", "GJ"),
    "C": ("2X", "GJ"),
    "D": ("2C", "R"),
}
"""Second character of a RINEX 2.12 type: band and letter of RINEX 3, and the systems that have it."""

_VERSION_212: Final = 212


@dataclass(frozen=True, slots=True)
class Rinex2Types:
    """The observation types a RINEX 2 header lists, as they apply to one system."""

    system: str
    listed: frozenset[str]
    version: int
    """Hundredths: 211 for 2.11."""
    overrides: Mapping[str, str]
    """Declared type to RINEX 3 code."""

    def rinex3_code(self, code: str) -> str | None:
        """Return the RINEX 3 code a declared type is read as, None if it is no observable of the system."""
        if code in self.overrides:
            return self.overrides[code]
        if len(code) != 2 or code[0] not in "CPLDS":
            return None
        kind, band = code[0], code[1]
        if not band.isdecimal():
            return self._lettered(kind, band)
        if kind in "CP":
            return self._pseudorange(kind, band)
        return kind + self._tracking(band)

    def _lettered(self, kind: str, band: str) -> str | None:
        """Read ``CA``, ``LB`` and the like of RINEX 2.12; ``LA``, ``SA`` are in 2.20 too."""
        tracking, systems = _RINEX_212_LETTERS.get(band, ("", ""))
        return kind + tracking if kind != "P" and self.system in systems else None

    def _pseudorange(self, kind: str, band: str) -> str | None:
        """Read ``C1``, ``P2`` and the like."""
        precise = _PRECISE.get(self.system)
        if kind == "P":
            return f"C{band}{precise}" if precise and band in "12" else None
        if self.system == "C":
            return self._beidou(band)
        return f"C{band}{self._open_letter(band)}"

    def _beidou(self, band: str) -> str:
        digit = _BEIDOU_DIGITS.get(band, band)
        return f"C{digit}I" if digit in _BEIDOU_OPEN else f"C{digit}{_UNSPECIFIED}"

    def _open_letter(self, band: str) -> str:
        """Return the letter of the open code: C where it is the C/A code, else X (GPS L2C, Galileo E1)."""
        return "C" if self.system in _OPEN_CODE.get(band, "") else _UNSPECIFIED

    def _tracking(self, band: str) -> str:
        """Return band and letter of the pseudorange that phase, Doppler and signal strength belong to."""
        candidates = [f"C{band}", f"P{band}"]
        if self._precise_first(band):
            candidates.reverse()
        listed = [code for code in candidates if code in self.listed and self.rinex3_code(code)]
        code = (listed or [code for code in candidates if self.rinex3_code(code)])[0]
        return (self.rinex3_code(code) or "")[1:]

    def _precise_first(self, band: str) -> bool:
        """Tell whether the bare band number means the precise code if both codes are listed."""
        if band != "1":
            return True
        return self.version == _VERSION_212 or "LA" in self.listed
