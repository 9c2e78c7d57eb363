"""A published group opened; the contents of a repository."""
