"""What all kernels are made of: compilation, instructions, fields of a line, calendar dates."""
