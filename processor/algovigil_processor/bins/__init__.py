"""Predictions counted into the pinned bins of a reference.

Ground of both lines: line 1 counts what arrives, line 2 what came before a reference
was there. Counts merge by addition over time, sites and processors.
"""

from algovigil_processor.bins.count import count
from algovigil_processor.bins.held import Held
from algovigil_processor.bins.pins import CATEGORICAL, NUMERIC, Key, Pins

__all__ = ["CATEGORICAL", "NUMERIC", "Held", "Key", "Pins", "count"]
