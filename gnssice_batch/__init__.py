"""Turns an archive of GNSS RINEX observation files into one versioned Icechunk array store per site."""

__version__ = "0.1.0"
