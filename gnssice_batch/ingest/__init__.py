"""One partition on one worker: its files read, aligned to the grid, written into a fork."""
