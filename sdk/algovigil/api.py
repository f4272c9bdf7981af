"""The processor's REST API, as the SDK's clients ask it.

Invariant: an answer is what the processor said, or one of two errors: it is not there
(`Unavailable`), or it refused, in its own words (`ApiRefused`).
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from algovigil.errors import AlgovigilError, ConfigError, Unavailable, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil.config import MonitoringConfig

_SECONDS: Final = 30.0


class ApiRefused(AlgovigilError):
    """The processor refused a request; `status` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """The API that `processor.api` names; a token is taken from `ALGOVIGIL_TOKEN`.

    Raises:
        ConfigError: it is not a URL of HTTP.
    """

    def __init__(self, config: MonitoringConfig) -> None:
        self.url: Final = config.processor.api.rstrip("/")
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise ConfigError(
                explain(f"processor.api: {self.url!r}", "http://host:port or https://")
            )
        # a proxy is not asked for a processor of our own
        self._opener: Final = urllib.request.build_opener(
            urllib.request.ProxyHandler({})
        )

    def get(self, path: str) -> Any:
        """Return what the API says at *path*, plain data.

        Raises:
            Unavailable: no processor answers there.
            ApiRefused: it refused.
        """
        return self._ask("GET", path, None)

    def send(self, method: str, path: str, content: object = None) -> Any:
        """Send *content* as JSON; return and raise as `get`."""
        body = b"" if content is None else json.dumps(content).encode()
        return self._ask(method, path, body)

    def rows(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of a reading statement; raise as `get`.

        Args:
            sql: The statement, values as `{name:Type}`.
            parameters: The values by name.
        """
        given = {name: str(value) for name, value in (parameters or {}).items()}
        answer = self.send(
            "POST", "/api/v1/query", {"sql": sql, "format": "JSON", "parameters": given}
        )
        rows: list[dict[str, Any]] = answer["data"]
        return rows

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Accept": "application/json"}
        if body:
            headers["Content-Type"] = "application/json"
        token = os.environ.get("ALGOVIGIL_TOKEN", "")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        address = self.url + quote(path, safe="/?=&%:,")
        made = urllib.request.Request(  # noqa: S310 # the scheme is checked above
            address, body, headers, method=method
        )
        try:
            with self._opener.open(made, timeout=_SECONDS) as reply:
                content = reply.read()
        except urllib.error.HTTPError as error:
            raise ApiRefused(error.code, _reason(error)) from None
        except OSError as error:
            raise Unavailable(
                explain(
                    f"nothing that answers at {self.url} ({type(error).__name__})",
                    "a processor that runs",
                    "`algovigil serve` starts one; `processor.api` says where it is",
                )
            ) from None
        return json.loads(content) if content else None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        content = json.loads(error.read())
    except ValueError:
        return f"the processor answered {error.code}"
    if isinstance(content, dict):
        for key in ("message", "detail", "parts"):
            if key in content:
                return str(content[key])
    return f"the processor answered {error.code}"
