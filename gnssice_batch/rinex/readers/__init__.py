"""Other readers and decoders of RINEX, to choose or to compare with."""
