"""Writing: structure, write units, the one commit."""
