"""Compressed files and archives of files, unpacked."""
