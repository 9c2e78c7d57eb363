"""The store: an Icechunk repository per site; the only package that knows icechunk or zarr."""
