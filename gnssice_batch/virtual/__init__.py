"""NetCDF files as references: what is in one, which belong together."""
