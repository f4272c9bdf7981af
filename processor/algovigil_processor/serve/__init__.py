"""What people and tools read: SQL over HTTP, REST, self-metrics. It never writes."""
