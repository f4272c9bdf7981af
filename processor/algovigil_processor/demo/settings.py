"""The demo's own configuration: minutes become seconds, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from algovigil_processor.demo.receivers import Receivers

WINDOW_SECONDS: Final = 8.0
FLOOR: Final = 0.85
RULE: Final = "Accuracy below 0.85"
MODEL: Final = "Pipeline[LogisticRegression]"
"""As the scoring service's model is named when nobody names it."""
_MATURITY_SECONDS: Final = 1.5
_REFERENCE_LABELS: Final = 160
ALPHA: Final = 0.01
"""Of a look: how often any feature that did not change may be named."""
ESCALATION_SECONDS: Final = 2.0


def settings(receivers: Receivers, preset: str) -> dict[str, object]:
    """Return the settings of the demo's processor under the PHI *preset*.

    Only the one that tells the story looks at its data; the control keeps it.
    """
    watched: dict[str, dict[str, object]] = {
        "drift_detection": {"interval": 3600},
        "clinical": {"interval": 3600},
        "alerts": {"interval": 3600, "defaults": False},
    }
    if preset == "pseudonymise":
        watched = _watched(receivers)
    phi: dict[str, object] = {"preset": preset, "key_id": "demo"}
    if preset == "observe_only":
        phi["canary_seconds"] = 0  # the control is to leak, without an alarm
    return {
        "environment": "demo",
        "phi": phi,
        "storage": {"rollup_seconds": 1},
        **watched,
    }


def _watched(receivers: Receivers) -> dict[str, dict[str, object]]:
    return {
        "drift_detection": {
            "interval": 2,
            "window": WINDOW_SECONDS,
            "alpha": ALPHA,
            "reference_samples": 200,
        },
        "clinical": {
            "interval": 2,
            "window": WINDOW_SECONDS,
            "min_samples": 50,
            "maturity": _MATURITY_SECONDS,
            "reference_labels": _REFERENCE_LABELS,
        },
        "alerts": {
            "interval": 1,
            "window": WINDOW_SECONDS,
            "max_delay": 1,
            "private_networks": ["127.0.0.0/8"],
            "defaults": False,  # the story is told by the two rules below
            "grouping": {"by": ["rule"], "wait": 0.5, "interval": 1},
            "channels": {
                "webhook": {"type": "webhook", "url": receivers.webhook_url},
                "mail": {
                    "type": "email",
                    "smtp_server": "127.0.0.1",
                    "smtp_port": receivers.smtp_port,
                    "tls": "none",
                    "sender": "algovigil@hospital.example",
                    "to": ["safety@hospital.example"],
                },
            },
            "rules": [
                {
                    "name": RULE,
                    "condition": f'diagnostic_accuracy{{model="{MODEL}"}} < {FLOOR}',
                    "severity": "critical",
                    "duration": 1,
                    "channels": ["webhook"],
                },
                {
                    "name": "Features drifted",
                    "condition": "drift_score > 0.05",
                    "severity": "warning",
                    "duration": 1,
                    "channels": ["webhook"],
                },
            ],
        },
        "escalation": {
            "escalation_time": ESCALATION_SECONDS / 60,
            "max_level": 1,
            "escalation_channels": {"level_1": ["mail"]},
            "severities": ["critical"],
        },
    }
