"""Hold findings against a release policy."""
