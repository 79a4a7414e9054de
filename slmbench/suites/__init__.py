"""One question about a model in each file."""
