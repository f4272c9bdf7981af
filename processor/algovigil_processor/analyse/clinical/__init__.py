"""What outcomes say of a model, and what can be said before they come."""
