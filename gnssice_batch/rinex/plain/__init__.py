"""A second RINEX reader, in numpy with plain Python, to check the first one against.

Whole-file array operations on bytes, each one easy to check by hand. With the first reader it shares `members`, which
unpacks containers, and of `signals` the letters of the systems, `columns` and `SignalColumn`: what a declared code is
read as. Nothing else: header, epochs, values, indicators, times and slips are read by code of its own. What it does not
do in that way (damage, types that change, several stations in one file) it declines, and says why.
"""

from gnssice_batch.rinex.plain.reading import read_plainly
from gnssice_batch.rinex.plain.values import MISSING, Block, DeclinedError, Series

__all__ = ["MISSING", "Block", "DeclinedError", "Series", "read_plainly"]
