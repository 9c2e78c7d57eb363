"""The body of a RINEX observation file, parsed by compiled code."""
