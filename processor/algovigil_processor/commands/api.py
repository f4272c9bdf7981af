"""Ask the processor that runs over its REST API; say clearly when it is not there."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from algovigil.config import Processor
from algovigil.errors import ConfigError, Unavailable, explain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    import httpx

_TIMEOUT_SECONDS = 60.0


def add_api(parser: argparse.ArgumentParser) -> None:
    """Declare where the API is."""
    parser.add_argument(
        "--api",
        metavar="URL",
        default=Processor().api,
        help="the processor's API (default: %(default)s)",
    )


@contextlib.contextmanager
def reached(api: str, seconds: float) -> Iterator[httpx.Client]:
    """Yield a client of the processor at *api*, its token in each request.

    Raises:
        ConfigError: the URL is none.
        Unavailable: no processor answers.
    """
    import httpx

    token = os.environ.get("ALGOVIGIL_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # a proxy is not asked for a processor of our own
        with httpx.Client(trust_env=False, timeout=seconds, headers=headers) as client:
            yield client
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise ConfigError(
            explain(f"--api {api}", "a URL like http://127.0.0.1:8080")
        ) from None
    except httpx.TransportError as error:
        raise Unavailable(
            explain(
                f"nothing that answers at {api} ({type(error).__name__})",
                "a processor that runs",
                "start it with `algovigil serve`, or say where it is with --api",
            )
        ) from None


def ask(
    api: str,
    method: str,
    path: str,
    *,
    body: object = None,
    params: Mapping[str, str | int] | None = None,
) -> Any:
    """Return the JSON that the processor answers, None for an empty answer.

    Raises:
        ConfigError: the URL is none, or the processor refused what was asked.
        Unavailable: no processor answers.
    """
    url = f"{api.rstrip('/')}/api/v1/{path}"
    with reached(api, _TIMEOUT_SECONDS) as client:
        answer = client.request(method, url, json=body, params=dict(params or {}))
    if answer.is_success:
        return answer.json() if answer.content else None
    raise ConfigError(_why(answer))


def _why(answer: Any) -> str:
    """Return what the processor says is wrong, or its status."""
    try:
        content = answer.json()
        said = content.get("message") or content.get("detail")
    except (ValueError, AttributeError):
        said = None
    return str(said or f"status {answer.status_code} from {answer.url.host}")
