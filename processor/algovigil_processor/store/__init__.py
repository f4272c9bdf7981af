"""Columns at rest: one ClickHouse, embedded or a server, and who may read it."""

from algovigil_processor.store.engine import QueryError
from algovigil_processor.store.location import Server, locate
from algovigil_processor.store.store import Reader, Store

__all__ = ["QueryError", "Reader", "Server", "Store", "locate"]
