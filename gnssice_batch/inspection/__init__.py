"""What is in one file, with warnings."""
