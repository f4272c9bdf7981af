"""Where a channel may reach: the public Internet, and what the operator named."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Any

import pytest

from algovigil.errors import ConfigError
from algovigil_processor.alert.deliver import Result
from algovigil_processor.alert.deliver.http import Poster, allowed, check_networks

if TYPE_CHECKING:
    from algovigil_processor.alert.deliver.http import Network

WARD = (ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:1::/32"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",  # the metadata of clouds
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",  # 127.0.0.1 by NAT64
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",  # 127.0.0.1 by 6to4
        "2002:a00:1::",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # 10.0.0.1 by Teredo
    ],
)
def test_no_way_into_the_house(address: str) -> None:
    """However an address of the house is written."""
    assert not allowed(ipaddress.ip_address(address), ())


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("93.184.215.14", ()),
        ("2606:4700::6810:84e5", ()),
        ("64:ff9b::5db8:d70e", ()),  # a public one by NAT64
        ("10.20.3.4", WARD),
        ("::ffff:10.20.3.4", WARD),
        ("fd00:1::9", WARD),
    ],
)
def test_public_and_named(address: str, networks: tuple[Network, ...]) -> None:
    """What is public, and what the settings name."""
    assert allowed(ipaddress.ip_address(address), networks)


def test_naming_a_network_opens_no_other() -> None:
    """Neither its neighbours nor loopback."""
    for address in ("10.21.0.1", "127.0.0.1", "fd00:2::1"):
        assert not allowed(ipaddress.ip_address(address), WARD)


class Names:
    """A resolver that answers as it is told."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def __call__(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        return [(2, 1, 6, "", (address, port)) for address in self.addresses]


def post(names: Names, monkeypatch: pytest.MonkeyPatch) -> object:
    """What a post to a name that leads to *names* comes to."""
    poster = Poster("http://hooks.hospital.example:9/x?token=secret", 0.2, ())

    async def run() -> object:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getaddrinfo", names)
        return await poster.post(b"{}", {})

    return asyncio.run(run())


def test_a_name_that_leads_inside_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused for good: another try would be no other."""
    names = Names("127.0.0.1", "169.254.169.254", "::1")
    assert Result("forbidden_address") == post(names, monkeypatch)
    assert not Result("forbidden_address").may_retry


def test_a_name_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was judged is what is connected to: rebinding reaches nothing else."""
    names = Names("127.0.0.1")
    post(names, monkeypatch)
    assert 1 == names.asked


@pytest.mark.parametrize("network", ["10.0.0.1/8", "ten", "10.0.0.0/33", ""])
def test_what_is_no_network_is_refused(network: str) -> None:
    """At start, with what was found and what was expected."""
    with pytest.raises(ConfigError, match="private_networks"):
        check_networks([network])
