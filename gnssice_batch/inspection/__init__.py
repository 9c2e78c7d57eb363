"""What is in one file, and what to be warned of."""
