"""One model on one page: what was found of it, in figures that can be checked."""
