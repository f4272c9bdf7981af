"""Where the processor listens: addresses, and sockets bound to them.

A port is bound before anything is opened, so that a taken one costs nothing; it
listens only once the processor can keep what arrives.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from algovigil.errors import explain
from algovigil_processor.errors import StartError


@dataclass(frozen=True, slots=True)
class Address:
    """`host:port`; port 0 takes any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, option: str) -> Address:
        """Read `H:P`.

        Raises:
            StartError: *text* is something else; the message names *option*.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise StartError(
                explain(
                    f"{option} {text!r}",
                    "HOST:PORT with a port from 0 to 65535",
                    f"{option} 127.0.0.1:0 takes any free port",
                )
            )
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the processor listens; after its start, where it really does."""

    grpc: Address = Address("127.0.0.1", 4317)
    http: Address = Address("127.0.0.1", 4318)
    sql: Address = Address("127.0.0.1", 8123)
    api: Address = Address("127.0.0.1", 8080)


def bind(address: Address, option: str) -> socket.socket:
    """Return a bound socket that does not listen yet.

    Raises:
        StartError: the port is taken, or the host is not this machine's.
    """
    try:
        family = socket.getaddrinfo(address.host, address.port)[0][0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address.host, address.port))
    except OSError as error:
        raise StartError(
            explain(
                f"the address {address} cannot be bound: {error.strerror}",
                "a free port of this machine",
                f"stop what listens there, or choose another with {option}",
            )
        ) from None
    return sock
