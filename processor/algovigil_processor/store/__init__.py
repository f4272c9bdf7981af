"""Columns at rest: the embedded ClickHouse, its tables, and who may read them."""

from algovigil_processor.store.store import QueryError, Reader, Store, database_path

__all__ = ["QueryError", "Reader", "Store", "database_path"]
