"""The constants of the kernels: slots of the state, outcomes, line categories."""

from typing import Final

from gnssice_batch.errors import Reason

POSITION: Final = 0
"""Index of the first byte not yet walked over."""
LINE: Final = 1
"""Lines walked over, header included."""
EPOCHS: Final = 2
ROWS: Final = 3
SVS: Final = 4
OPEN: Final = 5
"""1 while the satellite lines of an epoch are being taken."""
DECLARED: Final = 6
"""Number of satellites the open epoch declares, -1 where the field can't be read."""
SEEN: Final = 7
"""Satellite records of the open epoch met so far, the refused ones included."""
SKIPPING: Final = 8
"""Line category that lines are skipped under until the next epoch, -1 while none are."""
EPOCH_LINE: Final = 9
EPOCH_POSITION: Final = 10
OFFENCE: Final = 11
"""Reason number of the first offence, -1 while there is none."""
OFFENCE_LINE: Final = 12
OFFENCE_POSITION: Final = 13
UTC: Final = 14
"""1 where the file's time is UTC and leap seconds apply."""
SHIFT_100NS: Final = 15
"""What is added to the file's time to get GPS time, leap seconds apart."""
BLOCK_LINES: Final = 16
"""Lines of the header block that a walk has stopped at."""
DEFAULT_SYSTEM: Final = 17
"""Number of the system that a blank letter stands for in RINEX 2."""
LINES_BEFORE: Final = 18
"""RINEX 3: observation lines before those of the open epoch, for what has to be taken back."""
TEXT_LENGTH: Final = 19
"""CRINEX: length of the epoch line that differences refer to."""
SERIAL: Final = 20
"""Number of the epoch, never given twice; in CRINEX satellites of the one before carry on their arcs."""
COMPACT_MAJOR: Final = 21
"""CRINEX: 1 or 3."""
RINEX_MAJOR: Final = 22
LAST_LINE_CUT: Final = 23
WRAPPED: Final = 24
"""RINEX 3: 1 where satellite lines are wrapped at 80 columns, -1 where they are not, 0 while nobody has looked."""
EVENT_FLAG: Final = 25
REFUSED_AT: Final = 26
"""RINEX 3: number of rows when a satellite line was refused last."""
PICOSECONDS: Final = 27
"""1 where epochs may say their time below 100 ns."""
NAMES: Final = 32
"""RINEX 2: from here on, where each name of the satellites that an epoch lists stands, -1 where one is cut off."""
MOST_NAMES: Final = 999
"""No epoch record can declare more."""
STATE_SIZE: Final = NAMES + MOST_NAMES

DONE: Final = 0
HEADER_BLOCK: Final = 1
LABELLED_LINE: Final = 2
FULL: Final = 3
GO_ON: Final = 4

LINE_HEADER: Final = 0
LINE_EPOCH: Final = 1
LINE_OBSERVATION: Final = 2
FIRST_REASON: Final = 3
"""Line category of reason number r is ``FIRST_REASON + r``."""

REASONS: Final = tuple(Reason)
LINE_CATEGORIES: Final = ("header", "epoch", "observation", *(str(reason) for reason in REASONS))

_NUMBER: Final = {reason: number for number, reason in enumerate(REASONS)}

TRUNCATED: Final = _NUMBER[Reason.TRUNCATED]
BAD_EPOCH_RECORD: Final = _NUMBER[Reason.BAD_EPOCH_RECORD]
BAD_EPOCH_FLAG: Final = _NUMBER[Reason.BAD_EPOCH_FLAG]
BAD_SATELLITE: Final = _NUMBER[Reason.BAD_SATELLITE]
UNDECLARED_SYSTEM: Final = _NUMBER[Reason.UNDECLARED_SYSTEM]
SATELLITE_COUNT: Final = _NUMBER[Reason.SATELLITE_COUNT]
BAD_VALUE: Final = _NUMBER[Reason.BAD_VALUE]
STRAY_LINE: Final = _NUMBER[Reason.STRAY_LINE]
LINE_COUNT: Final = _NUMBER[Reason.LINE_COUNT]
DUPLICATE_SATELLITE: Final = _NUMBER[Reason.DUPLICATE_SATELLITE]
CRINEX_DAMAGE: Final = _NUMBER[Reason.CRINEX_DAMAGE]
COMMENT: Final = _NUMBER[Reason.COMMENT]
BLANK_LINE: Final = _NUMBER[Reason.BLANK_LINE]
EVENT: Final = _NUMBER[Reason.EVENT]
CYCLE_SLIP_RECORD: Final = _NUMBER[Reason.CYCLE_SLIP_RECORD]
PSEUDO_OBSERVABLE: Final = _NUMBER[Reason.PSEUDO_OBSERVABLE]
UNKNOWN_CODE: Final = _NUMBER[Reason.UNKNOWN_CODE]
UNKNOWN_SCALE: Final = _NUMBER[Reason.UNKNOWN_SCALE]


def number(reason: Reason) -> int:
    """Return the number of a reason in the kernels' counts."""
    return _NUMBER[reason]
