"""Reports that one looks at: what a repository holds, or what a run did, as one HTML page or as JSON."""
