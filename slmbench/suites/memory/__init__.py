"""How much memory does a model need: measured in a process of its own, or told by its config."""
