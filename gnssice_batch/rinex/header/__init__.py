"""The header of a RINEX observation file."""
