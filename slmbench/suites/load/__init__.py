"""The suite ``load``: what a server's answers take while others ask it too."""
