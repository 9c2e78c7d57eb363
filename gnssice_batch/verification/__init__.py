"""Stored cells compared with a fresh reading of the files they are from."""
