"""The archive: listing, fetching; the only package that knows fsspec."""
