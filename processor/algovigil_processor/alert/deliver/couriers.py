"""The courier of each channel type: a new type is a new file and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from algovigil_processor.alert.deliver.email import Email
from algovigil_processor.alert.deliver.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from algovigil.config import Channel
    from algovigil_processor.alert.deliver import Courier

_TYPES: Final[Mapping[str, Callable[[str, Channel], Courier]]] = {
    "email": Email,
    "webhook": Webhook,
}


def build(channels: Mapping[str, Channel]) -> dict[str, Courier]:
    """Return a courier for each of *channels*, by name.

    Raises:
        ConfigError: a channel cannot be obeyed, or its secret is not set.
    """
    return {
        name: _TYPES[channel.type](name, channel) for name, channel in channels.items()
    }
