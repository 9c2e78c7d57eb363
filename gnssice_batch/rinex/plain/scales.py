"""Scale factor records: what the values of some types were multiplied by (RINEX 2.20 table A1; RINEX 3 table A2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_FACTORS: Final = (1, 10, 100, 1000)
_ALL: Final = ""
_FIELD_2: Final = 6


@dataclass(slots=True)
class Scales:
    """Factors, as their records have given them so far."""

    factors: dict[tuple[str, str], int] = field(default_factory=dict)
    """By system and code; the empty code is for all others of the system, RINEX 2 has one system, the empty string."""
    system: str = ""
    factor: int = 0
    """Of the record being read; 0 before there is one."""
    left: int = 0
    """Codes that it announces and has not listed yet."""

    def of(self, system: str, code: str) -> int:
        """What values of a code were multiplied by."""
        return self.factors.get((system, code), self.factors.get((system, _ALL), 1))

    def take_3(self, line: str) -> None:
        """Read SYS / SCALE FACTOR: A1, 1X, I4, 2X, I2, then codes of three characters.

        Raises
        ------
        ValueError
            If it is not as the format says.
        """
        if line[:10].strip():
            self._begin(line[0].strip() or "?", line[1:6], line[6:10], line[10:60].split())
        self._list(line[10:60].split())

    def take_2(self, line: str) -> None:
        """Read OBS SCALE FACTOR: I6, I6, then types in fields of six characters.

        Raises
        ------
        ValueError
            If it is not as the format says.
        """
        codes = [code for at in range(2 * _FIELD_2, 60, _FIELD_2) if (code := line[at : at + _FIELD_2].strip())]
        if line[: 2 * _FIELD_2].strip():
            self._begin("", line[:_FIELD_2], line[_FIELD_2 : 2 * _FIELD_2], codes)
        self._list(codes)

    def are_of(self, types: Mapping[str, Sequence[str]]) -> bool:
        """Whether every record lists as many codes as it announces, and none but those of the header's types.

        A factor of 1 may be of any others: it changes nothing.
        """
        scaled = [(system, code) for (system, code), factor in self.factors.items() if factor != 1]
        return not self.left and all(system in types and code in (_ALL, *types[system]) for system, code in scaled)

    def _begin(self, system: str, factor: str, count: str, codes: Sequence[str]) -> None:
        """Begin a record; one that announces no codes is of all types."""
        if self.left or int(factor) not in _FACTORS:
            raise ValueError(factor)
        self.system, self.factor, self.left = system, int(factor), int(count.strip() or 0)
        if self.left < 0:
            raise ValueError(count)
        if not self.left and not codes:
            self._give([_ALL])

    def _list(self, codes: Sequence[str]) -> None:
        """Take codes, which may stand in several lines; a blank line has none and says nothing."""
        if len(codes) > self.left:
            raise ValueError(codes)
        self.left -= len(codes)
        self._give(codes)

    def _give(self, codes: Sequence[str]) -> None:
        """Give codes their factor, which they must not have yet; all types must not come behind some."""
        known = [code for system, code in self.factors if system == self.system]
        if set(known) & set(codes) or (known and _ALL in codes):
            raise ValueError(codes)
        self.factors.update(((self.system, code), self.factor) for code in codes)
