"""The courier of each channel type: a new type is a new file and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from algovigil.config import KNOWN_CHANNELS
from algovigil_processor.alert.deliver.email import Email
from algovigil_processor.alert.deliver.http import check_networks
from algovigil_processor.alert.deliver.pagerduty import PagerDuty
from algovigil_processor.alert.deliver.slack import Slack
from algovigil_processor.alert.deliver.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from algovigil.config import Channel, MonitoringConfig
    from algovigil_processor.alert.deliver import Courier

_TYPES: Final[Mapping[str, Callable[[str, Channel, Sequence[str]], Courier]]] = {
    "email": Email,
    "pagerduty": PagerDuty,
    "slack": Slack,
    "webhook": Webhook,
}


def build(config: MonitoringConfig) -> dict[str, Courier]:
    """Return a courier for each channel that is declared or named, by name.

    Raises:
        ConfigError: a channel cannot be obeyed, or its secret is not set.
    """
    networks = config.alerts.private_networks
    check_networks(networks)
    channels = dict(config.alerts.channels)
    for name in _named(config):
        if name not in channels:
            channels[name] = KNOWN_CHANNELS[name]
    return {
        name: _TYPES[channel.type](name, channel, networks)
        for name, channel in channels.items()
    }


def _named(config: MonitoringConfig) -> Iterable[str]:
    for rule in config.alerts.rules:
        yield from rule.channels
    for channels in config.escalation.escalation_channels.values():
        yield from channels
    for channel in config.alerts.channels.values():
        if channel.failover:
            yield channel.failover
