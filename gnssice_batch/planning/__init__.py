"""Which partition takes which files."""
