"""A stored receiver written as files that other programs read: RINEX, NetCDF, Parquet."""
