"""One partition on one worker: its files read, aligned to the grid, and written into a fork."""
