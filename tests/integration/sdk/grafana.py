"""A stand-in that holds callers to Grafana's documented HTTP API.

Data sources, folders and dashboards as docs/sources/developers/http_api has them:
names are unique, a dashboard needs a title and a folder that exists, an existing uid
needs `overwrite`, ids are Grafana's own, the newer dashboard model is refused.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
from typing import Any

FIELDS = {"uid", "name", "type", "access", "url", "jsonData", "secureJsonData"}


class Grafana:
    """`with` serves it on a free port; `requests` counts what changed something."""

    def __init__(self, *, key: str = "glsa_test", broken: int = 0) -> None:
        self.sources: dict[str, dict[str, Any]] = {}
        self.folders: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []
        self._key = key
        self._broken = broken

    def answer(
        self, method: str, path: str, headers: Any, body: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        """Return status and answer."""
        if self._broken:
            return self._broken, {"message": "broken on purpose"}
        if headers.get("Authorization") not in (
            f"Bearer {self._key}",
            "Basic YWRtaW46c2VjcmV0",  # admin:secret
        ):
            return 401, {"message": "Invalid API key"}
        if method != "GET":
            self.writes.append(f"{method} {path}")
        uid = path.rpartition("/")[2]
        if path.startswith("/api/datasources"):
            return self._source(method, path, uid, body)
        if path.startswith("/api/folders"):
            return self._folder(method, uid, body)
        if (method, path) == ("POST", "/api/dashboards/db"):
            return self._dashboard(body or {})
        return 404, {"message": "Not found"}

    def _source(
        self, method: str, path: str, uid: str, body: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            if uid not in self.sources:
                return 404, {"message": "Data source not found"}
            found = {k: v for k, v in self.sources[uid].items() if "secure" not in k}
            return 200, found
        assert body is not None
        if set(body) - FIELDS or not all(body.get(k) for k in ("name", "type")):
            return 400, {"message": "bad request data"}
        names = {s["name"] for u, s in self.sources.items() if u != body["uid"]}
        if method == "POST" and (body["uid"] in self.sources or body["name"] in names):
            return 409, {"message": "data source with the same name already exists"}
        if method == "PUT" and uid not in self.sources:
            return 404, {"message": "Data source not found"}
        self.sources[body["uid"]] = body
        return 200, {"message": "ok", "datasource": {"uid": body["uid"]}}

    def _folder(
        self, method: str, uid: str, body: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            if uid not in self.folders:
                return 404, {"message": "folder not found"}
            return 200, self.folders[uid]
        assert body is not None
        if not body.get("title"):
            return 400, {"message": "folder title cannot be empty"}
        if body["uid"] in self.folders:
            return 412, {"message": "the folder has been changed by someone else"}
        self.folders[body["uid"]] = body
        return 200, body

    def _dashboard(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        dashboard = body["dashboard"]
        uid = dashboard["uid"]
        if "spec" in dashboard or "elements" in dashboard:
            return 400, {"message": "dashboard appears to be in v2 format"}
        if not dashboard.get("title"):
            return 400, {"message": "Dashboard title cannot be empty"}
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", uid):
            return 400, {"message": "uid contains illegal characters"}
        if body.get("folderUid") not in self.folders:
            return 400, {"message": "folder not found"}
        if dashboard.get("id") is not None:
            return 404, {"message": "Dashboard not found"}
        if uid in self.dashboards and not body.get("overwrite"):
            return 412, {"message": "A dashboard with the same uid already exists"}
        self.dashboards[uid] = dashboard
        return 200, {"uid": uid, "url": f"/d/{uid}/x", "status": "success"}

    def __enter__(self) -> Grafana:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                status, found = outer.answer(
                    self.command, self.path, self.headers, body
                )
                data = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 # the server's own names

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
