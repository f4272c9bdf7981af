"""How far the data of a model is from its reference."""
