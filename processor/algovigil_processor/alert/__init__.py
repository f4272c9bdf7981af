"""Alerting: from what analysis found to a message that somebody receives.

Every path to a receiver goes through `message.Message`, which has no field for text.
"""

from algovigil_processor.alert.alerting import Alerting, Incident, Standing

__all__ = ["Alerting", "Incident", "Standing"]
