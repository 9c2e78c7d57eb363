"""The archive: listed, and fetched from; the only package that knows fsspec."""
