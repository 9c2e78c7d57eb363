"""Containers unpacked: compressed files, archives of files."""
