"""Redaction: the one stage that seals a batch."""

from algovigil_processor.redact.redact import Redact

__all__ = ["Redact"]
