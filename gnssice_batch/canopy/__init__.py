"""Vegetation optical depth of pairs of receivers: planned, then made unit by unit on workers."""
