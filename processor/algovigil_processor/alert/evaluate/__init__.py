"""Evaluation: what a condition comes to at an instant, and what that changes."""
