"""`algovigil serve`: run the processor until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from algovigil import MonitoringConfig
from algovigil_processor.listen import Address, Listen
from algovigil_processor.memory import give_back, settle

if TYPE_CHECKING:
    import argparse

NAME: Final = "serve"
HELP: Final = "Run the processor: OTLP in, PHI out, ClickHouse, drift, alerts."
EPILOG: Final = """\
examples:
  algovigil serve
      OTLP on 4317 (gRPC) and 4318 (HTTP), SQL on 8123, API on 8080, all on
      127.0.0.1; data in ./algovigil-data
  algovigil serve --config monitoring_config.yaml --data-dir /var/lib/algovigil
  algovigil serve --grpc 127.0.0.1:0 --json
      take any free port and print the addresses as one line of JSON

Without --config the file that ALGOVIGIL_CONFIG names is read, and
ALGOVIGIL_<SECTION>_<KEY> sets one key. ALGOVIGIL_PHI_KEY (32 bytes or more) makes
pseudonyms; without it identifiers are dropped. Exit codes: 0 stopped in order,
1 fault, 2 refused to start.
"""
_PORTS: Final = ("grpc", "http", "sql", "api")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    defaults = Listen()
    parser.add_argument("--config", metavar="F", help="the YAML file of settings")
    parser.add_argument(
        "--data-dir",
        metavar="D",
        default="algovigil-data",
        help="where everything is kept (default: ./algovigil-data)",
    )
    for name in _PORTS:
        default = str(getattr(defaults, name))
        parser.add_argument(
            f"--{name}",
            metavar="H:P",
            default=default,
            help=f"where {name} listens; port 0 takes any (default: {default})",
        )
    parser.add_argument("--json", action="store_true", help="print addresses as JSON")
    parser.add_argument("--debug", action="store_true", help="log more; never data")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    give_back()
    logging.basicConfig(
        level=logging.DEBUG if args.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for chatty in ("uvicorn", "httpx"):  # httpx logs URLs, and a webhook's is a secret
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if args.config:
        config = MonitoringConfig.load(args.config)
    else:
        config = MonitoringConfig.from_environment()
    listen = Listen(
        **{name: Address.parse(getattr(args, name), f"--{name}") for name in _PORTS}
    )
    return asyncio.run(_serve(config, Path(args.data_dir), listen, args.json))


async def _serve(
    config: MonitoringConfig, data_dir: Path, listen: Listen, as_json: bool
) -> int:
    # imported late: help and refused options need none of its weight
    from algovigil_processor.app import App

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    app = App(config, data_dir, listen)
    starting = asyncio.create_task(app.start())
    told = asyncio.create_task(stopping.wait())
    try:
        # a start may wait for a database that is away; a signal ends that too
        await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
            return 0
        taken = starting.result()
        settle()
        _announce(taken, data_dir, config, as_json)
        await told
    finally:
        await app.stop()
    return 0


def _announce(
    taken: Listen, data_dir: Path, config: MonitoringConfig, as_json: bool
) -> None:
    if as_json:
        addresses = {name: str(getattr(taken, name)) for name in _PORTS}
        text = json.dumps({"ready": True, **addresses})
    else:
        version = importlib.metadata.version("algovigil")
        text = (
            f"algovigil {version} is ready; PHI preset {config.phi.preset}, "
            f"data in {data_dir}\n"
            f"  OTLP/gRPC  {taken.grpc}\n"
            f"  OTLP/HTTP  http://{taken.http}\n"
            f"  SQL        http://{taken.sql}\n"
            f"  API        http://{taken.api}"
        )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
