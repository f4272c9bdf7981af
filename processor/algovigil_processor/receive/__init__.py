"""OTLP comes in: sockets and status codes at the edge, bytes to columns behind it."""
