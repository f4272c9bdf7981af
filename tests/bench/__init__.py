"""Benchmarks: each figure beside its baseline on the same work, in one run."""
