"""The coordinator of a run, from the listing of the archive to the one commit."""
