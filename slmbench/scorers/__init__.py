"""Give texts a score, one scorer in each file."""
