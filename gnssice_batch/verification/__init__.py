"""Stored cells compared with a fresh reading of their files."""
