"""Checks that what the system promises is so."""
