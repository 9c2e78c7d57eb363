"""A second RINEX reader, in numpy with plain Python, to check the first one against.

It shares no line with the first: whole-file array operations on bytes, each one easy to check by hand. What it does not
do in that way (damage, types that change, several stations in one file) it declines, and says why.
"""

from gnssice_batch.rinex.plain.reading import read_plainly
from gnssice_batch.rinex.plain.values import MISSING, Block, DeclinedError, Series

__all__ = ["MISSING", "Block", "DeclinedError", "Series", "read_plainly"]
