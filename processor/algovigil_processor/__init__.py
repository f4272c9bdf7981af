"""The Algovigil processor: OTLP in, PHI out, ClickHouse, drift, alerts."""
