"""The validation pack: what the statistics promise, simulated with fixed seeds."""
