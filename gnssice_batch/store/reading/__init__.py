"""A published group opened, and what a repository holds."""
