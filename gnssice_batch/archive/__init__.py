"""The archive: listing, fetching."""
