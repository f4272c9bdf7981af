"""Recording the models of frameworks that the user's code calls as they are."""
