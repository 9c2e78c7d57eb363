"""The store: an Icechunk repository per site, a group per receiver; the only package that knows icechunk and zarr."""
