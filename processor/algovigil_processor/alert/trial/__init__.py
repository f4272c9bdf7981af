"""Trials of rules: series by hand in, alerts out, in the notation of promtool."""
