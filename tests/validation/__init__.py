"""Seeded evidence for what the statistics claim: `make validate`."""
