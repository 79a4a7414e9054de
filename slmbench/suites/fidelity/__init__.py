"""How much of a reference model's next-token distributions a model has kept."""
