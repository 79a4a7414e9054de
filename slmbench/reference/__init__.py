"""Three tiny trained language models and the scripts that made them."""
