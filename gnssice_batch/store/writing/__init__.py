"""Structure, write units and the one commit."""
