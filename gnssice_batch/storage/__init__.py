"""One vocabulary for wherever something is stored: archive, repositories, journals."""
