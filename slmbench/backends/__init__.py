"""Ways to run a model, one file each, all with the same port."""
