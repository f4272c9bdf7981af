"""Rules: the language of conditions, what it may name, and rules as they run."""
