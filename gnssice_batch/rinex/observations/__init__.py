"""What is read from a RINEX observation file, as rows of integers and as dense arrays."""
