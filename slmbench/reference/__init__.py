"""Three tiny trained language models, the tasks they answer and the scripts that made both."""
