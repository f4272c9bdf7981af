"""The demo's person on call: takes the alert on, by the API, as anybody would.

While the scanner is mended, what is less than critical is not to be told.
"""

from __future__ import annotations

from typing import Final

import httpx

_SILENCE: Final = {
    "matchers": ['severity="warning"'],
    "by": "on-call",
    "comment": "the scanner is being mended",
    "minutes": 1,
}


def acknowledge(api: str, rule: str) -> bool:
    """Acknowledge the alert of *rule* that fires; False when there is none."""
    with httpx.Client(base_url=f"http://{api}/api/v1", trust_env=False) as client:
        for alert in client.get("/alerts").raise_for_status().json():
            if alert["rule"] == rule and alert["state"] == "firing":
                path = f"/alerts/{alert['incident_id']}/acknowledge"
                taken = client.post(path, json={"by": "on-call", "minutes": 5})
                quiet = client.post("/silences", json=_SILENCE)
                return (taken.status_code, quiet.status_code) == (200, 201)
    return False
