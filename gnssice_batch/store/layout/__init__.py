"""How a group is laid out: its arrays, their codecs, the columns of its tables."""
