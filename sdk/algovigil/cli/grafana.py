"""`algovigil grafana provision`: data sources and dashboards into a running Grafana."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "grafana"
HELP = "Put data sources and dashboards into a Grafana that runs."
_EPILOG = """\
Credentials come from the environment: GRAFANA_API_KEY, or GRAFANA_USERNAME and
GRAFANA_PASSWORD. ALGOVIGIL_TOKEN becomes the password of the ClickHouse data source.
Doing it again changes nothing.

examples:
  algovigil grafana provision --clickhouse http://processor:8123
  algovigil grafana provision --grafana https://grafana.hospital.example \\
      --clickhouse https://algovigil.hospital.example:8443 \\
      --prometheus http://prometheus:9090 --json

The URLs are as Grafana sees them, not as you do.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what goes where."""
    parser.add_argument("what", choices=["provision"], help="what to do")
    parser.add_argument("--config", metavar="F", help="the YAML file of settings")
    parser.add_argument("--grafana", metavar="URL", help="instead of grafana.url")
    parser.add_argument("--clickhouse", metavar="URL", help="the SQL port")
    parser.add_argument("--prometheus", metavar="URL", help="a Prometheus")
    parser.add_argument("--json", action="store_true", help="print what was written")
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Write them, and say where they are.

    Raises:
        ConfigError: nothing to read from is named, or a URL is none.
        Unavailable: Grafana does not answer.
        GrafanaRefused: Grafana refuses.
    """
    from algovigil.config import MonitoringConfig
    from algovigil.dashboards import GrafanaIntegration

    config = (
        MonitoringConfig.load(args.config)
        if args.config
        else MonitoringConfig.from_environment()
    )
    if args.grafana:
        grafana = dataclasses.replace(config.grafana, url=args.grafana)
        config = dataclasses.replace(config, grafana=grafana)
    integration = GrafanaIntegration(config)
    sources = {}
    for name, url in (
        ("Algovigil", args.clickhouse),
        ("Algovigil Prometheus", args.prometheus),
    ):
        if url:
            sources[name] = integration.configure_data_source(name, url)
    paths = integration.create_all()
    if args.json:
        sys.stdout.write(json.dumps({"sources": sources, "dashboards": paths}) + "\n")
        return 0
    for name, uid in sources.items():
        print(f"data source {name} ({uid})")
    for path in paths:
        print(f"dashboard   {config.grafana.url.rstrip('/')}{path}")
    return 0
