"""Figures against the peers, the floor and the bars: ``python -m benchmarks [topic ...]``; every run measures anew."""
