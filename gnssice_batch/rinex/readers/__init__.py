"""Other RINEX readers, other decoders, for comparison."""
