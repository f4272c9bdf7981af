"""From stored predictions and outcomes to findings: drift, accuracy, service levels."""

from algovigil_processor.analyse.analysis import Analysis

__all__ = ["Analysis"]
