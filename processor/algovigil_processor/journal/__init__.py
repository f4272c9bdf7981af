"""Sealed groups on disk until every table has them: what makes an ack durable."""

from algovigil_processor.journal.journal import Journal

__all__ = ["Journal"]
