"""Put data sources and dashboards into a Grafana that runs, over its HTTP API.

Everything has a fixed uid, so that doing it again changes nothing and adds nothing.
Grafana that starts with our provisioning files needs none of this.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from algovigil.config import MonitoringConfig
from algovigil.errors import AlgovigilError, ConfigError, Unavailable, explain
from algovigil_dashboards import NAMES, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER_UID: Final = "algovigil"
CLICKHOUSE: Final = "grafana-clickhouse-datasource"
PROMETHEUS: Final = "prometheus"
UIDS: Final = {CLICKHOUSE: "algovigil-clickhouse", PROMETHEUS: "algovigil-prometheus"}


class GrafanaRefused(AlgovigilError):
    """Grafana understood and said no: credentials, rights, or what was asked."""


class GrafanaIntegration:
    """Grafana's data sources and dashboards of Algovigil.

    Args:
        config: where Grafana is; None is the environment's configuration.
        environ: where credentials are read; None is the process's environment.
    """

    def __init__(
        self,
        config: MonitoringConfig | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        config = config or MonitoringConfig.from_environment(environ)
        self._settings: Final = config.grafana
        self._headers: Final = {
            "Content-Type": "application/json",
            **_credentials(os.environ if environ is None else environ),
        }
        self._token: Final = (os.environ if environ is None else environ).get(
            "ALGOVIGIL_TOKEN", ""
        )

    def configure_data_source(self, name: str, url: str) -> str:
        """Create or change the data source *name*; return its uid.

        A name with `prometheus` in it is a Prometheus at *url*; any other is the SQL
        port of a processor, or a ClickHouse, at *url*. The password of the latter is
        ALGOVIGIL_TOKEN.

        Raises:
            ConfigError: *url* is not an http URL with a host.
            Unavailable: Grafana does not answer.
            GrafanaRefused: Grafana refuses.
        """
        kind = PROMETHEUS if "prometheus" in name.lower() else CLICKHOUSE
        uid = UIDS[kind]
        where: dict[str, Any] = (
            {"url": url, "jsonData": {"httpMethod": "POST"}}
            if kind == PROMETHEUS
            else self._clickhouse(url)
        )
        _split(url)
        source = {"uid": uid, "name": name, "type": kind, "access": "proxy", **where}
        if self._find(f"/api/datasources/uid/{uid}") is None:
            self._call("POST", "/api/datasources", source)
        else:
            self._call("PUT", f"/api/datasources/uid/{uid}", source)
        return uid

    def create_medical_ai_dashboards(self) -> list[str]:
        """Create or update them for each data source of ours; return their paths.

        Raises:
            ConfigError: there is no data source of ours yet.
            Unavailable: Grafana does not answer.
            GrafanaRefused: Grafana refuses.
        """
        return self._create(["medical-ai"])

    def create_clinical_outcomes_dashboard(self) -> list[str]:
        """As `create_medical_ai_dashboards`, of outcomes."""
        return self._create(["clinical-outcomes"])

    def create_system_performance_dashboard(self) -> list[str]:
        """As `create_medical_ai_dashboards`, of hosts, GPUs and service levels."""
        return self._create(["system-performance"])

    def create_all(self) -> list[str]:
        """As `create_medical_ai_dashboards`, of every dashboard there is."""
        return self._create([n for n in NAMES if not n.startswith("prometheus-")])

    def _create(self, names: Iterable[str]) -> list[str]:
        have = [
            kind
            for kind, uid in UIDS.items()
            if self._find(f"/api/datasources/uid/{uid}") is not None
        ]
        if not have:
            raise ConfigError(
                explain(
                    f"no data source of Algovigil in Grafana at {self._settings.url}",
                    "one by configure_data_source(name, url)",
                    "algovigil grafana provision --clickhouse http://processor:8123",
                )
            )
        self._folder()
        paths = []
        for name in names:
            for kind in have:
                file = name if kind == CLICKHOUSE else f"prometheus-{name}"
                if file in NAMES:
                    paths.append(self._put(load(file), UIDS[kind]))
        return paths

    def _put(self, dashboard: dict[str, Any], datasource: str) -> str:
        variable = dashboard["templating"]["list"][0]
        variable["current"] = {
            "selected": True,
            "text": datasource,
            "value": datasource,
        }
        answer = self._call(
            "POST",
            "/api/dashboards/db",
            {
                "dashboard": {**dashboard, "id": None},
                "folderUid": FOLDER_UID,
                "overwrite": True,
                "message": "written by Algovigil",
            },
        )
        return str(answer["url"])

    def _folder(self) -> None:
        if self._find(f"/api/folders/{FOLDER_UID}") is None:
            content = {"uid": FOLDER_UID, "title": self._settings.folder}
            self._call("POST", "/api/folders", content)

    def _clickhouse(self, url: str) -> dict[str, Any]:
        host, port, secure, path = _split(url)
        return {
            "jsonData": {
                "host": host,
                "port": port,
                "protocol": "http",
                "secure": secure,
                "path": path,
                "username": "grafana",
                "defaultDatabase": "otel",
                "forwardGrafanaHeaders": True,
            },
            "secureJsonData": {"password": self._token},
        }

    def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return self._call("GET", path)
        except _Missing:
            return None

    def _call(
        self, method: str, path: str, content: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        url = self._settings.url.rstrip("/") + quote(path)
        _split(url)
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(  # noqa: S310 # _split lets http and https pass
            url, data, self._headers, method=method
        )
        try:
            with urllib.request.urlopen(  # noqa: S310 # as above
                request, timeout=self._settings.timeout
            ) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise _refusal(error, method, path) from None
        except (OSError, ValueError) as error:
            raise Unavailable(
                explain(
                    f"no answer of Grafana at {self._settings.url} "
                    f"({type(error).__name__})",
                    "Grafana's HTTP API",
                    "set grafana.url",
                )
            ) from None


class _Missing(GrafanaRefused):
    """Grafana has no such thing."""


def _refusal(error: urllib.error.HTTPError, method: str, path: str) -> AlgovigilError:
    try:
        message = str(json.load(error)["message"])[:200]
    except (OSError, ValueError, KeyError, TypeError):
        message = ""
    text = f"{error.code} for {method} {path}" + (f": {message}" if message else "")
    if error.code == 404 and method == "GET":
        return _Missing(explain(text, "something there"))
    hints = {
        401: "set GRAFANA_API_KEY, or GRAFANA_USERNAME and GRAFANA_PASSWORD",
        403: "the account needs to write data sources, folders and dashboards",
    }
    return GrafanaRefused(explain(text, "success", hints.get(error.code, "")))


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    key = environ.get("GRAFANA_API_KEY", "")
    if key:
        return {"Authorization": f"Bearer {key}"}
    user, password = (environ.get(f"GRAFANA_{n}", "") for n in ("USERNAME", "PASSWORD"))
    if not user:
        return {}
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {basic}"}


def _split(url: str) -> tuple[str, int, bool, str]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise ConfigError(
            explain(f"the URL `{url}`", "http://host:port or https://host:port")
        )
    secure = parts.scheme == "https"
    return (
        parts.hostname,
        port or (443 if secure else 80),
        secure,
        parts.path.strip("/"),
    )
