"""What an operator does beside runs: look at a store, verify it, try refused files again, clean up."""
