"""Generators of the synthetic texts that tasks and training documents are made of, one a domain."""
