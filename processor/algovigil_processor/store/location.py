"""Where the ClickHouse of `storage.url` is: in this process, or a server.

clickhouse-connect ignores the scheme of a DSN, so the URL is read here.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from algovigil.errors import explain
from algovigil_processor.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE: Final = "otel"
PASSWORD: Final = "ALGOVIGIL_STORAGE_PASSWORD"  # noqa: S105 # the name of a variable
_FORMS: Final = (
    "`chdb:///absolute/path`, `clickhouses://user@host:8443/database` (TLS) or "
    "`clickhouse://user@host:8123/database`"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A ClickHouse server, as one reaches it over HTTP."""

    host: str
    port: int
    secure: bool
    user: str = "default"
    password: str = field(default="", repr=False)
    database: str = DATABASE
    ca_file: str = ""
    """Certificates to trust beside the system's; '' for those alone."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def locate(
    url: str,
    data_dir: Path,
    environ: Mapping[str, str],
    *,
    allow_plaintext: bool = False,
) -> Path | Server:
    """Return where *url* points; '' is the embedded database in *data_dir*.

    A password comes in the URL, percent-encoded, or in `ALGOVIGIL_STORAGE_PASSWORD`.

    Raises:
        StartError: *url* cannot be obeyed, or would send rows in plaintext to another
            machine. The URL holds a password, so no message quotes it.
    """
    if not url:
        return data_dir / "clickhouse"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise StartError(explain("a storage.url that is no URL", _FORMS)) from None
    if parts.scheme == "chdb" and not parts.netloc and parts.path.startswith("/"):
        return Path(parts.path)
    if parts.scheme not in ("clickhouse", "clickhouses") or not parts.hostname:
        raise StartError(
            explain(
                f"storage.url with scheme `{parts.scheme}`",
                _FORMS,
                "leave it out for the embedded ClickHouse in the data directory",
            )
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    ca_file = options.pop("ca_file", "")
    if options:
        raise StartError(
            explain(f"storage.url with the option `{min(options)}`", "`ca_file` only")
        )
    secure = parts.scheme == "clickhouses"
    if not secure and not allow_plaintext and not _is_loopback(parts.hostname):
        raise StartError(
            explain(
                "storage.url would send rows and a password in plaintext to "
                f"{parts.hostname}",
                "`clickhouses://` (TLS)",
                "storage.allow_plaintext: true, where the network is trusted",
            )
        )
    return Server(
        host=parts.hostname,
        port=port or (8443 if secure else 8123),
        secure=secure,
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or "") or environ.get(PASSWORD, ""),
        database=parts.path.strip("/") or DATABASE,
        ca_file=ca_file,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
