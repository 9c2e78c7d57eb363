"""Observations: rows of integers, dense arrays made of them."""
